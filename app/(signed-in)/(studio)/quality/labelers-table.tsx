'use client';

import Link from 'next/link';
import { useMemo, useState } from 'react';
import { SmallInterval } from '../../../components/charts/small-interval.tsx';
import { useKeys } from '../../../components/ui/keys.tsx';
import { useNotices } from '../../../components/ui/notices.tsx';
import { Section } from '../../../components/ui/page-frame.tsx';
import { type Column, Table } from '../../../components/ui/table.tsx';
import { count, duration, percentWithin } from '../../../lib/format.ts';
import type { Report } from './quality-view.tsx';
import { StandingChip } from './standing-chip.tsx';

type Labeler = Report['labelers'][number];
type Share = NonNullable<Labeler['gold']>;

/** What a column is ordered by; nulls come last in both directions. */
const SORTS: Record<string, (labeler: Labeler) => number | string | null> = {
  Labeler: ({ name }) => name.toLowerCase(),
  Rankings: ({ rankings }) => rankings,
  Agreement: ({ agreement }) => agreement?.rate?.mean ?? null,
  α: ({ agreement }) => agreement?.alpha?.value ?? null,
  Demonstrations: ({ demonstrations }) => demonstrations,
  'Known answers': ({ gold }) => gold?.mean ?? null,
  'Median time': ({ rankingSpeed, demonstrationSpeed }) =>
    rankingSpeed?.medianSeconds ?? demonstrationSpeed?.medianSeconds ?? null,
  'Too fast': (labeler) => tooFast(labeler),
  Rejected: ({ rejected }) => rejected?.mean ?? null,
};
const sortable = Object.keys(SORTS);

function tooFast({ rankingSpeed, demonstrationSpeed }: Labeler): number {
  return (rankingSpeed?.tooFast ?? 0) + (demonstrationSpeed?.tooFast ?? 0);
}

/** Everybody who labelled, with intervals beside the numbers; ordered by any column. */
export function LabelersTable({ report, projectId }: { report: Report; projectId: string }) {
  const { announce } = useNotices();
  const [sort, setSort] = useState({ head: 'Rankings', descending: true });
  const rows = useMemo(() => {
    const of = SORTS[sort.head] ?? (() => null);
    return [...report.labelers].sort((a, b) => {
      const one = of(a);
      const other = of(b);
      if (one === null || other === null) return Number(one === null) - Number(other === null);
      const order = one < other ? -1 : one > other ? 1 : 0;
      return sort.descending ? -order : order;
    });
  }, [report.labelers, sort]);

  function sortBy(head: string) {
    const descending = head === sort.head ? !sort.descending : head !== 'Labeler';
    setSort({ head, descending });
    announce(`Ordered by ${head}, ${descending ? 'highest' : 'lowest'} first.`);
  }
  useKeys([
    {
      keys: 's',
      label: 'Order labelers by the next column',
      run: () => sortBy(sortable[(sortable.indexOf(sort.head) + 1) % sortable.length] ?? 'Labeler'),
    },
    { keys: 'Shift+s', label: 'Turn the order of labelers round', run: () => sortBy(sort.head) },
  ]);

  const range = rangeOf(report.labelers.flatMap(({ agreement }) => agreement?.rate ?? []));
  const columns: Column<Labeler>[] = [
    {
      head: 'Labeler',
      sortable: true,
      cell: (labeler) => (
        <span className="flex max-w-56 flex-wrap items-center gap-2">
          <Link
            href={`/quality/people/${labeler.userId}?project=${projectId}`}
            className="min-w-0 truncate font-strong hover:underline"
          >
            {labeler.name}
          </Link>
          {labeler.kind === 'imported' && <span className="text-12 text-quiet">imported</span>}
          {labeler.standing && labeler.standing !== 'good' && <StandingChip standing={labeler.standing} />}
        </span>
      ),
    },
    { head: 'Rankings', numeric: true, sortable: true, cell: ({ rankings }) => count(rankings) },
    {
      head: 'Agreement',
      numeric: true,
      sortable: true,
      cell: ({ agreement }) =>
        agreement?.rate ? (
          <span className="flex items-center justify-end gap-2">
            <SmallInterval {...agreement.rate} range={range} reference={report.agreement.rate?.mean} />
            <span className="w-22 text-right">{percentWithin(agreement.rate)}</span>
          </span>
        ) : (
          '–'
        ),
    },
    {
      head: 'α',
      numeric: true,
      sortable: true,
      cell: ({ agreement }) => agreement?.alpha?.value.toFixed(2) ?? '–',
    },
    { head: 'Demonstrations', numeric: true, sortable: true, cell: (one) => count(one.demonstrations) },
    { head: 'Known answers', numeric: true, sortable: true, cell: ({ gold }) => shareText(gold) },
    {
      head: 'Median time',
      numeric: true,
      sortable: true,
      cell: ({ rankingSpeed, demonstrationSpeed }) => {
        const speed = rankingSpeed ?? demonstrationSpeed;
        return speed ? duration(speed.medianSeconds) : '–';
      },
    },
    {
      head: 'Too fast',
      numeric: true,
      sortable: true,
      cell: (labeler) => count(tooFast(labeler)),
    },
    { head: 'Rejected', numeric: true, sortable: true, cell: ({ rejected }) => shareText(rejected) },
  ];
  return (
    <Section title="Labelers">
      <Table
        caption="Labelers of the project"
        rows={rows}
        rowKey={(labeler) => labeler.userId}
        columns={columns}
        sort={{ ...sort, onSort: sortBy }}
      />
      <p className="max-w-prose text-12 text-quiet">
        Agreement is each person’s with the others; the tick is the project’s. Too fast: less time on the page
        than reading at 1,000 and writing at 200 words a minute would take. Press S to order by the next
        column.
      </p>
    </Section>
  );
}

function shareText(share: Share | null): string {
  return share ? `${percentWithin(share)} of ${count(share.n)}` : '–';
}

/** One axis for the whole column: from the lowest end of an interval to the highest, at least ten points. */
function rangeOf(shares: Share[]): [number, number] {
  if (shares.length === 0) return [0, 1];
  const low = Math.min(...shares.map((share) => share.low));
  const high = Math.max(...shares.map((share) => share.high));
  return [Math.max(0, Math.min(low, high - 0.1)), Math.min(1, Math.max(high, low + 0.1))];
}
