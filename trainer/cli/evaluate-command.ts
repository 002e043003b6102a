import type { Command } from 'commander';
import { readRankings } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';
import { krippendorffAlpha, pairwiseAgreement, rankingsByText, rankUnits } from '../evaluation/agreement.ts';
import { eloRatings } from '../evaluation/bradley-terry.ts';
import type { Interval } from '../evaluation/intervals.ts';
import { outcomeOfRanks, winRate } from '../evaluation/win-rate.ts';
import { addEvaluateModelsCommand } from './evaluate-models-command.ts';
import { addDeviceOptions, type DeviceFlags, openFlaggedDevice, parseNumber } from './options.ts';
import { formatRate, readRankingsOf } from './reporting.ts';

/** Adds `evaluate` and its subcommands. */
export function addEvaluateCommand(program: Command): void {
  const evaluate = program
    .command('evaluate')
    .description('measures models, a reward model, or rankings, with 95 % intervals')
    .enablePositionalOptions()
    .addHelpText(
      'after',
      [
        '\nWithout a name of these it compares models: touchstone evaluate --model base=runs/base/model --model sft=runs/sft/model',
        '--prompts prompts.jsonl --report report.html; touchstone evaluate models --help tells its settings.',
      ].join('\n'),
    );
  addEvaluateModelsCommand(evaluate);
  const accuracy = evaluate
    .command('accuracy')
    .description('share of ranked pairs that a reward model orders as people did, and its calibration')
    .requiredOption('--reward <folder>', 'reward model')
    .requiredOption('--rankings <file>', 'JSON lines of rankings')
    .option('--split <name>', 'only lines of this split')
    .option('--seed <number>', 'seed of the bootstrap', parseNumber, 1)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone evaluate accuracy --reward runs/reward/model --rankings rankings.jsonl --split validation',
    );
  addDeviceOptions(accuracy);
  accuracy.action(runAccuracy);
  for (const [name, what, run] of [
    [
      'win-rate',
      'how often the completion of one model is ranked above another’s; ties count half',
      runWinRate,
    ],
    [
      'elo',
      'Elo ratings of models from their ranked completions (Bradley–Terry, maximum likelihood)',
      runElo,
    ],
  ] as const) {
    evaluate
      .command(name)
      .description(what)
      .requiredOption(
        '--rankings <file>',
        'JSON lines of rankings whose completions stand in the same order of models',
      )
      .requiredOption(
        '--models <names>',
        'that order, for example base,sft,ppo; Elo: the first stands at 1000',
      )
      .option('--seed <number>', 'seed of the bootstrap over prompts', parseNumber, 1)
      .option('--json', 'print JSON')
      .addHelpText(
        'after',
        `\nExample:\n  touchstone evaluate ${name} --rankings matches.jsonl --models base,sft,ppo`,
      )
      .action(run);
  }
  evaluate
    .command('agreement')
    .description('how often two people order a pair alike, for rankings with group_id and labeler')
    .requiredOption('--rankings <file>', 'JSON lines of rankings')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone evaluate agreement --rankings rankings.jsonl')
    .action(runAgreement);
}

interface AccuracyFlags extends DeviceFlags {
  reward: string;
  rankings: string;
  split?: string;
  seed: number;
  json?: boolean;
}

async function runAccuracy(flags: AccuracyFlags): Promise<void> {
  const rankings = readRankingsOf(flags.rankings, flags.split);
  const { measureRewardModel } = await import('../evaluation/compare-models.ts');
  await openFlaggedDevice(flags);
  const result = await measureRewardModel(flags.reward, rankings, flags.seed, () => {});
  const { accuracy, pairs, byStrength, byDistance, calibration, labelers } = result;
  const lines = [
    `accuracy ${formatRate(accuracy)} over ${pairs} pairs of ${result.rankings} rankings, ${result.prompts} prompts`,
  ];
  for (const one of byStrength)
    lines.push(`  strength ${one.strength}: ${formatRate(one.accuracy)}, ${one.pairs} pairs`);
  for (const one of byDistance) {
    lines.push(`  ${one.distance} apart: ${formatRate(one.accuracy)}, ${one.pairs} pairs`);
  }
  lines.push(
    `calibration error ${(100 * calibration.expectedError).toFixed(1)} %, Brier ${calibration.brier.toFixed(3)}, log loss ${calibration.logLoss.toFixed(3)} nats a pair`,
  );
  if (labelers.pairs > 0) {
    lines.push(`labelers agree on ${(100 * labelers.rate).toFixed(1)} % of ${labelers.pairs} pairs`);
  }
  print(flags.json, result, lines);
}

interface RankedModelsFlags {
  rankings: string;
  models: string;
  seed: number;
  json?: boolean;
}

/** The rankings of a file in which every line ranks one completion of each model, in the models' order. */
function readMatches(flags: RankedModelsFlags) {
  const models = flags.models.split(',').map((name) => name.trim());
  const rankings = readRankingsOf(flags.rankings, undefined);
  for (const [index, { completions }] of rankings.entries()) {
    if (completions.length === models.length) continue;
    throw new TrainerError(
      `${flags.rankings}: ranking ${index + 1} has ${completions.length} completions: expected one for each of ${models.join(', ')}.`,
    );
  }
  return { models, rankings };
}

function runWinRate(flags: RankedModelsFlags): void {
  const { models, rankings } = readMatches(flags);
  const rates: { model: string; over: string; winRate: Interval }[] = [];
  for (const [a, model] of models.entries()) {
    for (const [b, over] of models.slice(0, a).entries()) {
      const comparisons = rankings.map(({ prompt, ranks }) => ({
        prompt: JSON.stringify(prompt),
        outcome: outcomeOfRanks(ranks[a] ?? 0, ranks[b] ?? 0),
      }));
      rates.push({ model, over, winRate: winRate(comparisons, { seed: flags.seed }) });
    }
  }
  print(
    flags.json,
    rates,
    rates.map(({ model, over, winRate: rate }) => `${model} over ${over}: ${formatRate(rate)}`),
  );
}

function runElo(flags: RankedModelsFlags): void {
  const { models, rankings } = readMatches(flags);
  const matches = rankings.flatMap(({ prompt, ranks }) =>
    models.flatMap((first, a) =>
      models.slice(0, a).map((second, b) => ({
        first,
        second,
        prompt: JSON.stringify(prompt),
        outcome: outcomeOfRanks(ranks[a] ?? 0, ranks[b] ?? 0),
      })),
    ),
  );
  const ratings = [...eloRatings(matches, { anchor: models[0] ?? '', seed: flags.seed })].map(
    ([model, elo]) => ({ model, elo }),
  );
  print(
    flags.json,
    ratings.sort((a, b) => models.indexOf(a.model) - models.indexOf(b.model)),
    ratings.map(
      ({ model, elo }) =>
        `${model}: ${elo.mean.toFixed(0)} (${elo.low.toFixed(0)} to ${elo.high.toFixed(0)})`,
    ),
  );
}

function runAgreement(flags: { rankings: string; json?: boolean }): void {
  const rankings = rankingsByText([...readRankings(flags.rankings)]);
  const agreement = pairwiseAgreement(rankings);
  if (agreement.pairs === 0) {
    throw new TrainerError(
      `${flags.rankings} has no pair that two people ordered: expected lines with the same group_id and different labelers.`,
    );
  }
  const alpha = krippendorffAlpha(rankUnits(rankings), 'ordinal');
  print(flags.json, { ...agreement, alpha }, [
    `agreement ${(100 * agreement.rate).toFixed(1)} % over ${agreement.pairs} pairs (${agreement.tied} tied pairs left out)`,
    `Krippendorff’s α of the ranks, ordinal: ${alpha.toFixed(3)}`,
  ]);
}

function print(json: boolean | undefined, value: unknown, lines: string[]): void {
  process.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : `${lines.join('\n')}\n`);
}
