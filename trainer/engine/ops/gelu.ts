import { tf } from '../tf.ts';

/**
 * GELU in its tanh form, `gelu_new` of GPT-2 (Hendrycks and Gimpel 2016): 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).
 * The native device fuses it into `linear`.
 */
export function geluComposition<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => {
    const cube = x.mul(x).mul(x);
    const inner = x.add(cube.mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(0.5).mul(inner.tanh().add(1)) as T;
  });
}
