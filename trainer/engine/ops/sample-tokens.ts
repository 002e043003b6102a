import { TrainerError } from '../../errors.ts';
import { nativeBackend } from '../native/backend.ts';
import type { tf } from '../tf.ts';

export interface SamplingOptions {
  /** logits are divided by it; 0 takes the likeliest token (of equals, the first) */
  temperature: number;
  /** sample among the k likeliest tokens only */
  topK?: number | undefined;
  /** sample among the likeliest tokens that together hold this probability, after top-k */
  topP?: number | undefined;
}

/** Below it, logits / temperature loses the differences that a float32 logit had. */
const LEAST_TEMPERATURE = 1e-3;

/** The token of one row; `order` is scratch of V. */
function sampleRow(
  logits: Float32Array,
  uniform: number,
  { temperature, topK, topP }: SamplingOptions,
  order: Int32Array,
): number {
  const size = logits.length;
  let best = 0;
  for (let i = 1; i < size; i++) if ((logits[i] ?? 0) > (logits[best] ?? 0)) best = i;
  if (temperature === 0) return best;
  const top = logits[best] ?? 0;
  const weight = (i: number): number => Math.exp(((logits[i] ?? 0) - top) / temperature);
  let kept = order;
  if ((topK !== undefined && topK < size) || (topP !== undefined && topP < 1)) {
    for (let i = 0; i < size; i++) order[i] = i;
    order.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
    kept = order.subarray(0, Math.min(topK ?? size, size));
    if (topP !== undefined && topP < 1) {
      let mass = 0;
      for (const i of kept) mass += weight(i);
      let sum = 0;
      let count = 0;
      while (count < kept.length && (count === 0 || sum < topP * mass)) sum += weight(kept[count++] ?? 0);
      kept = kept.subarray(0, count);
    }
    kept = Int32Array.from(kept).sort();
  } else {
    for (let i = 0; i < size; i++) order[i] = i;
  }
  let mass = 0;
  for (const i of kept) mass += weight(i);
  let left = uniform * mass;
  let last = best;
  for (const i of kept) {
    const w = weight(i);
    if (w > 0) last = i;
    left -= w;
    if (left < 0) return i;
  }
  // Rounding can leave a crumb of the last token's weight.
  return last;
}

/** What `sampleTokens` means, in plain TypeScript over float64. */
export function sampleTokensReference(
  logits: Float32Array,
  vocabularySize: number,
  uniforms: ArrayLike<number>,
  options: SamplingOptions,
): Int32Array {
  const order = new Int32Array(vocabularySize);
  return Int32Array.from(uniforms, (uniform, row) =>
    sampleRow(logits.subarray(row * vocabularySize, (row + 1) * vocabularySize), uniform, options, order),
  );
}

/** @throws TrainerError that names the option */
export function checkSamplingOptions({ temperature, topK, topP }: SamplingOptions): void {
  if (temperature !== 0 && !(temperature >= LEAST_TEMPERATURE && temperature < Number.POSITIVE_INFINITY)) {
    throw new TrainerError(
      `The temperature is ${temperature}: expected 0 (greedy) or a number from ${LEAST_TEMPERATURE} up.`,
    );
  }
  if (topK !== undefined && !(Number.isInteger(topK) && topK > 0)) {
    throw new TrainerError(`top-k is ${topK}: expected a positive whole number.`);
  }
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    throw new TrainerError(`top-p is ${topP}: expected a number above 0 and up to 1.`);
  }
}

/**
 * Draws one token a row by inverting the cumulative distribution of softmax(logits / temperature) over the tokens
 * that top-k and then top-p leave, in the order of their ids.
 * @param logits float32 [B,V]
 * @param uniforms [B], each in [0, 1)
 * @returns int32 [B]
 */
export async function sampleTokens(
  logits: tf.Tensor2D,
  uniforms: ArrayLike<number>,
  options: SamplingOptions,
): Promise<Int32Array> {
  checkSamplingOptions(options);
  const [rows, vocabularySize] = logits.shape;
  if (uniforms.length !== rows) {
    throw new TrainerError(`${rows} rows to sample from came with ${uniforms.length} random numbers.`);
  }
  const native = nativeBackend();
  if (native) {
    const { temperature, topK = 0, topP = 1 } = options;
    const out = new Int32Array(rows);
    const draws = Float64Array.from(uniforms);
    native.addon.sample(rows, vocabularySize, native.floats(logits), draws, temperature, topK, topP, out);
    return out;
  }
  return sampleTokensReference(await logits.data<'float32'>(), vocabularySize, uniforms, options);
}
