'use client';

import type { ReactNode } from 'react';
import { useKeyboardScroll } from './use-keyboard-scroll.ts';

export interface Column<Row> {
  /** Heading; also the key. */
  head: string;
  cell(row: Row): ReactNode;
  /** Numbers stand to the right, in tabular figures. */
  numeric?: boolean;
  /** Whether the rows may be ordered by it. */
  sortable?: boolean;
}

/** By which column the rows are ordered; whoever has the rows orders them. */
export interface TableSort {
  head: string;
  descending: boolean;
  onSort(head: string): void;
}

interface TableProps<Row> {
  /** What the table holds, read out before it. */
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey(row: Row, index: number): string;
  showCaption?: boolean;
  sort?: TableSort;
}

/** A plain table that scrolls by itself when it is wider than the page. */
export function Table<Row>({ caption, columns, rows, rowKey, showCaption = false, sort }: TableProps<Row>) {
  const region = useKeyboardScroll<HTMLDivElement>();
  return (
    <div ref={region} className="overflow-x-auto">
      <table className="w-full border-collapse text-14">
        <caption className={showCaption ? 'pb-2 text-left text-12 text-quiet' : 'sr-only'}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.head}
                scope="col"
                aria-sort={
                  sort?.head === column.head ? (sort.descending ? 'descending' : 'ascending') : undefined
                }
                className={`border-b px-2 py-2 text-12 font-normal whitespace-nowrap text-quiet first:pl-0 last:pr-0 ${column.numeric ? 'text-right' : 'text-left'}`}
              >
                {sort && column.sortable ? (
                  <button
                    type="button"
                    onClick={() => sort.onSort(column.head)}
                    className="rounded-one hover:text-ink hover:underline"
                  >
                    {column.head}
                    <span aria-hidden="true">
                      {sort.head === column.head ? (sort.descending ? ' ↓' : ' ↑') : ''}
                    </span>
                  </button>
                ) : (
                  column.head
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={rowKey(row, index)} className="align-top">
              {columns.map((column) => (
                <td
                  key={column.head}
                  className={`border-b px-2 py-2 first:pl-0 last:pr-0 ${column.numeric ? 'figures text-right whitespace-nowrap' : ''}`}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
