import { addUp, variableGradients } from './tape.ts';
import { tf } from './tf.ts';

/**
 * Asks for the numbers of a tensor that a loss made on its way. `seen` gets them once the gradient is there, as a device
 * may be unable to hand out numbers while it computes; the array is lent for the call.
 */
export type Watch = (tensor: tf.Tensor, seen: (values: Float32Array) => void) => void;

/** Makes a scalar from the parameters. */
export type Loss = (watch: Watch) => tf.Scalar;

/**
 * The value of a loss and its gradient for each parameter that it depends on. Nothing else that `loss` made is left.
 * @param loss may watch tensors on its way, the scalar that it returns among them
 * @returns the gradients under the parameters' names, to be disposed by the caller
 */
export async function valueAndGradients(
  parameters: ReadonlyMap<string, tf.Variable>,
  loss: Loss,
): Promise<{ value: number; gradients: Map<string, tf.Tensor> }> {
  const watched: { tensor: tf.Tensor; seen: (values: Float32Array) => void }[] = [];
  const watch: Watch = (tensor, seen) => {
    watched.push({ tensor: tf.keep(tensor), seen });
  };
  const { value, grads } = variableGradients(() => loss(watch), [...parameters.values()]);
  const gradients = new Map<string, tf.Tensor>();
  for (const [name, variable] of parameters) {
    const gradient = grads[variable.name];
    if (gradient) gradients.set(name, gradient);
  }
  for (const { tensor, seen } of watched) {
    seen(await tensor.data<'float32'>());
    if (tensor !== value) tensor.dispose();
  }
  const number = (await value.data())[0] ?? Number.NaN;
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
