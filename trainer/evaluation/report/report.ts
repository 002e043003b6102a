import type { Prompt } from '../../data/template.ts';
import type { Evaluation, Judgement } from '../compare-models.ts';
import type { Interval } from '../intervals.ts';
import type { MeasuredModel } from '../models.ts';
import { whiskers } from './chart.ts';
import { courseSection } from './course.ts';
import { type Content, html, type Markup } from './html.ts';
import { hueOf } from './hue.ts';
import { rewardModelSection } from './reward-model.ts';
import { runsSection } from './runs.ts';
import { styles } from './styles.ts';
import { type Column, number, numbersBehind, rate, table } from './table.ts';

/** How an evaluation was made, for whoever wants to make it again. */
export interface Made {
  /** ISO 8601 */
  at: string;
  command: string;
  version: string;
  node: string;
  device: string;
  /** the prompts' file */
  prompts: string;
  rankings: string | null;
  goldWorld: number | null;
}

/**
 * An evaluation as one HTML page that needs nothing else: no network, no script. Every picture has its numbers in a table;
 * every number carries its exact value (`<data value>`). All text that models wrote is escaped.
 */
export function renderReport(evaluation: Evaluation, made: Made): string {
  const { models, settings } = evaluation;
  const names = models.map(({ name }) => name).join(', ');
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Evaluation of ${names}</title>
<style>STYLES</style>
</head>
<body>
<main>
<header>
<h1>Evaluation of ${names}</h1>
${summary(evaluation).map((line) => html`<p class="lead">${line}</p>\n`)}</header>
${warning(evaluation)}
<section aria-labelledby="models">
<h2 id="models">The models</h2>
<p class="note">${settings.prompts} prompts, ${settings.samples} completions each at temperature ${settings.temperature}. KL in nats per completion to ${settings.reference}; entropy in nats per token. Below rewards stand 95 % intervals, bootstrapped over prompts. Distinct-n and self-BLEU over words: a lower distinct-n and a higher self-BLEU are less diverse.</p>
${table('Reward and distance of the models', models, columnsFor(models, rewardColumns))}
${table('Diversity and perplexity of the models', models, columnsFor(models, textColumns))}
</section>
${winRateSection(evaluation)}
${courseSection(evaluation)}
${rewardModelSection(evaluation)}
${runsSection(evaluation)}
${samplesSection(evaluation)}
${madeSection(evaluation, made)}
</main>
</body>
</html>
`;
  // The style sheet is ours and holds signs that escaping would break.
  return page.text.replace('STYLES', () => styles);
}

/** What the page says first: who wins, and by whose judgement. */
function summary({ models, judgements, rewardModel }: Evaluation): string[] {
  const lines = judgements.flatMap(({ judge, winRates }) => {
    // The last model over the one before it is what was just trained over what it began as.
    const last = models.at(-1)?.name;
    const before = models.at(-2)?.name;
    const found = winRates.find(({ model, over }) => model === last && over === before);
    return found
      ? [`By the ${judge}, ${last} wins against ${before} on ${percent(found.winRate)} of completions.`]
      : [];
  });
  if (rewardModel) {
    const { labelers } = rewardModel;
    const beside =
      labelers.pairs > 0
        ? `; two labelers agree with each other on ${(100 * labelers.rate).toFixed(1)} %`
        : '';
    lines.push(
      `The reward model orders ${percent(rewardModel.accuracy)} of ranked pairs as people did${beside}.`,
    );
  }
  return lines.length > 0 ? lines : [`${models.length} models on the same prompts.`];
}

/** Reward up and gold down is over-optimisation, and is called so. */
function warning({ models, judgements }: Evaluation): Markup | null {
  const proxy = judgements.find(({ judge }) => judge === 'reward model');
  const gold = judgements.find(({ judge }) => judge === 'gold rubric');
  const deceived = proxy?.winRates.filter(({ model, over, winRate }) => {
    const truth = gold?.winRates.find((one) => one.model === model && one.over === over);
    return winRate.low > 0.5 && truth !== undefined && truth.winRate.high < 0.5;
  });
  if (!deceived?.length || models.length === 0) return null;
  const pairs = deceived.map(({ model, over }) => `${model} over ${over}`).join(', ');
  return html`<p class="warning"><strong>Over-optimised:</strong> the reward model prefers ${pairs}; the rubric prefers the other.</p>`;
}

function percent({ mean, low, high }: Interval): string {
  return `${(100 * mean).toFixed(1)} % (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}

function interval(value: Interval | null): Content {
  if (value === null) return '–';
  return html`${number(value.mean)}<span class="within">${number(value.low)} to ${number(value.high)}</span>`;
}

/** A column, and what it needs of a model; it is left out where no model has it. */
type Measure = Column<MeasuredModel> & { of?: (model: MeasuredModel) => unknown };

const nameColumn: Measure = {
  head: 'model',
  cell: ({ name, stage, step }) =>
    html`<span class="${hueOf(stage)}">${name}</span>${
      stage === null
        ? null
        : html`<span class="within">${stage}${step === null ? null : ` step ${step}`}</span>`
    }`,
};

const rewardColumns: Measure[] = [
  nameColumn,
  { head: 'reward', of: ({ reward }) => reward, cell: ({ reward }) => interval(reward) },
  { head: 'gold', of: ({ gold }) => gold, cell: ({ gold }) => interval(gold) },
  {
    head: 'KL (k1)',
    of: ({ klToReference }) => klToReference,
    cell: ({ klToReference }) => number(klToReference?.k1),
  },
  {
    head: 'KL (k3)',
    of: ({ klToReference }) => klToReference,
    cell: ({ klToReference }) => number(klToReference?.k3),
  },
  { head: 'entropy', cell: ({ entropy }) => number(entropy) },
  { head: 'length, tokens', cell: ({ length }) => number(length, 1) },
  { head: 'ends by itself', cell: ({ endRate }) => rate(endRate) },
];

const textColumns: Measure[] = [
  nameColumn,
  { head: 'distinct-1', cell: ({ distinct1 }) => number(distinct1) },
  { head: 'distinct-2', cell: ({ distinct2 }) => number(distinct2) },
  { head: 'self-BLEU', cell: ({ selfBleu }) => number(selfBleu) },
  {
    head: 'within prompts',
    of: ({ selfBleuWithinPrompts }) => selfBleuWithinPrompts,
    cell: ({ selfBleuWithinPrompts }) => number(selfBleuWithinPrompts),
  },
  {
    head: 'bits per byte',
    of: ({ documents }) => documents,
    cell: ({ documents }) => number(documents?.bitsPerByte),
  },
  {
    head: 'perplexity of documents',
    of: ({ documents }) => documents,
    cell: ({ documents }) => number(documents?.perplexity, 2),
  },
  {
    head: 'of demonstrations',
    of: ({ demonstrations }) => demonstrations,
    cell: ({ demonstrations }) => number(demonstrations?.perplexity, 2),
  },
];

function columnsFor(models: readonly MeasuredModel[], columns: readonly Measure[]): Measure[] {
  return columns.filter(({ of }) => !of || models.some((model) => of(model) !== null));
}

function winRateSection({ judgements, models }: Evaluation): Markup | null {
  if (judgements.length === 0) return null;
  return html`<section aria-labelledby="win-rates">
<h2 id="win-rates">Win rates</h2>
<p class="note">How often a model’s completion is judged better than the other’s to the same prompt; ties count half. Whiskers: 95 % intervals, bootstrapped over prompts. A reward model is what PPO was trained to please: its word on PPO is no proof.</p>
<div class="figures wide">${judgements.map((judgement) => winRateFigure(judgement, models))}</div>
</section>`;
}

function winRateFigure({ judge, winRates, elo }: Judgement, models: readonly MeasuredModel[]): Markup {
  const stage = (name: string) => models.find((model) => model.name === name)?.stage ?? null;
  const title = `Win rates by the ${judge}`;
  return html`<figure><figcaption>By the ${judge}</figcaption>
${whiskers(
  title,
  winRates.map(({ model, over, winRate }) => ({
    label: `${shortened(model)} over ${shortened(over)}`,
    hue: hueOf(stage(model)),
    ...winRate,
    text: `${(100 * winRate.mean).toFixed(1)} %`,
  })),
)}
${numbersBehind(title, winRates, [
  { head: 'model over model', cell: ({ model, over }) => `${model} over ${over}` },
  { head: 'win rate', cell: ({ winRate }) => rate(winRate.mean) },
  { head: 'low', cell: ({ winRate }) => rate(winRate.low) },
  { head: 'high', cell: ({ winRate }) => rate(winRate.high) },
])}
<details><summary>Elo ratings (Bradley–Terry, ${elo[0]?.model ?? ''} at 1000)</summary>${table(
    `Elo ratings by the ${judge}`,
    elo,
    [
      { head: 'model', cell: ({ model }) => model },
      { head: 'Elo', cell: ({ rating }) => number(rating.mean, 0) },
      { head: 'low', cell: ({ rating }) => number(rating.low, 0) },
      { head: 'high', cell: ({ rating }) => number(rating.high, 0) },
    ],
  )}</details></figure>`;
}

/** A name that fits beside a figure. */
function shortened(name: string): string {
  return name.length > 10 ? `${name.slice(0, 9)}…` : name;
}

function samplesSection({ samples, models }: Evaluation): Markup | null {
  if (samples.length === 0) return null;
  const stage = (name: string) => models.find((model) => model.name === name)?.stage ?? null;
  return html`<section aria-labelledby="samples">
<h2 id="samples">Side by side</h2>
<p class="note">Each model’s first completion of the first prompts, not chosen.</p>
${samples.map(
  ({ prompt, answers }, index) => html`<article class="prompt" aria-labelledby="prompt-${index}">
<h3 id="prompt-${index}">Prompt ${index + 1}</h3>
<div class="reading">${promptText(prompt)}</div>
<div class="answers">${answers.map(
    (answer) => html`<div>
<h4 class="${hueOf(stage(answer.model))}">${answer.model}</h4>
<p class="facts">${factsOf(answer)}</p>
<div class="reading">${answer.text.trim() === '' ? '(empty)' : answer.text}</div></div>
`,
  )}</div></article>
`,
)}</section>`;
}

function factsOf({ reward, gold, finished }: Evaluation['samples'][number]['answers'][number]): Content {
  const facts: Content[] = [];
  if (reward !== null) facts.push(html`reward ${number(reward, 2)}`);
  if (gold !== null) facts.push(html`gold ${number(gold, 2)}`);
  if (!finished) facts.push('did not end');
  return facts.map((fact, index) => (index === 0 ? fact : html` · ${fact}`));
}

function promptText(prompt: Prompt): Content {
  if (typeof prompt === 'string') return prompt;
  return prompt.map(({ role, content }) => html`<span class="turn">${role}</span>\n${content}\n`);
}

function madeSection({ settings, models }: Evaluation, made: Made): Markup {
  const facts: [string, Content][] = [
    ['made at', made.at],
    ['touchstone', `${made.version}, Node ${made.node}`],
    ['device', made.device],
    ['prompts', `${made.prompts}, the first ${settings.prompts}`],
    [
      'sampling',
      `${settings.samples} completions a prompt, at most ${settings.maxNewTokens} tokens, temperature ${settings.temperature}, top-k ${settings.topK ?? 'none'}, top-p ${settings.topP ?? 'none'}, seed ${settings.seed}`,
    ],
    ...models.map(({ name, folder }): [string, Content] => [`model ${name}`, folder]),
    ['reference', settings.reference],
    ['reward model', settings.reward],
    ['rankings', made.rankings],
    ['gold', made.goldWorld === null ? null : `the rubric of the demo world of seed ${made.goldWorld}`],
    [
      'documents read',
      models.some(({ documents }) => documents !== null)
        ? settings.reading === 'packed'
          ? 'packed in rows, as pretraining validates'
          : 'each alone, in windows that overlap by half'
        : null,
    ],
  ];
  return html`<section aria-labelledby="made">
<h2 id="made">How it was made</h2>
<pre>${made.command}</pre>
<dl>${facts.map(([name, value]) => (value === null ? null : html`<dt>${name}</dt><dd>${value}</dd>\n`))}</dl>
</section>`;
}
