import { pullBack } from './tape.ts';
import { tf } from './tf.ts';

/**
 * `f(x)` of which the backward pass keeps nothing but x: it computes f again and walks back through that (gradient
 * checkpointing, Chen et al. 2016). Value and gradients are the same bits as without, for one more forward pass of f.
 *
 * @param parameters what f reads besides x and what gradients flow into; f may use no other tensor that it did not make
 * @param f called twice, so it must give the same both times: seeds of dropout by place, not by turn
 */
export function recomputed<T extends tf.Tensor>(
  x: tf.Tensor,
  parameters: readonly tf.Tensor[],
  f: (x: tf.Tensor) => T,
): T {
  if (!tf.engine().isTapeOn()) return tf.tidy(() => f(x));
  const run = tf.customGrad<T>((...values) => {
    const save = values[1 + parameters.length] as unknown as tf.GradSaveFunc;
    save([x]);
    return {
      value: f(x),
      gradFunc: (dy: T, saved: tf.Tensor[]) => {
        const [again = x] = saved;
        return pullBack(() => f(again), [again, ...parameters], dy);
      },
    };
  });
  return run(x, ...parameters);
}
