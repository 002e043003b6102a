import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { dropoutComposition } from './dropout.ts';
import { geluComposition } from './gelu.ts';
import { type LinearOptions, linearComposition } from './linear.ts';
import { fused, savedAt } from './native-gradient.ts';

/** A change of rank r to a frozen weight: scale · (B A), as PEFT lays it out. */
export interface LowRank {
  /** A, float32 [r,I] */
  a: tf.Tensor2D;
  /** B, float32 [O,r] */
  b: tf.Tensor2D;
  /** α / r */
  scale: number;
  /** of what A reads; the weight itself reads the whole input */
  dropout?: { rate: number; seed: number } | undefined;
}

/** What `lowRankLinear` means, in tfjs ops. */
export function lowRankLinearComposition(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  { a, b, scale, dropout: drop }: LowRank,
  { activation, transposeWeight, dropout: dropAfter, residual }: LinearOptions = {},
): tf.Tensor {
  return tf.tidy(() => {
    const read = drop && drop.rate > 0 ? dropoutComposition(x, drop.rate, drop.seed) : x;
    const narrow = linearComposition(read, a, null, { transposeWeight: true }).mul(scale);
    const change = linearComposition(narrow, b, null, { transposeWeight: true });
    let y = linearComposition(x, weight, bias, { transposeWeight, residual: change });
    if (activation === 'gelu') y = geluComposition(y);
    if (dropAfter && dropAfter.rate > 0) y = dropoutComposition(y, dropAfter.rate, dropAfter.seed);
    return residual ? residual.add(y) : y;
  });
}

function lowRankLinearNative(
  native: NativeBackend,
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  { a, b, scale, dropout: drop }: LowRank,
  { activation, transposeWeight = false, dropout: dropAfter, residual }: LinearOptions,
): tf.Tensor {
  const { addon } = native;
  const gelu = activation === 'gelu';
  const [rank, inputs] = a.shape;
  const outputs = b.shape[0];
  const rows = inputs === 0 ? 0 : x.size / inputs;
  const [byInput, byOutput] = transposeWeight ? [1, inputs] : [outputs, 1];
  const [afterRate, afterSeed] = [dropAfter?.rate ?? 0, (dropAfter?.seed ?? 0) >>> 0];
  const plain = [false, null, false, null] as const;
  const scaled = (values: Float32Array): void =>
    addon.binary(2, values.length, 1, 0, values, Float32Array.of(scale), values);
  /** What A reads: the input, dropped; made again in the backward pass. */
  const readBy = (from: Float32Array): Float32Array => {
    if (!drop || drop.rate === 0) return from;
    const kept = native.output(x.shape).values;
    addon.dropout(kept.length, from, drop.rate, drop.seed >>> 0, kept);
    return kept;
  };
  // The weight and its bias are frozen: no gradient is made for them.
  return fused([x, a, b, ...(residual ? [residual] : [])], {
    forward(save) {
      const y = native.output([...x.shape.slice(0, -1), outputs]);
      const narrow = native.output([rows, rank]);
      const xs = native.floats(x);
      const toNarrow = [0, 0, 0, inputs, 1, 1, inputs, rank] as const;
      addon.gemm(rows, rank, inputs, ...toNarrow, readBy(xs), native.floats(a), narrow.values, ...plain);
      scaled(narrow.values);
      const toChange = [0, 0, 0, rank, 1, 1, rank, outputs] as const;
      addon.gemm(rows, outputs, rank, ...toChange, narrow.values, native.floats(b), y.values, ...plain);
      const before = gelu && tf.engine().state.gradientDepth > 0 ? native.output(y.tensor.shape) : null;
      save([x, weight, a, b, narrow.tensor, ...(before ? [before.tensor] : [])]);
      const steps = [0, 0, 0, inputs, 1, byInput, byOutput, outputs] as const;
      addon.gemm(
        rows,
        outputs,
        inputs,
        ...steps,
        xs,
        native.floats(weight),
        y.values,
        true,
        bias ? native.floats(bias) : null,
        gelu,
        before?.values ?? null,
        residual ? native.floats(residual) : null,
        afterRate,
        afterSeed,
      );
      return y.tensor;
    },
    backward(dy, saved) {
      const floats = (index: number): Float32Array => native.floats(savedAt(saved, index));
      let d = native.floats(dy);
      if (afterRate > 0) {
        const kept = native.output(dy.shape).values;
        addon.dropout(dy.size, d, afterRate, afterSeed, kept);
        d = kept;
      }
      if (gelu) {
        const dBefore = native.output(dy.shape).values;
        addon.geluGradient(dy.size, floats(5), d, dBefore);
        d = dBefore;
      }
      const db = native.output([outputs, rank]);
      const toB = [0, 0, 0, 1, outputs, rank, 1, rank] as const;
      addon.gemm(outputs, rank, rows, ...toB, d, floats(4), db.values, ...plain);
      const dNarrow = native.output([rows, rank]).values;
      const fromB = [0, 0, 0, outputs, 1, rank, 1, rank] as const;
      addon.gemm(rows, rank, outputs, ...fromB, d, floats(3), dNarrow, ...plain);
      scaled(dNarrow);
      const da = native.output([rank, inputs]);
      const toA = [0, 0, 0, 1, rank, inputs, 1, inputs] as const;
      addon.gemm(rank, inputs, rows, ...toA, dNarrow, readBy(floats(0)), da.values, ...plain);
      const dx = native.output(x.shape);
      const fromA = [0, 0, 0, rank, 1, inputs, 1, inputs] as const;
      addon.gemm(rows, inputs, rank, ...fromA, dNarrow, floats(2), dx.values, ...plain);
      if (drop && drop.rate > 0) addon.dropout(x.size, dx.values, drop.rate, drop.seed >>> 0, dx.values);
      const fromWeight = [0, 0, 0, outputs, 1, byOutput, byInput, inputs] as const;
      addon.gemm(rows, inputs, outputs, ...fromWeight, d, floats(1), dx.values, true, null, false, null);
      return [dx.tensor, da.tensor, db.tensor, ...(residual ? [dy] : [])];
    },
  });
}

/**
 * `linear` through a frozen weight with a learned change of low rank (Hu et al. 2021, equation 3):
 * x · weight + bias + scale · (x · Aᵀ) · Bᵀ, then the activation, dropout, and the residual added. On the native device
 * the change is what the weight's product is added to, so that B = 0 gives the bits of `linear`.
 * @param x float32 [...,I]
 * @param weight float32 [I,O], or [O,I] with `transposeWeight`; gets no gradient, as bias gets none
 * @param bias float32 [O], or null
 * @returns float32 [...,O]
 * @throws TrainerError when the shapes do not fit
 */
export function lowRankLinear(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  bias: tf.Tensor1D | null,
  change: LowRank,
  options: LinearOptions = {},
): tf.Tensor {
  const [rank, inputs] = change.a.shape;
  const expected = options.transposeWeight ? [change.b.shape[0], inputs] : [inputs, change.b.shape[0]];
  if (
    x.shape.at(-1) !== inputs ||
    change.b.shape[1] !== rank ||
    !tf.util.arraysEqual(weight.shape, expected)
  ) {
    throw new TrainerError(
      `lowRankLinear: x [${x.shape}], a weight [${weight.shape}], A [${change.a.shape}] and B [${change.b.shape}] do not fit.`,
    );
  }
  const native = nativeBackend();
  return native
    ? lowRankLinearNative(native, x, weight, bias, change, options)
    : lowRankLinearComposition(x, weight, bias, change, options);
}
