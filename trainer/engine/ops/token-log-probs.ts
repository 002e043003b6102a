import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused, savedAt } from './native-gradient.ts';

/** What `tokenLogProbs` means, in tfjs ops. */
export function tokenLogProbsComposition(
  logits: tf.Tensor2D,
  targets: tf.Tensor1D,
  temperature = 1,
): tf.Tensor1D {
  return tf.tidy(() => {
    const logProbs = tf.logSoftmax(logits.mul(1 / temperature));
    const chosen = tf.oneHot(targets, logits.shape[1]).toFloat();
    return logProbs.mul(chosen).sum(-1) as tf.Tensor1D;
  });
}

function tokenLogProbsNative(
  native: NativeBackend,
  logits: tf.Tensor2D,
  targets: tf.Tensor1D,
  temperature: number,
): tf.Tensor1D {
  const [rows, width] = logits.shape;
  return fused([logits], {
    forward(save) {
      const out = native.output<tf.Tensor1D>([rows]);
      const logSums = native.output([rows]);
      const chosen = native.ints(targets);
      const inputs = [native.floats(logits), chosen, temperature] as const;
      const outside = native.addon.logProbs(rows, width, ...inputs, out.values, logSums.values);
      if (outside >= 0) {
        throw new TrainerError(
          `Target token ${chosen[outside]} of row ${outside} is not in the vocabulary of ${width}.`,
        );
      }
      save([logits, targets, logSums.tensor]);
      return out.tensor;
    },
    backward(dy, saved) {
      const dlogits = native.output([rows, width]);
      const inputs = [native.floats(savedAt(saved, 0)), native.ints(savedAt(saved, 1)), temperature] as const;
      const logSums = native.floats(savedAt(saved, 2));
      native.addon.logProbsGradient(rows, width, ...inputs, logSums, native.floats(dy), dlogits.values);
      return [dlogits.tensor];
    },
  });
}

/**
 * The log-probability of each row's target under softmax(logits / temperature), in nats.
 * @param logits float32 [N,V]
 * @param targets int32 [N]
 * @returns float32 [N]; the gradient flows into the logits
 */
export function tokenLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D, temperature = 1): tf.Tensor1D {
  if (targets.size !== logits.shape[0]) {
    throw new TrainerError(
      `tokenLogProbs: ${logits.shape[0]} rows of logits came with ${targets.size} targets.`,
    );
  }
  const native = nativeBackend();
  return native
    ? tokenLogProbsNative(native, logits, targets, temperature)
    : tokenLogProbsComposition(logits, targets, temperature);
}
