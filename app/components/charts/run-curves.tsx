'use client';

import { lazy, Suspense, useId, useMemo, useState } from 'react';
import { count, measure } from '../../lib/format.ts';
import { METRIC_CHARTS, type MetricChart, type MetricRow, type Series, seriesOf } from '../../lib/metrics.ts';
import { Table } from '../ui/table.tsx';
import { STAGE_KIND } from './colours.ts';

const Curve = lazy(() => import('./curve.tsx'));

interface RunCurvesProps {
  stage: string;
  rows: MetricRow[];
  totalSteps: number | null;
  /** Smaller charts side by side, for the page of a round. */
  compact?: boolean;
}

/** The curves of a run, stacked on one x axis, with one cursor; a table behind them. */
export function RunCurves({ stage, rows, totalSteps, compact = false }: RunCurvesProps) {
  const group = useId();
  const [step, setStep] = useState<number | null>(null);
  const charts = useMemo(
    () =>
      METRIC_CHARTS.map((chart) => ({ chart, series: seriesOf(chart, rows) }))
        .filter(({ series }) => series.length > 0)
        .slice(0, compact ? 4 : undefined),
    [rows, compact],
  );
  const token = `model-${STAGE_KIND[stage] ?? 'base'}`;
  const tokens = useMemo(() => [token, 'quiet'], [token]);
  const last = Math.max(totalSteps ?? 0, rows.at(-1)?.step ?? 0, 1);
  const range = useMemo<[number, number]>(() => [0, last], [last]);
  if (charts.length === 0) {
    return <p className="text-quiet">No step has been reported yet. The curves begin with the first.</p>;
  }
  return (
    <div className="flex flex-col gap-4">
      <p className="figures text-12 text-quiet">
        {step === null ? 'Move over a chart to read all curves at one step.' : `At step ${count(step)}`}
      </p>
      <div className={compact ? 'grid gap-4 sm:grid-cols-2' : 'flex flex-col gap-2'}>
        {charts.map(({ chart, series }, index) => (
          <figure key={chart.title} className="min-w-0">
            <figcaption className="flex flex-wrap items-baseline gap-x-3 text-14">
              <strong>{chart.title}</strong>
              <span className="text-12 text-quiet">{chart.unit}</span>
              <span className="figures ml-auto text-12">{readAt(series, step)}</span>
            </figcaption>
            <p className="sr-only">{spokenTrend(chart, series)}</p>
            <Suspense fallback={<div style={{ height: 132 }} />}>
              <Curve
                series={series}
                tokens={tokens}
                height={compact || index === charts.length - 1 ? 132 : 116}
                group={group}
                range={range}
                showSteps={compact || index === charts.length - 1}
                onStep={setStep}
              />
            </Suspense>
          </figure>
        ))}
      </div>
      <details>
        <summary className="text-12 text-quiet">Show the numbers</summary>
        <div className="max-h-96 overflow-y-auto pt-2">
          <MetricsTable rows={rows} charts={charts.map(({ chart }) => chart)} />
        </div>
      </details>
    </div>
  );
}

/** The values of all series at a step, or at the last one. */
function readAt(series: Series[], step: number | null): string {
  return series
    .map((one) => {
      const at = step === null ? one.steps.length - 1 : one.steps.findLastIndex((other) => other <= step);
      const value = one.values[at];
      return value === undefined ? '' : `${one.label} ${measure(value)}`;
    })
    .filter(Boolean)
    .join(' · ');
}

/** A chart in a sentence, for those who do not see it. */
function spokenTrend(chart: MetricChart, series: Series[]): string {
  const trends = series.map(
    (one) => `${one.label} from ${measure(one.values[0] ?? 0)} to ${measure(one.values.at(-1) ?? 0)}`,
  );
  return `${chart.title} in ${chart.unit}: ${trends.join('; ')}. ${chart.meaning}`;
}

/** Rows that the table shows at most: every so many steps when there are more. */
const MOST_ROWS = 200;

function MetricsTable({ rows, charts }: { rows: MetricRow[]; charts: MetricChart[] }) {
  const keys = [...new Set(charts.flatMap((chart) => seriesOf(chart, rows).map((one) => one.key)))];
  const every = Math.max(1, Math.ceil(rows.length / MOST_ROWS));
  const shown = rows.filter((_, index) => index % every === 0 || index === rows.length - 1);
  return (
    <Table
      caption={
        every === 1
          ? 'Every reported step'
          : `Every ${count(every)}th of ${count(rows.length)} reported steps`
      }
      showCaption
      rows={shown}
      rowKey={(row) => String(row.step)}
      columns={[
        { head: 'step', numeric: true, cell: (row) => count(row.step) },
        ...keys.map((key) => ({
          head: key,
          numeric: true,
          cell: (row: MetricRow) => (row.values[key] === undefined ? '' : measure(row.values[key])),
        })),
      ]}
    />
  );
}
