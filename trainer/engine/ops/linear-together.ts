import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { linearComposition } from './linear.ts';
import { fused, savedAt } from './native-gradient.ts';

/** One of several linear layers that read the same input: a weight [O,I], and a bias [O] or none. */
export interface LinearPart {
  weight: tf.Tensor2D;
  bias: tf.Tensor1D | null;
}

/** What `linearTogether` means, in tfjs ops. */
export function linearTogetherComposition(x: tf.Tensor, parts: readonly LinearPart[]): tf.Tensor {
  return tf.tidy(() => {
    const results = parts.map(({ weight, bias }) =>
      linearComposition(x, weight, bias, { transposeWeight: true }),
    );
    return tf.concat(results, x.rank - 1);
  });
}

function linearTogetherNative(
  native: NativeBackend,
  x: tf.Tensor,
  parts: readonly LinearPart[],
  inputs: number,
): tf.Tensor {
  const { addon } = native;
  const rows = inputs === 0 ? 0 : x.size / inputs;
  let total = 0;
  const places = parts.map(({ weight, bias }) => {
    const at = total;
    total += weight.shape[0];
    return { at, outputs: weight.shape[0], biased: bias !== null };
  });
  const biases = parts.flatMap(({ bias }) => (bias ? [bias] : []));
  const shape = [...x.shape.slice(0, -1), total];
  return fused([x, ...parts.map(({ weight }) => weight), ...biases], {
    forward(save) {
      const y = native.output(shape);
      const xs = native.floats(x);
      for (const [i, { weight, bias }] of parts.entries()) {
        const { at, outputs } = places[i] ?? { at: 0, outputs: 0 };
        const steps = [0, 0, at, inputs, 1, 1, inputs, total] as const;
        const added = bias && native.floats(bias);
        addon.gemm(
          rows,
          outputs,
          inputs,
          ...steps,
          xs,
          native.floats(weight),
          y.values,
          false,
          added,
          false,
          null,
        );
      }
      save([x, ...parts.map(({ weight }) => weight)]);
      return y.tensor;
    },
    backward(dy, saved) {
      const d = native.floats(dy);
      const xs = native.floats(savedAt(saved, 0));
      const dx = native.output(x.shape);
      const dweights = places.map(({ at, outputs }, i) => {
        const w = native.floats(savedAt(saved, 1 + i));
        const toInputs = [at, 0, 0, total, 1, inputs, 1, inputs] as const;
        addon.gemm(rows, inputs, outputs, ...toInputs, d, w, dx.values, i > 0, null, false, null);
        const dw = native.output([outputs, inputs]);
        const toWeight = [at, 0, 0, 1, total, inputs, 1, inputs] as const;
        addon.gemm(outputs, inputs, rows, ...toWeight, d, xs, dw.values, false, null, false, null);
        return dw.tensor;
      });
      return [dx.tensor, ...dweights, ...biasGradients(d)];
    },
  });

  function biasGradients(d: Float32Array): tf.Tensor[] {
    if (biases.length === 0) return [];
    const sums = new Float32Array(total);
    addon.columnSums(rows, total, d, sums);
    return places.flatMap(({ at, outputs, biased }) => {
      if (!biased) return [];
      const db = native.output([outputs]);
      db.values.set(sums.subarray(at, at + outputs));
      return [db.tensor];
    });
  }
}

/**
 * Several linear layers of one input, their results side by side: queries, keys and values; a gate and what it lets
 * through. Each product is written where it belongs; nothing is copied together afterwards.
 * @param x float32 [...,I]
 * @param parts weights [O,I], as Llama's files hold them
 * @returns float32 [..., sum of all O]
 * @throws TrainerError when the shapes do not fit
 */
export function linearTogether(x: tf.Tensor, parts: readonly LinearPart[]): tf.Tensor {
  const inputs = x.shape.at(-1) ?? 0;
  for (const { weight, bias } of parts) {
    if (weight.shape[1] !== inputs || (bias && bias.size !== weight.shape[0])) {
      throw new TrainerError(
        `linear: x [${x.shape}]${bias ? `, bias [${bias.shape}]` : ''} and a weight of ${weight.shape[1]} inputs and ${weight.shape[0]} outputs do not fit.`,
      );
    }
  }
  const native = nativeBackend();
  return native ? linearTogetherNative(native, x, parts, inputs) : linearTogetherComposition(x, parts);
}
