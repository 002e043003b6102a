import { tf } from '../tf.ts';

/** What `tokenEntropy` means, in tfjs ops. */
export function tokenEntropyComposition(logits: tf.Tensor2D, temperature = 1): tf.Tensor1D {
  return tf.tidy(() => {
    const logProbs = tf.logSoftmax(logits.mul(1 / temperature));
    return logProbs.exp().mul(logProbs).sum(-1).neg() as tf.Tensor1D;
  });
}

/**
 * The entropy of softmax(logits / temperature) of each row, in nats.
 * @param logits float32 [N,V]
 * @returns float32 [N]; the gradient flows into the logits
 */
export function tokenEntropy(logits: tf.Tensor2D, temperature = 1): tf.Tensor1D {
  return tokenEntropyComposition(logits, temperature);
}
