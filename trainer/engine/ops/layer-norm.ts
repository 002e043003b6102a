import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

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

function layerNormNative(
  native: NativeBackend,
  x: tf.Tensor,
  gain: tf.Tensor1D,
  bias: tf.Tensor1D,
  epsilon: number,
): tf.Tensor {
  const width = gain.size;
  const rows = width === 0 ? 0 : x.size / width;
  return fused([x, gain, bias], {
    forward(save) {
      const y = native.output(x.shape);
      const mean = native.output([rows]);
      const scale = native.output([rows]);
      const inputs = [native.floats(x), native.floats(gain), native.floats(bias)] as const;
      native.addon.layerNorm(rows, width, ...inputs, epsilon, y.values, mean.values, scale.values);
      save([x, gain, mean.tensor, scale.tensor]);
      return y.tensor;
    },
    backward(dy, saved) {
      const dx = native.output(x.shape);
      const dgain = native.output([width]);
      const dbias = native.output([width]);
      const floats = (index: number): Float32Array => native.floats(savedAt(saved, index));
      const outputs = [dx.values, dgain.values, dbias.values] as const;
      const inputs = [floats(0), floats(1), floats(2), floats(3), native.floats(dy)] as const;
      native.addon.layerNormGradient(rows, width, ...inputs, ...outputs);
      return [dx.tensor, dgain.tensor, dbias.tensor];
    },
  });
}

/**
 * Layer normalisation over the last axis, with the biased variance (Ba et al. 2016).
 * @param x float32 [...,D]
 * @param gain float32 [D]
 * @param bias float32 [D]
 */
export function layerNorm(x: tf.Tensor, gain: tf.Tensor1D, bias: tf.Tensor1D, epsilon = 1e-5): tf.Tensor {
  const native = nativeBackend();
  return native
    ? layerNormNative(native, x, gain, bias, epsilon)
    : layerNormComposition(x, gain, bias, epsilon);
}
