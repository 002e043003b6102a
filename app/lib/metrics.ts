/** What the stages report, in words: which charts a run shows, in which order, and what each line is. */
export interface MetricLine {
  /** Names of the reported value, the first found is drawn. */
  keys: string[];
  label: string;
}

export interface MetricChart {
  title: string;
  unit: string;
  /** What it means when it moves, in a sentence. */
  meaning: string;
  lines: MetricLine[];
}

/** The charts of a run, top to bottom, on one x axis. A chart without any reported value is left out. */
export const METRIC_CHARTS: MetricChart[] = [
  {
    title: 'Loss',
    unit: 'nats per token',
    meaning: 'Falls as the model fits its data; validation rising while training falls is over-fitting.',
    lines: [
      { keys: ['loss'], label: 'training' },
      { keys: ['validationLoss'], label: 'validation' },
    ],
  },
  {
    title: 'Reward',
    unit: 'normalised score',
    meaning:
      'What the reward model thinks of the policy’s completions. It should rise; people decide whether it is real.',
    lines: [{ keys: ['rewardMean', 'scoreMean'], label: 'reward' }],
  },
  {
    title: 'KL to the SFT model',
    unit: 'nats per completion',
    meaning: 'How far the policy has moved from where it started.',
    lines: [{ keys: ['klToReference'], label: 'KL' }],
  },
  {
    title: 'Entropy',
    unit: 'nats per token',
    meaning: 'How undecided the model is about its next token. It falls as the policy settles.',
    lines: [{ keys: ['entropy'], label: 'entropy' }],
  },
  {
    title: 'Accuracy',
    unit: 'share of pairs',
    meaning: 'How often the reward model prefers what the labeler preferred. 0.5 is chance.',
    lines: [
      { keys: ['accuracy'], label: 'training' },
      { keys: ['validationAccuracy'], label: 'validation' },
    ],
  },
  {
    title: 'Policy and value loss',
    unit: 'PPO objective',
    meaning: 'The clipped surrogate and the error of the value model.',
    lines: [
      { keys: ['policyLoss'], label: 'policy' },
      { keys: ['valueLoss'], label: 'value' },
    ],
  },
  {
    title: 'Completion length',
    unit: 'tokens',
    meaning: 'Mean length of a completion. Growing with the reward, it hints that length itself is rewarded.',
    lines: [{ keys: ['responseLength'], label: 'length' }],
  },
  {
    title: 'Speed',
    unit: 'tokens per second',
    meaning: 'How fast the run goes.',
    lines: [{ keys: ['tokensPerSecond'], label: 'speed' }],
  },
];

/** A reported value in words, with its unit; as it is reported when it has no chart. */
export function metricName(key: string): string {
  for (const { title, unit, lines } of METRIC_CHARTS) {
    const line = lines.find(({ keys }) => keys.includes(key));
    if (line === undefined) continue;
    return lines.length === 1 ? `${title}, ${unit}` : `${title}: ${line.label}, ${unit}`;
  }
  return key;
}

export interface MetricRow {
  step: number;
  values: Record<string, number>;
}

/** One line of a chart: x and y in step order, without the steps that did not report it. */
export interface Series {
  label: string;
  key: string;
  steps: number[];
  values: number[];
}

/** The series of a chart that the rows hold. */
export function seriesOf(chart: MetricChart, rows: readonly MetricRow[]): Series[] {
  return chart.lines.flatMap((line) => {
    const key = line.keys.find((name) => rows.some((row) => typeof row.values[name] === 'number'));
    if (key === undefined) return [];
    const steps: number[] = [];
    const values: number[] = [];
    for (const row of rows) {
      const value = row.values[key];
      if (typeof value !== 'number' || !Number.isFinite(value)) continue;
      steps.push(row.step);
      values.push(value);
    }
    return values.length === 0 ? [] : [{ label: line.label, key, steps, values }];
  });
}

/**
 * Exponential moving averages from both ends, halved: unlike one of them it lags behind nothing. Each has its start
 * corrected (Adam's bias correction), so that the first values are not drawn towards zero.
 * @param weight how much of the neighbour is kept, 0 to 1
 */
export function smooth(values: readonly number[], weight: number): number[] {
  const forward = movingAverage(values, weight);
  const backward = movingAverage([...values].reverse(), weight).reverse();
  return forward.map((value, index) => (value + (backward[index] ?? value)) / 2);
}

function movingAverage(values: readonly number[], weight: number): number[] {
  let average = 0;
  let correction = 0;
  return values.map((value) => {
    average = weight * average + (1 - weight) * value;
    correction = weight * correction + (1 - weight);
    return average / correction;
  });
}

/** Rows after new ones came: in step order, one row a step, the newer one holding. */
export function mergeRows(rows: readonly MetricRow[], fresh: readonly MetricRow[]): MetricRow[] {
  const last = rows.at(-1)?.step ?? Number.NEGATIVE_INFINITY;
  if (fresh.every((row) => row.step > last)) return [...rows, ...fresh];
  const bySteps = new Map(rows.map((row) => [row.step, row]));
  for (const row of fresh) bySteps.set(row.step, row);
  return [...bySteps.values()].sort((a, b) => a.step - b.step);
}
