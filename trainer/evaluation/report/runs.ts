import type { Evaluation } from '../compare-models.ts';
import { type RunCurves, type Series, smooth } from '../run-curves.ts';
import { chart, type Mark } from './chart.ts';
import { html, type Markup } from './html.ts';
import { hueOf } from './hue.ts';
import { type Column, number, numbersBehind } from './table.ts';

/** Weight of a value against the one after it. */
const DECAY = 0.9;
/** Shorter series are drawn as they are. */
const SMOOTHED_FROM = 40;
/** A screen shows no more points than this. */
const DRAWN = 400;
const TABLE_ROWS = 20;
/** Three stand beside each other. */
const WIDTH = 320;

/** A picture of a run: metrics that share a unit, each with its label at the line's end. */
interface Panel {
  title: string;
  unit: string;
  metrics: [metric: string, label: string][];
}

/** What is worth seeing of a run, in this order; a panel is drawn where the run has one of its metrics. */
const panels: Panel[] = [
  {
    title: 'Reward',
    unit: 'normalised score',
    metrics: [['rewardMean', 'reward']],
  },
  { title: 'KL', unit: 'nats to the reference', metrics: [['klToReference', 'KL']] },
  { title: 'Entropy', unit: 'nats per token', metrics: [['entropy', 'entropy']] },
  {
    title: 'Loss',
    unit: 'nats',
    metrics: [
      ['loss', 'training'],
      ['validationLoss', 'held out'],
    ],
  },
  {
    title: 'Bits per byte',
    unit: 'bits',
    metrics: [
      ['bitsPerByte', 'training'],
      ['validationBitsPerByte', 'held out'],
    ],
  },
  {
    title: 'Accuracy',
    unit: 'share of pairs',
    metrics: [
      ['accuracy', 'training'],
      ['validationAccuracy', 'held out'],
    ],
  },
  {
    title: 'Implicit reward margin',
    unit: 'nats',
    metrics: [
      ['rewardMargin', 'training'],
      ['validationRewardMargin', 'held out'],
    ],
  },
  { title: 'Completion length', unit: 'tokens', metrics: [['responseLength', 'length']] },
  { title: 'Value loss', unit: '', metrics: [['valueLoss', 'value loss']] },
];

/** The curves of each run, one row of small charts over the same steps. */
export function runsSection({ runs }: Evaluation): Markup | null {
  if (runs.length === 0) return null;
  return html`<section aria-labelledby="runs">
<h2 id="runs">Training</h2>
<p class="note">Curves of ${SMOOTHED_FROM} points or more: faint, what every step reported; strong, its exponential moving average (decay ${DECAY}, without the pull of its start). Shorter ones are drawn as they are.</p>
${runs.map(
  (
    run,
  ) => html`<h3 class="run">${run.name}${run.stage === null || run.stage === run.name ? null : ` (${run.stage})`}</h3>
<div class="figures">${panels.map((panel) => figure(run, panel))}</div>
`,
)}</section>`;
}

function figure(run: RunCurves, { title, unit, metrics }: Panel): Markup | null {
  const hue = hueOf(run.stage);
  const found = metrics.flatMap(([metric, label], index) => {
    const series = run.series.find((one) => one.metric === metric);
    return series ? [{ series, label, first: index === 0 }] : [];
  });
  if (found.length === 0) return null;
  const marks = found.flatMap(({ series, label, first }): Mark[] => {
    const smoothed = smooth(series.values, DECAY);
    const form = first ? 'line' : 'dashed';
    const name = found.length > 1 ? label : '';
    if (series.values.length < SMOOTHED_FROM) {
      return [{ label: name, hue, form, points: pointsOf(series, series.values) }];
    }
    return [
      { label: '', hue, form: 'raw', points: pointsOf(series, series.values) },
      { label: name, hue, form, points: pointsOf(series, smoothed) },
    ];
  });
  const name = `${title} of ${run.name}`;
  const rows = tableRows(found.map(({ series }) => series));
  const columns: Column<(typeof rows)[number]>[] = [
    { head: 'step', cell: ({ step }) => number(step, 0) },
    ...found.map(({ label }, index) => ({
      head: label,
      cell: ({ values }: (typeof rows)[number]) => number(values[index], 4),
    })),
  ];
  return html`<figure><figcaption>${title} <span>${unit === '' ? null : `· ${unit}`}</span></figcaption>
${chart({ title: `${name} over its steps`, xLabel: 'step', marks, width: WIDTH })}
${numbersBehind(name, rows, columns)}</figure>`;
}

function pointsOf({ steps }: Series, values: readonly number[]): { x: number; y: number }[] {
  const points = steps.map((x, index) => ({ x, y: values[index] ?? Number.NaN }));
  return evenly(points, DRAWN);
}

/** Steps spread over the run, and what each series reported there. */
function tableRows(series: readonly Series[]): { step: number; values: (number | undefined)[] }[] {
  const fewest = series.reduce((a, b) => (b.steps.length < a.steps.length ? b : a));
  return evenly(fewest.steps, TABLE_ROWS).map((step) => ({
    step,
    values: series.map(({ steps, values }) => values[steps.indexOf(step)]),
  }));
}

/** At most `count` items, evenly spread, the first and the last among them. */
function evenly<Item>(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items];
  return Array.from(
    { length: count },
    (_, index) => items[Math.round((index * (items.length - 1)) / (count - 1))] as Item,
  );
}
