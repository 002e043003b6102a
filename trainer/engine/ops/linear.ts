import { tf } from '../tf.ts';
import { geluComposition } from './gelu.ts';

export interface LinearOptions {
  activation?: 'gelu' | undefined;
  /** weight is [O,I] instead of [I,O], as in a head tied to the token embedding */
  transposeWeight?: boolean | undefined;
}

/** What `linear` means, in tfjs ops. */
export function linearComposition(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  { activation, transposeWeight = false }: LinearOptions = {},
): tf.Tensor {
  return tf.tidy(() => {
    const inputs = x.shape.at(-1) ?? 1;
    const outputs = weight.shape[transposeWeight ? 0 : 1];
    let y: tf.Tensor2D = tf.matMul(x.reshape([-1, inputs]) as tf.Tensor2D, weight, false, transposeWeight);
    if (bias) y = y.add(bias);
    if (activation === 'gelu') y = geluComposition(y);
    return y.reshape([...x.shape.slice(0, -1), outputs]);
  });
}

/**
 * x · weight + bias, then the activation.
 * @param x float32 [...,I]
 * @param weight float32 [I,O], or [O,I] with `transposeWeight`
 * @param bias float32 [O], or null
 * @returns float32 [...,O]
 */
export function linear(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  options: LinearOptions = {},
): tf.Tensor {
  return linearComposition(x, weight, bias, options);
}
