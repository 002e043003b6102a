import { tf } from '../../engine/tf.ts';

/** Sums over tokens that are watched while PPO learns; divide by `tokens`. */
export interface RatioSums {
  tokens: number;
  /** Tokens whose ratio left 1 ± clip. */
  clipped: number;
  /** (ratio − 1) − log ratio, an unbiased and never negative estimate of KL(old ‖ new) (Schulman 2020, k3). */
  kl: number;
  ratio: number;
  ratioSquared: number;
}

/**
 * The clipped surrogate of PPO (Schulman et al. 2017, equation 7), to be minimised:
 * Σ max(−A ratio, −A clip(ratio, 1 ± ε)) / divisor, with ratio = exp(log π − log π_old).
 *
 * @param logProbs log π of the tokens under the policy that learns, float32 [N]
 * @param divisor the tokens of the whole minibatch
 */
export function clippedPolicyLoss(
  logProbs: tf.Tensor1D,
  oldLogProbs: Float32Array,
  advantages: Float32Array,
  clip: number,
  divisor: number,
): tf.Scalar {
  const ratio = tf.exp(tf.sub(logProbs, tf.tensor1d(oldLogProbs)));
  const negative = tf.tensor1d(advantages.map((advantage) => -advantage));
  const plain = tf.mul(negative, ratio);
  const clipped = tf.mul(negative, tf.clipByValue(ratio, 1 - clip, 1 + clip));
  return tf.div(tf.sum(tf.maximum(plain, clipped)), divisor).asScalar();
}

/**
 * The clipped value loss (openai/baselines, lm-human-preferences), to be minimised:
 * Σ ½ max((V − R)², (clip(V, V_old ± ε) − R)²) / divisor.
 *
 * @param values V of the tokens under the model that learns, float32 [N]
 */
export function clippedValueLoss(
  values: tf.Tensor1D,
  oldValues: Float32Array,
  returns: Float32Array,
  clip: number,
  divisor: number,
): tf.Scalar {
  const old = tf.tensor1d(oldValues);
  const target = tf.tensor1d(returns);
  const near = tf.add(old, tf.clipByValue(tf.sub(values, old), -clip, clip));
  const plain = tf.squaredDifference(values, target);
  const clipped = tf.squaredDifference(near, target);
  return tf.div(tf.sum(tf.maximum(plain, clipped)), 2 * divisor).asScalar();
}

/** Adds a micro-batch's ratios to the sums. */
export function countRatios(
  sums: RatioSums,
  logProbs: ArrayLike<number>,
  oldLogProbs: ArrayLike<number>,
  clip: number,
): void {
  for (let i = 0; i < logProbs.length; i++) {
    const logRatio = (logProbs[i] ?? 0) - (oldLogProbs[i] ?? 0);
    const ratio = Math.exp(logRatio);
    sums.tokens += 1;
    sums.clipped += Math.abs(ratio - 1) > clip ? 1 : 0;
    sums.kl += Math.expm1(logRatio) - logRatio;
    sums.ratio += ratio;
    sums.ratioSquared += ratio ** 2;
  }
}
