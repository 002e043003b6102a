import { addUp, variableGradients } from './tape.ts';
import type { tf } from './tf.ts';

/**
 * The value of a loss and its gradient for each parameter that it depends on. Nothing else that `loss` made is left.
 * @param loss makes a scalar from the parameters; may save what it needs through `tf.keep`
 * @returns the gradients under the parameters' names, to be disposed by the caller
 */
export function valueAndGradients(
  parameters: ReadonlyMap<string, tf.Variable>,
  loss: () => tf.Scalar,
): { value: number; gradients: Map<string, tf.Tensor> } {
  const { value, grads } = variableGradients(loss, [...parameters.values()]);
  const gradients = new Map<string, tf.Tensor>();
  for (const [name, variable] of parameters) {
    const gradient = grads[variable.name];
    if (gradient) gradients.set(name, gradient);
  }
  const number = value.dataSync()[0] ?? Number.NaN;
  value.dispose();
  return { value: number, gradients };
}

/** The gradients' sum, in place of `into`'s: what two micro-batches of one step amount to. Takes over `more`. */
export function accumulateGradients(into: Map<string, tf.Tensor>, more: Map<string, tf.Tensor>): void {
  for (const [name, gradient] of more) {
    const held = into.get(name);
    into.set(name, held ? addUp(held, gradient) : gradient);
  }
}

/** Disposes every gradient and empties the map. */
export function disposeGradients(gradients: Map<string, tf.Tensor>): void {
  for (const gradient of gradients.values()) gradient.dispose();
  gradients.clear();
}
