import { embedding } from '../../engine/ops/embedding.ts';
import { tf } from '../../engine/tf.ts';

/** Ordered pairs of scores, as indices into one vector of scores, each with its share in the loss. */
export interface ScorePairs {
  better: Int32Array;
  worse: Int32Array;
  /** 1 / (pairs of the ranking × rankings of the step) */
  weights: Float32Array;
  /** by how much the difference should exceed 0 */
  margins: Float32Array;
}

/** The pairs of a ranking whose completions have scores. */
interface RankingPairs {
  /** completions of the ranking */
  count: number;
  /** [better, worse]; ties are no pairs */
  pairs: readonly (readonly [number, number])[];
  /** of each pair; 0 if left out */
  margins?: readonly number[] | undefined;
}

/**
 * Gathers the pairs of several rankings whose scores stand one after the other. A ranking weighs the same however many
 * completions it has: each of its pairs counts 1 / C(K,2) where nothing ties (InstructGPT, equation 1).
 *
 * @param total the number of rankings in the whole step
 */
export function gatherPairs(rankings: readonly RankingPairs[], total: number): ScorePairs {
  const better: number[] = [];
  const worse: number[] = [];
  const weights: number[] = [];
  const margins: number[] = [];
  let offset = 0;
  for (const { count, pairs, margins: own } of rankings) {
    for (const [i, [b, w]] of pairs.entries()) {
      better.push(offset + b);
      worse.push(offset + w);
      weights.push(1 / (pairs.length * total));
      margins.push(own?.[i] ?? 0);
    }
    offset += count;
  }
  return {
    better: Int32Array.from(better),
    worse: Int32Array.from(worse),
    weights: Float32Array.from(weights),
    margins: Float32Array.from(margins),
  };
}

/**
 * Σ weight · (−log σ(r_better − r_worse − margin) + centering · (r_better + r_worse)²), a scalar. With the weights of
 * `gatherPairs`, no margins and no centering: the mean over rankings of −1/C(K,2) Σ log σ(r_w − r_l).
 *
 * @param scores float32 [N], one for each completion
 */
export function pairwiseLoss(scores: tf.Tensor1D, pairs: ScorePairs, centering = 0): tf.Scalar {
  return tf.tidy(() => {
    const { better, worse } = takePairs(scores, pairs);
    // softplus(−Δ) = −log σ(Δ), which does not overflow for large differences.
    let losses = tf.softplus(tf.add(tf.sub(worse, better), tf.tensor1d(pairs.margins)));
    if (centering > 0) losses = tf.add(losses, tf.mul(centering, tf.square(tf.add(better, worse))));
    return tf.sum(tf.mul(losses, tf.tensor1d(pairs.weights))).asScalar();
  });
}

/** How DPO judges a pair; see `preferenceLoss`. */
export interface PreferenceLoss {
  beta: number;
  loss: 'sigmoid' | 'ipo';
  labelSmoothing: number;
}

/**
 * Σ weight · ℓ(Δ), Δ = r_better − r_worse of implicit rewards r = β (log π − log π_ref), a scalar.
 *
 * 'sigmoid': ℓ = −(1 − ε) log σ(Δ) − ε log σ(−Δ): DPO (Rafailov et al. 2023, equation 7), with label smoothing ε (cDPO,
 * Mitchell 2023). 'ipo': ℓ = (Δ/β − 1/(2β))² (Azar et al. 2023, equation 17).
 *
 * @param rewards float32 [N], one for each completion
 */
export function preferenceLoss(
  rewards: tf.Tensor1D,
  pairs: ScorePairs,
  { beta, loss, labelSmoothing }: PreferenceLoss,
): tf.Scalar {
  return tf.tidy(() => {
    const { better, worse } = takePairs(rewards, pairs);
    const difference = tf.sub(better, worse);
    // −log σ(−Δ) = −log σ(Δ) + Δ.
    const losses =
      loss === 'ipo'
        ? tf.square(tf.sub(tf.div(difference, beta), 1 / (2 * beta)))
        : tf.add(tf.softplus(tf.neg(difference)), tf.mul(labelSmoothing, difference));
    return tf.sum(tf.mul(losses, tf.tensor1d(pairs.weights))).asScalar();
  });
}

/** −log σ(x), without overflow. */
export function negativeLogSigmoid(x: number): number {
  return Math.log1p(Math.exp(-Math.abs(x))) + Math.max(0, -x);
}

/** `preferenceLoss` of one pair, as a number. */
export function preferenceLossOf(difference: number, { beta, loss, labelSmoothing }: PreferenceLoss): number {
  return loss === 'ipo'
    ? (difference / beta - 1 / (2 * beta)) ** 2
    : negativeLogSigmoid(difference) + labelSmoothing * difference;
}

/** The scores of the pairs' better and worse completions, float32 [pairs] each. */
function takePairs(scores: tf.Tensor1D, pairs: ScorePairs): { better: tf.Tensor1D; worse: tf.Tensor1D } {
  const column = scores.reshape<tf.Tensor2D>([scores.size, 1]);
  const take = (places: Int32Array): tf.Tensor1D => embedding(column, tf.tensor1d(places, 'int32')).flatten();
  return { better: take(pairs.better), worse: take(pairs.worse) };
}
