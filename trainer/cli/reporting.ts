import type { Ranking } from '../data/json-lines.ts';
import { readRankings } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';
import type { Interval } from '../evaluation/intervals.ts';

/** A rate and its interval, in per cent. */
export function formatRate({ mean, low, high }: Interval): string {
  return `${(100 * mean).toFixed(1)} % (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}

/** Columns that line up: the first to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** The rankings of a file, or those of one split. @throws TrainerError when there is none */
export function readRankingsOf(file: string, split: string | undefined): Ranking[] {
  const rankings = [...readRankings(file)].filter(
    (ranking) => split === undefined || ranking.split === split,
  );
  if (rankings.length === 0) {
    throw new TrainerError(`${file} has no ranking${split === undefined ? '' : ` of the split "${split}"`}.`);
  }
  return rankings;
}
