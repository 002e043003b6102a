import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { checkDropoutRate, dropoutComposition } from './dropout.ts';
import { geluComposition } from './gelu.ts';
import { fused, savedAt } from './native-gradient.ts';

export interface LinearOptions {
  activation?: 'gelu' | undefined;
  /** weight is [O,I] instead of [I,O], as in a head tied to the token embedding */
  transposeWeight?: boolean | undefined;
  /** dropout of the result, before the residual is added; see dropout.ts */
  dropout?: { rate: number; seed: number } | undefined;
  /** added to the result, [...,O]: the residual stream */
  residual?: tf.Tensor | undefined;
  /** weight and bias do not learn: the native device makes no gradient for them */
  frozen?: boolean | undefined;
}

/** What `linear` means, in tfjs ops. */
export function linearComposition(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  { activation, transposeWeight = false, dropout, residual }: LinearOptions = {},
): tf.Tensor {
  return tf.tidy(() => {
    const inputs = x.shape.at(-1) ?? 1;
    const outputs = weight.shape[transposeWeight ? 0 : 1];
    let y: tf.Tensor2D = tf.matMul(x.reshape([-1, inputs]) as tf.Tensor2D, weight, false, transposeWeight);
    if (bias) y = y.add(bias);
    if (activation === 'gelu') y = geluComposition(y);
    if (dropout && dropout.rate > 0) y = dropoutComposition(y, dropout.rate, dropout.seed);
    const shaped = y.reshape([...x.shape.slice(0, -1), outputs]);
    return residual ? residual.add(shaped) : shaped;
  });
}

function linearNative(
  native: NativeBackend,
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  { activation, transposeWeight = false, dropout, residual, frozen = false }: LinearOptions,
): tf.Tensor {
  const { addon } = native;
  const gelu = activation === 'gelu';
  const [inputs, outputs] = transposeWeight ? [weight.shape[1], weight.shape[0]] : weight.shape;
  const rows = inputs === 0 ? 0 : x.size / inputs;
  const [dropRate, dropSeed] = [dropout?.rate ?? 0, (dropout?.seed ?? 0) >>> 0];
  // Steps through the weight from one input to the next, and from one output to the next.
  const [byInput, byOutput] = transposeWeight ? [1, inputs] : [outputs, 1];
  const learned = frozen ? [] : [weight, ...(bias ? [bias] : [])];
  return fused([x, ...learned, ...(residual ? [residual] : [])], {
    forward(save) {
      const y = native.output([...x.shape.slice(0, -1), outputs]);
      const before = gelu && tf.engine().state.gradientDepth > 0 ? native.output(y.tensor.shape) : null;
      save(before ? [x, weight, before.tensor] : [x, weight]);
      const steps = [inputs, 1, byInput, byOutput, outputs] as const;
      const values = [native.floats(x), native.floats(weight), y.values, false] as const;
      const finish = [
        bias ? native.floats(bias) : null,
        gelu,
        before?.values ?? null,
        residual ? native.floats(residual) : null,
        dropRate,
        dropSeed,
      ] as const;
      addon.gemm(rows, outputs, inputs, 0, 0, 0, ...steps, ...values, ...finish);
      return y.tensor;
    },
    backward(dy, saved) {
      let d = native.floats(dy);
      if (dropRate > 0) {
        const kept = native.output(dy.shape);
        addon.dropout(dy.size, d, dropRate, dropSeed, kept.values);
        d = kept.values;
      }
      if (gelu) {
        const dBefore = native.output(dy.shape);
        addon.geluGradient(dy.size, native.floats(savedAt(saved, 2)), d, dBefore.values);
        d = dBefore.values;
      }
      const dx = native.output(x.shape);
      const w = native.floats(savedAt(saved, 1));
      const toInputs = [outputs, 1, byOutput, byInput, inputs] as const;
      addon.gemm(rows, inputs, outputs, 0, 0, 0, ...toInputs, d, w, dx.values, false, null, false, null);
      if (frozen) return [dx.tensor, ...(residual ? [dy] : [])];
      const dw = native.output(weight.shape);
      const db = bias ? native.output([outputs]) : null;
      const xs = native.floats(savedAt(saved, 0));
      if (transposeWeight) {
        const steps = [0, 0, 0, 1, outputs, inputs, 1, inputs] as const;
        addon.gemm(outputs, inputs, rows, ...steps, d, xs, dw.values, false, null, false, null);
        if (db) addon.columnSums(rows, outputs, d, db.values);
      } else {
        // The bias's gradient, the sums of d's columns, is made as d is read for the weight's.
        const steps = [0, 0, 0, 1, inputs, outputs, 1, outputs] as const;
        const sums = [null, 0, 0, db?.values ?? null] as const;
        addon.gemm(inputs, outputs, rows, ...steps, xs, d, dw.values, false, null, false, null, ...sums);
      }
      return [dx.tensor, dw.tensor, ...(db ? [db.tensor] : []), ...(residual ? [dy] : [])];
    },
  });
}

/**
 * x · weight + bias, then the activation, dropout, and the residual added.
 * @param x float32 [...,I]
 * @param weight float32 [I,O], or [O,I] with `transposeWeight`
 * @param bias float32 [O], or null
 * @returns float32 [...,O]
 * @throws TrainerError when the shapes do not fit
 */
export function linear(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  options: LinearOptions = {},
): tf.Tensor {
  const inputs = weight.shape[options.transposeWeight ? 1 : 0];
  const outputs = weight.shape[options.transposeWeight ? 0 : 1];
  if (x.shape.at(-1) !== inputs || (bias && bias.size !== outputs)) {
    throw new TrainerError(
      `linear: x [${x.shape}]${bias ? `, bias [${bias.shape}]` : ''} and a weight of ${inputs} inputs and ${outputs} outputs do not fit.`,
    );
  }
  const { dropout, residual } = options;
  if (dropout) checkDropoutRate(dropout.rate);
  if (residual && !tf.util.arraysEqual(residual.shape, [...x.shape.slice(0, -1), outputs])) {
    throw new TrainerError(
      `linear: a residual [${residual.shape}] does not fit a result of [${[...x.shape.slice(0, -1), outputs]}].`,
    );
  }
  const native = nativeBackend();
  return native
    ? linearNative(native, x, weight, bias, options)
    : linearComposition(x, weight, bias, options);
}
