import { emptyTrainingBatch, type TrainingBatch } from './batch.ts';
import type { Piece, TokenCorpus } from './corpus.ts';
import type { Mixture } from './mixture.ts';

/** A piece of a row, and whose it is. */
export interface DrawnPiece {
  corpus: TokenCorpus;
  piece: Piece;
}

/**
 * The next batch to pretrain on: rows filled to the last cell. Pieces of different documents are segments of their
 * own with positions from 0, so a cell predicts the next token of its document from that document alone.
 * @param drawn gets the pieces that the rows are made of
 */
export function packRows(mixture: Mixture, rows: number, drawn: DrawnPiece[] = []): TrainingBatch {
  const batch = emptyTrainingBatch(rows, mixture.columns, 0);
  for (let row = 0; row < rows; row++) {
    const { corpus, pieces } = mixture.nextRow();
    writePieces(batch, row, corpus, pieces);
    for (const piece of pieces) drawn.push({ corpus, piece });
  }
  return batch;
}

/**
 * A corpus once, in order, for measuring: its documents cut into rows; the last batch can have fewer rows, and cells
 * left over are padding of weight 0.
 * @param maxBatches stops after so many
 */
export function* sequentialBatches(
  corpus: TokenCorpus,
  rows: number,
  columns: number,
  padding: number,
  maxBatches = Number.POSITIVE_INFINITY,
): Generator<TrainingBatch> {
  const filled: Piece[][] = [];
  let room = 0;
  for (const piece of corpus.pieces(columns)) {
    const last = filled.at(-1);
    if (last && piece.cells <= room) {
      last.push(piece);
      room -= piece.cells;
    } else {
      filled.push([piece]);
      room = columns - piece.cells;
    }
    // One row further than needed, so that a row is only written when nothing can be added to it.
    if (filled.length > rows * maxBatches) break;
  }
  const batches = Math.min(maxBatches, Math.ceil(filled.length / rows));
  for (let index = 0; index < batches; index++) {
    const chunk = filled.slice(index * rows, (index + 1) * rows);
    const batch = emptyTrainingBatch(chunk.length, columns, padding);
    for (const [row, pieces] of chunk.entries()) writePieces(batch, row, corpus, pieces);
    yield batch;
  }
}

/** The UTF-8 bytes that a batch's counted targets stand for: what bits per byte are counted over. */
export function targetBytes(batch: TrainingBatch, byteLengths: ArrayLike<number>): number {
  let bytes = 0;
  for (let cell = 0; cell < batch.targets.length; cell++) {
    if (batch.weights[cell]) bytes += byteLengths[batch.targets[cell] ?? 0] ?? 0;
  }
  return bytes;
}

function writePieces(batch: TrainingBatch, row: number, corpus: TokenCorpus, pieces: readonly Piece[]): void {
  let cell = row * batch.columns;
  for (const [index, { start, cells }] of pieces.entries()) {
    batch.tokens.set(corpus.tokens.subarray(start, start + cells), cell);
    batch.targets.set(corpus.tokens.subarray(start + 1, start + cells + 1), cell);
    for (let i = 0; i < cells; i++) batch.positions[cell + i] = i;
    batch.segments.fill(index + 1, cell, cell + cells);
    batch.weights.fill(1, cell, cell + cells);
    cell += cells;
  }
}
