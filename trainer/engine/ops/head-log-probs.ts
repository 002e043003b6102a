import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { embedding } from './embedding.ts';
import { linear, linearComposition } from './linear.ts';
import { fused, savedAt } from './native-gradient.ts';
import { tokenEntropy } from './token-entropy.ts';
import { tokenLogProbs, tokenLogProbsComposition } from './token-log-probs.ts';

/** What `headLogProbs` means, in tfjs ops. */
export function headLogProbsComposition(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  temperature = 1,
): tf.Tensor1D {
  return tf.tidy(() => {
    const logits = linearComposition(hidden, table, null, { transposeWeight: true }) as tf.Tensor2D;
    return tokenLogProbsComposition(logits, targets, temperature);
  });
}

/** Logits that exist at once: 4 MB, or 128 rows of them where the vocabulary is so large that fewer would not fill a product. */
export const CHUNK_LOGITS = 1 << 20;
export const LEAST_ROWS = 128;

interface Chunk {
  from: number;
  count: number;
}

function rowChunks(rows: number, vocabularySize: number, chunkLogits: number): Chunk[] {
  const most = Math.max(Math.min(LEAST_ROWS, chunkLogits), Math.floor(chunkLogits / vocabularySize));
  const chunks: Chunk[] = [];
  for (let from = 0; from < rows; from += most) chunks.push({ from, count: Math.min(most, rows - from) });
  return chunks;
}

function headLogProbsNative(
  native: NativeBackend,
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  temperature: number,
  chunkLogits: number,
  frozen: boolean,
): tf.Tensor1D {
  const { addon } = native;
  const [rows, width] = hidden.shape;
  const vocabularySize = table.shape[0];
  const chunks = rowChunks(rows, vocabularySize, chunkLogits);
  const room = [chunks[0]?.count ?? 0, vocabularySize];
  const logitsOf = ({ from, count }: Chunk, h: Float32Array, t: Float32Array, out: Float32Array): void => {
    const steps = [from * width, 0, 0, width, 1, 1, width, vocabularySize] as const;
    addon.gemm(count, vocabularySize, width, ...steps, h, t, out, false, null, false, null);
  };
  return fused(frozen ? [hidden] : [hidden, table], {
    forward(save) {
      const out = native.output<tf.Tensor1D>([rows]);
      const logSums = native.output([rows]);
      const logits = native.output(room);
      const [h, t, chosen] = [native.floats(hidden), native.floats(table), native.ints(targets)];
      for (const chunk of chunks) {
        const { from, count } = chunk;
        const part = <A extends Float32Array | Int32Array>(values: A): A =>
          values.subarray(from, from + count) as A;
        logitsOf(chunk, h, t, logits.values);
        const inputs = [logits.values, part(chosen), temperature] as const;
        const outside = addon.logProbs(
          count,
          vocabularySize,
          ...inputs,
          part(out.values),
          part(logSums.values),
        );
        if (outside >= 0) {
          throw new TrainerError(
            `Target token ${chosen[from + outside]} of row ${from + outside} is not in the vocabulary of ${vocabularySize}.`,
          );
        }
      }
      // A single chunk is kept for the backward pass; of several each is made again there.
      save([hidden, table, targets, logSums.tensor, ...(chunks.length === 1 ? [logits.tensor] : [])]);
      return out.tensor;
    },
    backward(dy, saved) {
      const dhidden = native.output([rows, width]);
      const dtable = frozen ? null : native.output([vocabularySize, width]);
      const dlogits = native.output(room);
      const [h, t] = [native.floats(savedAt(saved, 0)), native.floats(savedAt(saved, 1))];
      const [chosen, logSums] = [native.ints(savedAt(saved, 2)), native.floats(savedAt(saved, 3))];
      const kept = chunks.length === 1 ? native.floats(savedAt(saved, 4)) : null;
      const dys = native.floats(dy);
      if (rows === 0) dtable?.values.fill(0);
      for (const chunk of chunks) {
        const { from, count } = chunk;
        const end = from + count;
        const d = dlogits.values;
        if (!kept) logitsOf(chunk, h, t, d);
        const inputs = [kept ?? d, chosen.subarray(from, end), temperature] as const;
        const sums = logSums.subarray(from, end);
        addon.logProbsGradient(count, vocabularySize, ...inputs, sums, dys.subarray(from, end), d);
        const toHidden = [0, 0, from * width, vocabularySize, 1, width, 1, width] as const;
        addon.gemm(count, width, vocabularySize, ...toHidden, d, t, dhidden.values, false, null, false, null);
        if (!dtable) continue;
        const toTable = [0, from * width, 0, 1, vocabularySize, width, 1, width] as const;
        addon.gemm(
          vocabularySize,
          width,
          count,
          ...toTable,
          d,
          h,
          dtable.values,
          from > 0,
          null,
          false,
          null,
        );
      }
      return [dhidden.tensor, ...(dtable ? [dtable.tensor] : [])];
    },
  });
}

/** log Σ exp(hidden · tableᵀ / temperature) of each row, [N]: its gradient makes each chunk's softmax again. */
function headLogSums(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  temperature: number,
  chunks: readonly Chunk[],
  frozen: boolean,
): tf.Tensor1D {
  const rowsOf = (x: tf.Tensor2D, { from, count }: Chunk): tf.Tensor2D => x.slice([from, 0], [count, -1]);
  const scaled = (h: tf.Tensor2D, t: tf.Tensor2D): tf.Tensor2D =>
    tf.matMul(h, t, false, true).div<tf.Tensor2D>(temperature);
  const run = tf.customGrad<tf.Tensor1D>((...values) => {
    const [h, t] = values as unknown as [tf.Tensor2D, tf.Tensor2D];
    const sums = tf.concat1d(
      chunks.map((chunk) => tf.tidy(() => tf.logSumExp(scaled(rowsOf(h, chunk), t), -1) as tf.Tensor1D)),
    );
    (values[2] as unknown as tf.GradSaveFunc)([h, t, sums]);
    const gradFunc = (dy: tf.Tensor1D, saved: tf.Tensor[]): tf.Tensor[] => {
      const [savedHidden, savedTable] = [savedAt<tf.Tensor2D>(saved, 0), savedAt<tf.Tensor2D>(saved, 1)];
      const savedSums = savedAt<tf.Tensor1D>(saved, 2);
      const dhidden: tf.Tensor2D[] = [];
      let dtable: tf.Tensor2D = tf.zerosLike(savedTable);
      for (const chunk of chunks) {
        const { from, count } = chunk;
        const [dh, dt] = tf.tidy(() => {
          const x = rowsOf(savedHidden, chunk);
          const column = (v: tf.Tensor1D): tf.Tensor2D => v.slice(from, count).reshape([count, 1]);
          const softmax = scaled(x, savedTable).sub(column(savedSums)).exp();
          const d = softmax.mul<tf.Tensor2D>(column(dy).div(temperature));
          const dh = tf.matMul<tf.Tensor2D>(d, savedTable);
          return [dh, frozen ? dtable.clone() : dtable.add<tf.Tensor2D>(tf.matMul(d, x, true, false))];
        });
        dhidden.push(dh);
        dtable.dispose();
        dtable = dt;
      }
      return [tf.concat2d(dhidden, 0), dtable];
    };
    return { value: sums, gradFunc: gradFunc as (dy: tf.Tensor1D, saved: tf.Tensor[]) => tf.Tensor[] };
  });
  return run(hidden, table);
}

/** The targets' logits / temperature, from their rows of the table alone. */
function chosenLogits(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  temperature: number,
): tf.Tensor1D {
  return hidden.mul(embedding(table, targets)).sum(-1).div(temperature);
}

/** log p = z_target - log Σ exp z; the first term needs only the targets' rows of the table. */
function headLogProbsChunked(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  temperature: number,
  chunkLogits: number,
  frozen: boolean,
): tf.Tensor1D {
  const chunks = rowChunks(hidden.shape[0], table.shape[0], chunkLogits);
  if (chunks.length === 0) return linearComposition(hidden, table, null, { transposeWeight: true }).sum(-1);
  return tf.tidy(() => {
    const chosen = chosenLogits(hidden, table, targets, temperature);
    return chosen.sub(headLogSums(hidden, table, temperature, chunks, frozen));
  });
}

function checkHead(hidden: tf.Tensor2D, table: tf.Tensor2D, targets: tf.Tensor1D): void {
  if (hidden.shape[1] !== table.shape[1] || targets.size !== hidden.shape[0]) {
    throw new TrainerError(
      `The head: hidden states [${hidden.shape}], a table [${table.shape}] and ${targets.size} targets do not fit.`,
    );
  }
}

/**
 * The log-probability of each row's target under softmax(hidden · tableᵀ / temperature), in nats: the head, the softmax
 * and the choice in one, a chunk of rows at a time, so that logits [N,V] never exist whole, forward or backward.
 * @param hidden float32 [N,D]
 * @param table float32 [V,D]: the token embedding, or an output layer's weight
 * @param targets int32 [N]
 * @param chunkLogits logits that may exist at once; fewer than the default only in tests
 * @param frozen whether the table does not learn: no gradient is made for it
 * @returns float32 [N]; the gradient flows into hidden and table
 * @throws TrainerError when the shapes do not fit, and on the native device when a target is not in the vocabulary
 */
export function headLogProbs(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  temperature = 1,
  chunkLogits = CHUNK_LOGITS,
  frozen = false,
): tf.Tensor1D {
  checkHead(hidden, table, targets);
  const native = nativeBackend();
  return native
    ? headLogProbsNative(native, hidden, table, targets, temperature, chunkLogits, frozen)
    : headLogProbsChunked(hidden, table, targets, temperature, chunkLogits, frozen);
}

/**
 * `headLogProbs` and the entropy (nats) of each row's whole distribution, for measuring: no gradient.
 * @returns two tensors of float32 [N]
 */
export function measureHead(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  temperature = 1,
  chunkLogits = CHUNK_LOGITS,
): { logProbs: tf.Tensor1D; entropies: tf.Tensor1D } {
  checkHead(hidden, table, targets);
  const chunks = rowChunks(hidden.shape[0], table.shape[0], chunkLogits);
  if (chunks.length === 0) return { logProbs: tf.zeros([0]), entropies: tf.zeros([0]) };
  return tf.tidy(() => {
    const parts = chunks.map(({ from, count }) =>
      tf.tidy((): [tf.Tensor1D, tf.Tensor1D] => {
        const whole = count === hidden.shape[0];
        const rows = whole ? hidden : hidden.slice<tf.Tensor2D>([from, 0], [count, -1]);
        const logits = linear(rows, table, null, { transposeWeight: true }) as tf.Tensor2D;
        const chosen = targets.slice(from, count);
        const logProbs = nativeBackend()
          ? tokenLogProbs(logits, chosen, temperature)
          : chosenLogits(rows, table, chosen, temperature).sub<tf.Tensor1D>(
              tf.logSumExp(logits.div(temperature), -1),
            );
        return [logProbs, tokenEntropy(logits, temperature)];
      }),
    );
    return {
      logProbs: tf.concat1d(parts.map(([logProbs]) => logProbs)),
      entropies: tf.concat1d(parts.map(([, entropies]) => entropies)),
    };
  });
}
