import { embedding } from '../../engine/ops/embedding.ts';
import { tf } from '../../engine/tf.ts';

/** Ordered pairs of scores, as indices into one vector of scores, each with its share in the loss. */
export interface ScorePairs {
  better: Int32Array;
  worse: Int32Array;
  /** 1 / (pairs of the ranking × rankings of the step) */
  weights: Float32Array;
}

/**
 * Gathers the pairs of several rankings whose scores stand one after the other. A ranking weighs the same however many
 * completions it has: each of its pairs counts 1 / C(K,2) where nothing ties (InstructGPT, equation 1).
 *
 * @param rankings each with its number of completions and its ordered pairs [better, worse]; ties are no pairs
 * @param total the number of rankings in the whole step
 */
export function gatherPairs(
  rankings: readonly { count: number; pairs: readonly (readonly [number, number])[] }[],
  total: number,
): ScorePairs {
  const better: number[] = [];
  const worse: number[] = [];
  const weights: number[] = [];
  let offset = 0;
  for (const { count, pairs } of rankings) {
    for (const [b, w] of pairs) {
      better.push(offset + b);
      worse.push(offset + w);
      weights.push(1 / (pairs.length * total));
    }
    offset += count;
  }
  return {
    better: Int32Array.from(better),
    worse: Int32Array.from(worse),
    weights: Float32Array.from(weights),
  };
}

/**
 * Σ weight · (−log σ(r_better − r_worse) + centering · (r_better + r_worse)²), a scalar. With the weights of `gatherPairs`
 * and no centering: the mean over rankings of −1/C(K,2) Σ log σ(r_w − r_l).
 *
 * @param scores float32 [N], one for each completion
 */
export function pairwiseLoss(scores: tf.Tensor1D, pairs: ScorePairs, centering = 0): tf.Scalar {
  return tf.tidy(() => {
    const column = scores.reshape<tf.Tensor2D>([scores.size, 1]);
    const better = embedding(column, tf.tensor1d(pairs.better, 'int32')).flatten();
    const worse = embedding(column, tf.tensor1d(pairs.worse, 'int32')).flatten();
    // softplus(−Δ) = −log σ(Δ), which does not overflow for large differences.
    let losses = tf.softplus(tf.sub(worse, better));
    if (centering > 0) losses = tf.add(losses, tf.mul(centering, tf.square(tf.add(better, worse))));
    return tf.sum(tf.mul(losses, tf.tensor1d(pairs.weights))).asScalar();
  });
}
