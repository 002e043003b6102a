import { Section } from '../../../components/ui/page-frame.tsx';
import { Table } from '../../../components/ui/table.tsx';
import { count, duration } from '../../../lib/format.ts';

interface DaysFigureProps {
  /** Oldest first, days without work too. */
  days: { day: string; labels: number; medianSeconds: number | null }[];
}

/** Labels day by day as bars, the numbers in a table behind them. */
export function DaysFigure({ days }: DaysFigureProps) {
  const most = Math.max(1, ...days.map(({ labels }) => labels));
  const total = days.reduce((sum, { labels }) => sum + labels, 0);
  return (
    <Section title="Day by day">
      <figure className="flex max-w-[40rem] flex-col gap-1">
        <figcaption className="text-12 text-quiet">
          {count(total)} labels in the last {days.length} days; most in one day:{' '}
          {total === 0 ? 0 : count(most)}
        </figcaption>
        <div aria-hidden="true" className="flex h-24 items-end gap-1 border-b">
          {days.map(({ day, labels }) => (
            <div
              key={day}
              title={`${day}: ${labels}`}
              className="flex-1-one bg-edge"
              style={{ height: `${(labels / most) * 100}%` }}
            />
          ))}
        </div>
        <p aria-hidden="true" className="figures flex justify-between text-12 text-quiet">
          <span>{days[0]?.day}</span>
          <span>today</span>
        </p>
      </figure>
      <details>
        <summary className="cursor-pointer text-14">Days with work, as a table</summary>
        <div className="max-w-[40rem] pt-2">
          <Table
            caption="Labels submitted, by day"
            rows={days.filter(({ labels }) => labels > 0).reverse()}
            rowKey={({ day }) => day}
            columns={[
              { head: 'Day (UTC)', cell: ({ day }) => <span className="figures">{day}</span> },
              { head: 'Labels', numeric: true, cell: ({ labels }) => count(labels) },
              {
                head: 'Median time',
                numeric: true,
                cell: ({ medianSeconds }) => (medianSeconds === null ? 'not known' : duration(medianSeconds)),
              },
            ]}
          />
        </div>
      </details>
    </Section>
  );
}
