'use client';

import { WhiskerFigure, type WhiskerPoint } from '../../../components/charts/whisker-figure.tsx';
import { Section } from '../../../components/ui/page-frame.tsx';
import { Table } from '../../../components/ui/table.tsx';
import { count, percent, percentWithin } from '../../../lib/format.ts';
import type { Report } from './quality-view.tsx';
import { alphaText } from './words.ts';

/** Names along a time axis at most. */
const MOST_TICKS = 7;

const day = (moment: Date) => moment.toISOString().slice(0, 10);
const shortDay = (moment: Date) =>
  moment.toLocaleDateString('en', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** Agreement over time, with the guideline versions that came meanwhile, and by version. */
export function AgreementPart({ report }: { report: Report }) {
  const { overTime, guidelines, agreement } = report;
  if (agreement.rate === null) {
    return (
      <Section title="Agreement">
        <p className="max-w-prose text-quiet">
          {report.rankings === 0
            ? 'There are no rankings here. Demonstrations have no agreement: each is an answer of its own.'
            : 'No two people have ranked the same task yet. Let tasks want two labels or more, and this fills.'}
        </p>
      </Section>
    );
  }
  const { unit } = overTime;
  const rates = overTime.points.flatMap(({ from, rate, rankings }): WhiskerPoint[] =>
    rate
      ? [
          {
            x: from.getTime(),
            name: unit === 'week' ? `week of ${day(from)}` : day(from),
            mean: rate.mean,
            low: rate.low,
            high: rate.high,
            note: `${count(rate.n)} pairs, ${count(rankings)} rankings`,
          },
        ]
      : [],
  );
  const alphas = overTime.points.flatMap(({ from, alpha, rate }): WhiskerPoint[] =>
    alpha
      ? [
          {
            x: from.getTime(),
            name: unit === 'week' ? `week of ${day(from)}` : day(from),
            mean: alpha.value,
            low: alpha.interval?.low ?? null,
            high: alpha.interval?.high ?? null,
            note: rate ? `${count(rate.clusters)} prompts` : '',
          },
        ]
      : [],
  );
  const step = Math.ceil(rates.length / MOST_TICKS);
  const ticks = rates
    .filter((_, index) => index % step === 0)
    .map(({ x }) => ({ x, label: shortDay(new Date(x)) }));
  const first = rates[0]?.x ?? 0;
  const last = rates.at(-1)?.x ?? 0;
  const marks = guidelines
    .filter(({ at }) => at.getTime() > first && at.getTime() <= last)
    .map(({ version, at }) => ({ x: at.getTime(), label: `v${version}` }));
  const shared = { ticks, marks, span: [first, last] as [number, number] };
  return (
    <Section title="Agreement">
      <div className="flex flex-wrap gap-x-10 gap-y-6">
        {rates.length > 0 && (
          <WhiskerFigure
            {...shared}
            title={`Pairwise agreement by ${unit}`}
            axis="share of pairs that two people put in the same order"
            series={[{ label: 'people', tone: 'people', points: rates }]}
            reference={{ value: 0.5, label: 'chance' }}
            bounds={[0, 1]}
            format={(value) => percent(value)}
          >
            By when the later of the two rankings came; pairs that either calls a tie are left out (
            {count(agreement.tied)} of them). Dashed lines: a new version of the guidelines.
          </WhiskerFigure>
        )}
        {alphas.length > 0 && (
          <WhiskerFigure
            {...shared}
            title={`Krippendorff’s α by ${unit}`}
            axis="ordinal, on ranks within a task"
            series={[{ label: 'people', tone: 'people', points: alphas }]}
            reference={{ value: 0, label: 'chance' }}
            format={(value) => value.toFixed(2)}
          >
            1 is perfect agreement and 0 chance; ties count. Where there are fewer than 20 prompts there is no
            interval.
          </WhiskerFigure>
        )}
      </div>
      {report.byGuideline.length > 1 && (
        <Table
          caption="By guideline version, both rankings made under it"
          showCaption
          rows={report.byGuideline}
          rowKey={(row) => String(row.version)}
          columns={[
            {
              head: 'Guidelines',
              cell: (row) => (row.version === null ? 'none' : `version ${row.version}`),
            },
            { head: 'Rankings', numeric: true, cell: (row) => count(row.rankings) },
            {
              head: 'Agreement',
              numeric: true,
              cell: (row) => (row.rate ? percentWithin(row.rate) : 'nothing to compare'),
            },
            { head: 'Pairs', numeric: true, cell: (row) => count(row.rate?.n ?? 0) },
            {
              head: 'α',
              numeric: true,
              cell: (row) => (row.alpha ? `${row.alpha.value.toFixed(2)} (${alphaText(row.alpha)})` : '–'),
            },
          ]}
        />
      )}
    </Section>
  );
}
