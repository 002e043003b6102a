import { tf } from '../tf.ts';

/** What a fused op hands to the tape. */
export interface FusedOp<T extends tf.Tensor> {
  /** runs the kernel; `save` keeps tensors for `backward`, and does nothing when no gradient is wanted */
  forward(save: (tensors: tf.Tensor[]) => void): T;
  /** one gradient for each input, from the output's and the saved tensors */
  backward(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[];
}

/**
 * Runs a fused op with the gradient that it brings. Outside of a gradient it skips tfjs's book-keeping.
 * @param inputs what gradients flow into
 */
export function fused<T extends tf.Tensor>(inputs: tf.Tensor[], op: FusedOp<T>): T {
  if (!tf.engine().isTapeOn()) return tf.tidy(() => op.forward(() => undefined));
  const run = tf.customGrad<T>((...values) => {
    const save = values[inputs.length] as tf.GradSaveFunc;
    return { value: op.forward(save), gradFunc: (dy, saved) => op.backward(dy, saved) };
  });
  return run(...inputs);
}

/** A saved tensor by its place. */
export function savedAt<T extends tf.Tensor>(saved: tf.Tensor[], index: number): T {
  const tensor = saved[index];
  if (!tensor) throw new Error(`A fused op reads saved tensor ${index} of ${saved.length}.`);
  return tensor as T;
}
