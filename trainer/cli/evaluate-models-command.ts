import { existsSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readDemonstrations, readDocuments, readPrompts } from '../data/json-lines.ts';
import type { Prompt } from '../data/template.ts';
import { TrainerError } from '../errors.ts';
import type { Evaluation } from '../evaluation/compare-models.ts';
import type { Interval } from '../evaluation/intervals.ts';
import type { NamedModel } from '../evaluation/models.ts';
import { type Made, renderReport } from '../evaluation/report/report.ts';
import { trainerVersion } from '../stages/shared/version.ts';
import {
  addDeviceOptions,
  collect,
  type DeviceFlags,
  openFlaggedDevice,
  parseNumber,
  parsePositive,
  shellQuoted,
} from './options.ts';
import { alignColumns, formatRate, readRankingsOf } from './reporting.ts';
import { keptCheckpoints } from './run-folder.ts';

interface EvaluateModelsFlags extends DeviceFlags {
  model: NamedModel[];
  reference?: string;
  prompts: string;
  limit?: number;
  samples: number;
  maxNewTokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
  reward?: string;
  rankings?: string;
  split?: string;
  goldWorld?: number;
  documents?: string;
  reading: 'packed' | 'alone';
  demonstrations?: string;
  run?: string[];
  checkpoints?: string[];
  show: number;
  out?: string;
  report?: string;
  json?: boolean;
  quiet?: boolean;
}

/** Adds `evaluate models`, which plain `evaluate` means. */
export function addEvaluateModelsCommand(evaluate: Command): void {
  const command = evaluate
    .command('models', { isDefault: true })
    .description('compares models on the same prompts: reward, KL, entropy, diversity, win rates; a report')
    .optionsGroup('Models and prompts:')
    .requiredOption(
      '--model <name=folder>',
      'a model; several times, the first is the base of Elo',
      collectModel,
    )
    .option('--reference <name>', 'the model that KL is measured to; default: the first')
    .requiredOption('--prompts <file>', 'JSON lines of { prompt }')
    .option('--limit <number>', 'only the first prompts', parsePositive)
    .optionsGroup('Sampling:')
    .option('--samples <number>', 'completions per prompt', parsePositive, 4)
    .option('--max-new-tokens <number>', 'longest completion, in tokens', parsePositive, 48)
    .option('--temperature <number>', 'divides the logits; 0 takes the likeliest token', parseNumber, 1)
    .option('--top-k <number>', 'only the k likeliest tokens', parsePositive)
    .option('--top-p <number>', 'only the likeliest tokens that hold this probability', parseNumber)
    .option('--seed <number>', 'seed of the draws and of the intervals', parseNumber, 1)
    .optionsGroup('What judges and measures:')
    .option('--reward <folder>', 'reward model: scores, win rates by it')
    .option('--rankings <file>', 'JSON lines of rankings: the reward model’s accuracy and calibration')
    .option('--split <name>', 'only rankings of this split')
    .option('--gold-world <seed>', 'the demo world of this seed judges too, by its rubric', parseNumber)
    .option('--documents <file>', 'JSON lines of { text } or a .txt file: perplexity and bits per byte')
    .addOption(
      new Option(
        '--reading <how>',
        'documents packed in rows as pretraining validates, or each alone in overlapping windows',
      )
        .choices(['packed', 'alone'])
        .default('packed'),
    )
    .option('--demonstrations <file>', 'JSON lines of demonstrations: perplexity of the completions')
    .option(
      '--checkpoints <run folder>',
      'measure its kept checkpoints, for reward over √KL; several times',
      collect,
    )
    .optionsGroup('What is written:')
    .option('--run <folder>', 'show the curves of this run folder; several times', collect)
    .option('--show <number>', 'prompts whose completions are shown side by side', parsePositive, 8)
    .option('--out <file>', 'write everything as JSON')
    .option('--report <file>', 'write one HTML page with tables and figures')
    .option('--json', 'print the JSON instead of the table')
    .option('--quiet', 'print no progress');
  addDeviceOptions(command);
  command
    .addHelpText(
      'after',
      [
        '\nExample:',
        '  touchstone evaluate --model base=runs/pretrain/model --model sft=runs/sft/model --model ppo=runs/ppo/model \\',
        '    --reference sft --prompts evaluation-prompts.jsonl --limit 100 --reward runs/reward/model \\',
        '    --rankings rankings.jsonl --split validation --run runs/sft --run runs/ppo --report report.html',
      ].join('\n'),
    )
    .action(runEvaluateModels);
}

/** `name=folder`, or a folder alone, which is named for itself or for its run. */
function collectModel(text: string, previous: NamedModel[] = []): NamedModel[] {
  const match = /^([^=/\\]+)=(.+)$/.exec(text);
  const folder = match?.[2] ?? text;
  const path = resolve(folder);
  const name = match?.[1] ?? (basename(path) === 'model' ? basename(dirname(path)) : basename(path));
  if (previous.some((model) => model.name === name)) {
    throw new InvalidArgumentError(
      `two models are named "${name}": give each a name of its own, name=folder.`,
    );
  }
  return [...previous, { name, folder }];
}

async function runEvaluateModels(flags: EvaluateModelsFlags): Promise<void> {
  for (const file of [flags.out, flags.report]) {
    if (file !== undefined && !existsSync(dirname(resolve(file)))) {
      throw new TrainerError(`Cannot write ${file}: there is no folder ${dirname(file)}.`);
    }
  }
  const reference = flags.model.find(({ name }) => name === (flags.reference ?? flags.model[0]?.name));
  if (!reference) {
    throw new TrainerError(
      `--reference ${flags.reference} is none of the models: expected ${flags.model.map(({ name }) => name).join(', ')}.`,
    );
  }
  if (flags.rankings !== undefined && flags.reward === undefined) {
    throw new TrainerError('--rankings measure a reward model: give --reward too.');
  }
  const prompts = [...readPrompts(flags.prompts)].map(({ prompt }) => prompt).slice(0, flags.limit);
  if (prompts.length === 0) throw new TrainerError(`${flags.prompts} has no prompt.`);
  const checkpoints = (flags.checkpoints ?? []).flatMap(keptCheckpoints);
  const rankings = flags.rankings === undefined ? undefined : readRankingsOf(flags.rankings, flags.split);
  const documents = flags.documents === undefined ? undefined : [...readDocuments(flags.documents)];
  const demonstrations =
    flags.demonstrations === undefined ? undefined : [...readDemonstrations(flags.demonstrations)];
  const gold = flags.goldWorld === undefined ? undefined : await rubricOf(flags.goldWorld, prompts);
  const [{ compareModels }, { loadTokenizer }] = await Promise.all([
    import('../evaluation/compare-models.ts'),
    import('../model/checkpoint.ts'),
  ]);
  // What cannot be opened is told before the first minutes are spent.
  for (const { folder } of [...flags.model, ...checkpoints]) loadTokenizer(folder);
  if (flags.reward !== undefined) loadTokenizer(flags.reward);

  const device = await openFlaggedDevice(flags);
  const say = (line: string): void => {
    if (!flags.quiet) process.stderr.write(`${line}\n`);
  };
  const settings = { ...flags, prompts, reference, checkpoints, rankings, documents, demonstrations, gold };
  const evaluation = await compareModels(
    flags.model,
    { ...settings, runs: flags.run ?? [], shown: flags.show },
    say,
  );
  const made: Made = {
    at: new Date().toISOString(),
    command: ['touchstone', ...process.argv.slice(2)].map(shellQuoted).join(' '),
    version: trainerVersion(),
    node: process.version,
    device: device.description,
    prompts: flags.prompts,
    rankings: flags.rankings ?? null,
    goldWorld: flags.goldWorld ?? null,
  };
  const json = `${JSON.stringify({ made, ...evaluation }, null, 2)}\n`;
  if (flags.out !== undefined) writeFileSync(flags.out, json);
  if (flags.report !== undefined) writeFileSync(flags.report, renderReport(evaluation, made));
  process.stdout.write(flags.json ? json : `${describe(evaluation).join('\n')}\n`);
  for (const file of [flags.out, flags.report]) if (file !== undefined) say(`Written: ${file}`);
}

/** The demo world's rubric. @throws TrainerError for a prompt that is not of that world */
async function rubricOf(seed: number, prompts: readonly Prompt[]) {
  const { createWorld } = await import('../world/index.ts');
  const world = createWorld(seed);
  const known = new Set(world.prompts.map(({ text }) => text));
  for (const [index, prompt] of prompts.entries()) {
    if (typeof prompt === 'string' && known.has(prompt.trim())) continue;
    throw new TrainerError(
      `--gold-world ${seed}: prompt ${index + 1}, ${JSON.stringify(prompt)}, is not of that world.`,
    );
  }
  return (prompt: Prompt, completion: string): number =>
    typeof prompt === 'string' ? world.gold(prompt, completion).score : Number.NaN;
}

function describe({ models, judgements, rewardModel, settings }: Evaluation): string[] {
  const number = (value: number | undefined | null, digits: number): string =>
    value === undefined || value === null || Number.isNaN(value) ? '' : value.toFixed(digits);
  const interval = (value: Interval | null): string =>
    value === null ? '' : `${value.mean.toFixed(3)} (${value.low.toFixed(3)} to ${value.high.toFixed(3)})`;
  const columns: [string, (model: Evaluation['models'][number]) => string][] = [
    ['model', ({ name }) => name],
    ['reward', ({ reward }) => interval(reward)],
    ['gold', ({ gold }) => interval(gold)],
    ['KL', ({ klToReference }) => number(klToReference?.k1, 3)],
    ['entropy', ({ entropy }) => number(entropy, 3)],
    ['distinct-2', ({ distinct2 }) => number(distinct2, 3)],
    ['self-BLEU', ({ selfBleu }) => number(selfBleu, 3)],
    ['tokens', ({ length }) => number(length, 1)],
    ['ends', ({ endRate }) => `${(100 * endRate).toFixed(0)} %`],
    ['bits/byte', ({ documents }) => number(documents?.bitsPerByte, 3)],
    ['perplexity', ({ documents }) => number(documents?.perplexity, 2)],
    ['of demonstrations', ({ demonstrations }) => number(demonstrations?.perplexity, 2)],
  ];
  const shown = columns.filter(([, cell]) => models.some((model) => cell(model) !== ''));
  const lines = alignColumns([
    shown.map(([title]) => title),
    ...models.map((model) => shown.map(([, cell]) => cell(model))),
  ]);
  lines.push(
    `${settings.prompts} prompts, ${settings.samples} completions each, temperature ${settings.temperature}; KL in nats per completion to ${settings.reference}, entropy in nats per token.`,
  );
  for (const { judge, winRates } of judgements) {
    lines.push(`Win rates by the ${judge}:`);
    for (const { model, over, winRate } of winRates)
      lines.push(`  ${model} over ${over}: ${formatRate(winRate)}`);
  }
  if (rewardModel) {
    lines.push(
      `Reward model: accuracy ${formatRate(rewardModel.accuracy)} over ${rewardModel.pairs} pairs, calibration error ${(100 * rewardModel.calibration.expectedError).toFixed(1)} %`,
    );
  }
  return lines;
}
