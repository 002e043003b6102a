import { type Content, html, type Markup } from './html.ts';

/** A column of a table: its head, and what it says of a row. */
export interface Column<Row> {
  head: string;
  cell(row: Row): Content;
}

/** A table; the first column names its rows. Wider than the page, it scrolls. */
export function table<Row>(caption: string, rows: readonly Row[], columns: readonly Column<Row>[]): Markup {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<thead><tr>${columns.map(({ head }) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr>${columns.map(({ cell }, index) =>
      index === 0 ? html`<th scope="row">${cell(row)}</th>` : html`<td>${cell(row)}</td>`,
    )}</tr>
`,
  )}</tbody></table></div>`;
}

/** The numbers behind a picture, for those who do not see it and those who want them. */
export function numbersBehind<Row>(
  caption: string,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): Markup {
  return html`<details><summary>The numbers</summary>${table(caption, rows, columns)}</details>`;
}

/** A number to read, with the exact one behind it; a dash where there is none. */
export function number(value: number | null | undefined, digits = 3): Content {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return html`<data value="${value}">${value.toFixed(digits).replace('-', '−')}</data>`;
}

/** A rate from 0 to 1 in per cent. */
export function rate(value: number | null | undefined): Content {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return html`<data value="${value}">${(100 * value).toFixed(1)} %</data>`;
}
