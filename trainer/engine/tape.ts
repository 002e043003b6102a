import { nativeBackend } from './native/backend.ts';
import { tf } from './tf.ts';

type TapeNode = ReturnType<typeof tf.engine>['state']['activeTape'][number];

/** The nodes through which `y` depends on any of `xs`, in the tape's order. */
function nodesBetween(tape: readonly TapeNode[], xs: readonly tf.Tensor[], y: tf.Tensor): TapeNode[] {
  const fromX = new Set(xs.map((x) => x.id));
  const forward = tape.filter((node) => {
    if (!Object.values(node.inputs).some((input) => fromX.has(input.id))) return false;
    for (const output of node.outputs) fromX.add(output.id);
    return true;
  });
  const toY = new Set([y.id]);
  const nodes = forward.reverse().filter((node) => {
    if (!node.outputs.some((output) => toY.has(output.id))) return false;
    for (const input of Object.values(node.inputs)) if (fromX.has(input.id)) toY.add(input.id);
    return true;
  });
  return nodes.reverse();
}

/** The gradients of one node's inputs, of those in `wanted`. */
function nodeGradients(
  node: TapeNode,
  dys: tf.Tensor[],
  wanted: ReadonlySet<number>,
): [tf.Tensor, tf.Tensor][] {
  const { gradient, kernelName, inputs } = node;
  if (!gradient) throw new Error(`The op ${kernelName} has no gradient.`);
  const names = Object.entries(inputs).filter(([, input]) => wanted.has(input.id));
  const made = tf.tidy(() => {
    const gradients = gradient(dys);
    return names.map(([name, input]) => {
      const dx = gradients[name]?.();
      if (dx?.dtype !== 'float32' || !tf.util.arraysEqual(dx.shape, input.shape)) {
        throw new Error(
          `The gradient of ${kernelName} for its input "${name}" is not one of [${input.shape}].`,
        );
      }
      // An op may hand on what it was given, which is freed when the op is done.
      return dys.includes(dx) ? dx.clone() : dx;
    });
  });
  return made.map((dx, i) => [names[i]?.[1] ?? dx, dx]);
}

/** The sum of two gradients, in the first's place where nobody else sees that. Takes over both. */
export function addUp(held: tf.Tensor, more: tf.Tensor): tf.Tensor {
  const sum = nativeBackend()?.addInPlace(held, more) ? held : held.add(more);
  if (sum !== held) held.dispose();
  more.dispose();
  return sum;
}

/**
 * As `tf.variableGrads`: the value of a loss and its gradients by the variables' names, the same numbers in the same
 * order. Unlike it, what a node saved and the gradient that came into it are freed as soon as the node is done, so that
 * the backward pass needs room for one layer's gradients and not for all of them.
 * @throws Error when the loss is no scalar, or depends on none of the variables
 */
export function variableGradients(
  loss: () => tf.Scalar,
  variables: readonly tf.Variable[],
): { value: tf.Scalar; grads: Record<string, tf.Tensor> } {
  const { state } = tf.engine();
  if (state.gradientDepth > 0) throw new Error('The gradient of a loss cannot be taken within another.');
  state.activeTape = [];
  state.gradientDepth++;
  let value: tf.Scalar;
  try {
    value = tf.tidy(loss);
  } catch (error) {
    clear(state.activeTape);
    throw error;
  } finally {
    state.gradientDepth--;
  }
  const tape = state.activeTape;
  try {
    if (value.rank !== 0) throw new Error(`The loss has the shape [${value.shape}]: expected a scalar.`);
    const nodes = nodesBetween(tape, variables, value);
    if (nodes.length === 0) throw new Error('The loss depends on none of the parameters.');
    const named: Record<string, tf.Tensor> = {};
    tf.tidy(() => {
      const gradients = backpropagate(nodes, variables, value, tf.onesLike(value));
      for (const variable of variables) {
        const gradient = gradients.get(variable.id);
        if (gradient) named[variable.name] = gradient;
      }
      return named;
    });
    return { value, grads: named };
  } finally {
    clear(tape);
    state.activeTape = [];
  }
}

/**
 * The gradients of what `f` makes for each of `xs`, given that of its result; zeros where it does not depend on one. For
 * use within a gradient function, in the middle of a backward pass, whose own tape stays as it is.
 */
export function pullBack(f: () => tf.Tensor, xs: readonly tf.Tensor[], dy: tf.Tensor): tf.Tensor[] {
  return tf.tidy(() => {
    const { state } = tf.engine();
    const outer = state.activeTape;
    state.activeTape = [];
    state.gradientDepth++;
    const tape = state.activeTape;
    try {
      let y: tf.Tensor;
      try {
        y = tf.tidy(f);
      } finally {
        state.activeTape = outer;
        state.gradientDepth--;
      }
      const gradients = backpropagate(nodesBetween(tape, xs, y), xs, y, dy.clone());
      return xs.map((x) => gradients.get(x.id) ?? tf.zerosLike(x));
    } finally {
      clear(tape);
    }
  });
}

function clear(tape: readonly TapeNode[]): void {
  for (const { saved } of tape) for (const tensor of saved ?? []) tensor.dispose();
}

/** Gradients by the ids of what they are of; takes over `dy`, the gradient of y. */
function backpropagate(
  nodes: readonly TapeNode[],
  xs: readonly tf.Tensor[],
  y: tf.Tensor,
  dy: tf.Tensor,
): Map<number, tf.Tensor> {
  const wanted = new Set(xs.map((x) => x.id));
  for (const node of nodes) for (const output of node.outputs) wanted.add(output.id);
  const gradients = new Map<number, tf.Tensor>([[y.id, dy]]);
  for (const node of [...nodes].reverse()) {
    const dys = node.outputs.map((output) => gradients.get(output.id) ?? tf.zerosLike(output));
    for (const [input, dx] of nodeGradients(node, dys, wanted)) {
      const held = gradients.get(input.id);
      gradients.set(input.id, held ? addUp(held, dx) : dx);
    }
    for (const output of node.outputs) gradients.delete(output.id);
    for (const dy of dys) dy.dispose();
    clear([node]);
  }
  return gradients;
}
