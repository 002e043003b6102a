import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

/** What `tokenEntropy` means, in tfjs ops. */
export function tokenEntropyComposition(logits: tf.Tensor2D, temperature = 1): tf.Tensor1D {
  return tf.tidy(() => {
    const logProbs = tf.logSoftmax(logits.mul(1 / temperature));
    return logProbs.exp().mul(logProbs).sum(-1).neg() as tf.Tensor1D;
  });
}

function tokenEntropyNative(native: NativeBackend, logits: tf.Tensor2D, temperature: number): tf.Tensor1D {
  const [rows, width] = logits.shape;
  return fused([logits], {
    forward(save) {
      const out = native.output<tf.Tensor1D>([rows]);
      const logSums = native.output([rows]);
      native.addon.entropy(rows, width, native.floats(logits), temperature, out.values, logSums.values);
      save([logits, out.tensor, logSums.tensor]);
      return out.tensor;
    },
    backward(dy, saved) {
      const dlogits = native.output([rows, width]);
      const floats = (index: number): Float32Array => native.floats(savedAt(saved, index));
      const inputs = [floats(1), floats(2), native.floats(dy)] as const;
      native.addon.entropyGradient(rows, width, floats(0), temperature, ...inputs, dlogits.values);
      return [dlogits.tensor];
    },
  });
}

/**
 * The entropy of softmax(logits / temperature) of each row, in nats.
 * @param logits float32 [N,V]
 * @returns float32 [N]; the gradient flows into the logits
 */
export function tokenEntropy(logits: tf.Tensor2D, temperature = 1): tf.Tensor1D {
  const native = nativeBackend();
  return native
    ? tokenEntropyNative(native, logits, temperature)
    : tokenEntropyComposition(logits, temperature);
}
