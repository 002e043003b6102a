import { tf } from '../tf.ts';

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

/**
 * The log-probability of each row's target under softmax(logits / temperature), in nats.
 * @param logits float32 [N,V]
 * @param targets int32 [N]
 * @returns float32 [N]; the gradient flows into the logits
 */
export function tokenLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D, temperature = 1): tf.Tensor1D {
  return tokenLogProbsComposition(logits, targets, temperature);
}
