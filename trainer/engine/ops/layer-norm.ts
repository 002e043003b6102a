import { tf } from '../tf.ts';

/** What `layerNorm` means, in tfjs ops. */
export function layerNormComposition(
  x: tf.Tensor,
  gain: tf.Tensor1D,
  bias: tf.Tensor1D,
  epsilon = 1e-5,
): tf.Tensor {
  return tf.tidy(() => {
    const centred = x.sub(x.mean(-1, true));
    const variance = centred.square().mean(-1, true);
    return centred.mul(variance.add(epsilon).rsqrt()).mul(gain).add(bias);
  });
}

/**
 * Layer normalisation over the last axis, with the biased variance (Ba et al. 2016).
 * @param x float32 [...,D]
 * @param gain float32 [D]
 * @param bias float32 [D]
 */
export function layerNorm(x: tf.Tensor, gain: tf.Tensor1D, bias: tf.Tensor1D, epsilon = 1e-5): tf.Tensor {
  return layerNormComposition(x, gain, bias, epsilon);
}
