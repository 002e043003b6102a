import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

/** What `rmsNorm` means, in tfjs ops. */
export function rmsNormComposition(x: tf.Tensor, gain: tf.Tensor1D, epsilon = 1e-6): tf.Tensor {
  return tf.tidy(() => x.mul(x.square().mean(-1, true).add(epsilon).rsqrt()).mul(gain));
}

function rmsNormNative(native: NativeBackend, x: tf.Tensor, gain: tf.Tensor1D, epsilon: number): tf.Tensor {
  const width = gain.size;
  const rows = width === 0 ? 0 : x.size / width;
  return fused([x, gain], {
    forward(save) {
      const y = native.output(x.shape);
      const scale = native.output([rows]);
      const inputs = [native.floats(x), native.floats(gain)] as const;
      native.addon.rmsNorm(rows, width, ...inputs, epsilon, y.values, scale.values);
      save([x, gain, scale.tensor]);
      return y.tensor;
    },
    backward(dy, saved) {
      const dx = native.output(x.shape);
      const dgain = native.output([width]);
      const floats = (index: number): Float32Array => native.floats(savedAt(saved, index));
      const inputs = [floats(0), floats(1), floats(2), native.floats(dy)] as const;
      native.addon.rmsNormGradient(rows, width, ...inputs, dx.values, dgain.values);
      return [dx.tensor, dgain.tensor];
    },
  });
}

/**
 * Root-mean-square normalisation over the last axis (Zhang and Sennrich 2019): x / √(mean(x²) + ε) · gain.
 * @param x float32 [...,D]
 * @param gain float32 [D]
 */
export function rmsNorm(x: tf.Tensor, gain: tf.Tensor1D, epsilon = 1e-6): tf.Tensor {
  const native = nativeBackend();
  return native ? rmsNormNative(native, x, gain, epsilon) : rmsNormComposition(x, gain, epsilon);
}
