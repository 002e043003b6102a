import { TrainerError } from '../errors.ts';

/**
 * What a model reads: B rows of T cells, row-major. A cell's segment tells which sequence of its row it belongs to
 * (from 1 up, 0 = padding); its position counts the real cells of that sequence from 0.
 */
export interface TokenBatch {
  rows: number;
  columns: number;
  /** int32 [B,T] */
  tokens: Int32Array;
  /** int32 [B,T] */
  positions: Int32Array;
  /** int32 [B,T], 0 = padding */
  segments: Int32Array;
}

/** A batch to learn from: for each cell the token that should follow, and how much that prediction counts. */
export interface TrainingBatch extends TokenBatch {
  /** int32 [B,T]; 0 where the weight is 0 and nothing follows */
  targets: Int32Array;
  /** float32 [B,T], 0 = not in the loss */
  weights: Float32Array;
}

/** A batch of padding only: every cell holds `padding` and segment 0. */
export function emptyBatch(rows: number, columns: number, padding: number): TokenBatch {
  return {
    rows,
    columns,
    tokens: new Int32Array(rows * columns).fill(padding),
    positions: new Int32Array(rows * columns),
    segments: new Int32Array(rows * columns),
  };
}

/** `emptyBatch` with targets and weights of 0. */
export function emptyTrainingBatch(rows: number, columns: number, padding: number): TrainingBatch {
  return {
    ...emptyBatch(rows, columns, padding),
    targets: new Int32Array(rows * columns),
    weights: new Float32Array(rows * columns),
  };
}

/** Writes a sequence's tokens, positions from 0 and segment number into one row, from cell `column` on. */
export function writeSequence(
  batch: TokenBatch,
  row: number,
  column: number,
  sequence: ArrayLike<number>,
  segment: number,
): void {
  const offset = row * batch.columns + column;
  for (let i = 0; i < sequence.length; i++) {
    batch.tokens[offset + i] = sequence[i] ?? 0;
    batch.positions[offset + i] = i;
    batch.segments[offset + i] = segment;
  }
}

function columnsFor(sequences: ArrayLike<number>[], columns: number | undefined): number {
  let longest = 0;
  for (const [index, sequence] of sequences.entries()) {
    if (sequence.length === 0)
      throw new TrainerError(`Sequence ${index} of the batch is empty: expected at least one token.`);
    longest = Math.max(longest, sequence.length);
  }
  if (columns === undefined) return longest;
  if (longest > columns) {
    throw new TrainerError(
      `A sequence of ${longest} tokens does not fit into the batch's ${columns} cells: shorten it first.`,
    );
  }
  return columns;
}

/**
 * One sequence a row, starting at cell 0, padding to the right.
 * @param columns width of the batch; the longest sequence's length if left out
 * @throws TrainerError for an empty sequence or one longer than `columns`
 */
export function rightPadded(sequences: ArrayLike<number>[], padding: number, columns?: number): TokenBatch {
  const batch = emptyBatch(sequences.length, columnsFor(sequences, columns), padding);
  for (const [row, sequence] of sequences.entries()) writeSequence(batch, row, 0, sequence, 1);
  return batch;
}

/**
 * One sequence a row, ending at the last cell, padding to the left: as generation needs it. Positions still count
 * from 0 at the first real cell.
 * @param columns width of the batch; the longest sequence's length if left out
 * @throws TrainerError for an empty sequence or one longer than `columns`
 */
export function leftPadded(sequences: ArrayLike<number>[], padding: number, columns?: number): TokenBatch {
  const batch = emptyBatch(sequences.length, columnsFor(sequences, columns), padding);
  for (const [row, sequence] of sequences.entries()) {
    writeSequence(batch, row, batch.columns - sequence.length, sequence, 1);
  }
  return batch;
}

/** The column of each row's last real cell, int32 [B]: where a reward model reads its score. */
export function lastIndices(batch: TokenBatch): Int32Array {
  const last = new Int32Array(batch.rows);
  for (let row = 0; row < batch.rows; row++) {
    let column = batch.columns - 1;
    while (column >= 0 && batch.segments[row * batch.columns + column] === 0) column--;
    if (column < 0) throw new TrainerError(`Row ${row} of the batch holds padding only.`);
    last[row] = column;
  }
  return last;
}

/** Some rows of a batch, in the order given: for cutting a minibatch into micro-batches. */
export function selectRows<B extends TokenBatch>(batch: B, rows: ArrayLike<number>): B;
export function selectRows(batch: TokenBatch | TrainingBatch, rows: ArrayLike<number>): TokenBatch {
  const { columns } = batch;
  const take = <A extends Int32Array | Float32Array>(from: A, to: A): A => {
    for (let row = 0; row < rows.length; row++) {
      const source = rows[row] ?? 0;
      to.set(from.subarray(source * columns, (source + 1) * columns), row * columns);
    }
    return to;
  };
  const int = (from: Int32Array): Int32Array => take(from, new Int32Array(rows.length * columns));
  const selected: TokenBatch = {
    rows: rows.length,
    columns,
    tokens: int(batch.tokens),
    positions: int(batch.positions),
    segments: int(batch.segments),
  };
  if (!('weights' in batch)) return selected;
  const training: TrainingBatch = {
    ...selected,
    targets: int(batch.targets),
    weights: take(batch.weights, new Float32Array(rows.length * columns)),
  };
  return training;
}
