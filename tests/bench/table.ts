import type { Measurement } from './row.ts';

const headings = ['', 'ours', 'peer', 'ratio', 'limit', 'of limit', 'unit'];

/** The rows as an aligned table, numbers to the right. */
export function renderTable(rows: readonly Measurement[]): string {
  const cells = rows.map((row) => [
    row.name,
    figure(row.ours),
    figure(row.peer),
    row.ratio === null ? '–' : `${row.ratio.toFixed(2)}×`,
    figure(row.limit),
    row.ofLimit === null ? '–' : `${(100 * row.ofLimit).toFixed(0)} %`,
    row.better === 'lower' ? `${row.unit} (lower is better)` : row.unit,
  ]);
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const last = headings.length - 1;
  return [headings, ...cells]
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 || column === last
            ? cell.padEnd(widths[column] ?? 0)
            : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Four digits that count. */
function figure(value: number | null): string {
  if (value === null) return '–';
  const digits = value === 0 ? 0 : Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(digits, 3) });
}
