import type { Command } from 'commander';
import { orderedPairs } from '../data/comparisons.ts';
import { readRankings } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';
import { pairwiseAgreement } from '../evaluation/agreement.ts';
import { bootstrapInterval, type Interval } from '../evaluation/intervals.ts';
import { outcomeOfRanks, winRate } from '../evaluation/win-rate.ts';
import { addDeviceOptions, type DeviceFlags, openFlaggedDevice, parseNumber } from './options.ts';

/** Adds `evaluate accuracy|win-rate|agreement`. */
export function addEvaluateCommand(program: Command): void {
  const evaluate = program
    .command('evaluate')
    .description('measures models on rankings, with 95 % intervals');
  const accuracy = evaluate
    .command('accuracy')
    .description('share of ranked pairs that a reward model orders as people did')
    .requiredOption('--reward <folder>', 'reward model')
    .requiredOption('--rankings <file>', 'JSON lines of rankings')
    .option('--split <name>', 'only lines of this split')
    .option('--seed <number>', 'seed of the bootstrap', parseNumber, 1)
    .option('--json', 'print JSON');
  addDeviceOptions(accuracy);
  accuracy.action(runAccuracy);
  evaluate
    .command('win-rate')
    .description('how often the completion of one model is ranked above another’s; ties count half')
    .requiredOption(
      '--rankings <file>',
      'JSON lines of rankings whose completions stand in the same order of models',
    )
    .requiredOption('--models <names>', 'that order, for example base,sft,ppo')
    .option('--seed <number>', 'seed of the bootstrap', parseNumber, 1)
    .option('--json', 'print JSON')
    .action(runWinRate);
  evaluate
    .command('agreement')
    .description('how often two people order a pair alike, for rankings with group_id and labeler')
    .requiredOption('--rankings <file>', 'JSON lines of rankings')
    .option('--json', 'print JSON')
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
  const rankings = [...readRankings(flags.rankings)].filter(
    ({ split }) => flags.split === undefined || split === flags.split,
  );
  if (rankings.length === 0) {
    throw new TrainerError(
      `${flags.rankings} has no ranking${flags.split === undefined ? '' : ` of the split "${flags.split}"`}.`,
    );
  }
  const { scoreCompletions } = await import('../evaluation/sample.ts');
  await openFlaggedDevice(flags);
  const items = rankings.flatMap(({ prompt, completions }) =>
    completions.map((completion) => ({ prompt, completion })),
  );
  const scores = await scoreCompletions(flags.reward, items);
  let offset = 0;
  const counted = rankings.map(({ completions, ranks }) => {
    const own = scores.slice(offset, offset + completions.length);
    offset += completions.length;
    const differences = orderedPairs(ranks).map(([better, worse]) => (own[better] ?? 0) - (own[worse] ?? 0));
    const right = differences.reduce(
      (sum, difference) => sum + (difference > 0 ? 1 : difference === 0 ? 0.5 : 0),
      0,
    );
    return { right, pairs: differences.length };
  });
  const pairs = counted.reduce((sum, ranking) => sum + ranking.pairs, 0);
  if (pairs === 0) throw new TrainerError(`${flags.rankings} orders no pair: every ranking is all ties.`);
  const accuracy = bootstrapInterval(
    counted.filter((ranking) => ranking.pairs > 0),
    (drawn) =>
      drawn.reduce((sum, { right }) => sum + right, 0) /
      drawn.reduce((sum, ranking) => sum + ranking.pairs, 0),
    { seed: flags.seed },
  );
  print(flags.json, { accuracy, pairs, rankings: rankings.length }, [
    `accuracy ${formatRate(accuracy)} over ${pairs} pairs of ${rankings.length} rankings`,
  ]);
}

async function runWinRate(flags: {
  rankings: string;
  models: string;
  seed: number;
  json?: boolean;
}): Promise<void> {
  const models = flags.models.split(',').map((name) => name.trim());
  const rankings = [...readRankings(flags.rankings)];
  if (rankings.length === 0) throw new TrainerError(`${flags.rankings} has no ranking.`);
  const wrong = rankings.findIndex(({ completions }) => completions.length !== models.length);
  if (wrong >= 0) {
    throw new TrainerError(
      `${flags.rankings}: ranking ${wrong + 1} has ${rankings[wrong]?.completions.length} completions: expected one for each of ${models.join(', ')}.`,
    );
  }
  const rates: { model: string; over: string; winRate: Interval }[] = [];
  for (const [a, model] of models.entries()) {
    for (const [b, over] of models.entries()) {
      if (b >= a) continue;
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

async function runAgreement(flags: { rankings: string; json?: boolean }): Promise<void> {
  // People may have seen the completions in different orders: compare their ranks in the order of the texts.
  const rankings = [...readRankings(flags.rankings)].flatMap(({ completions, ranks, group_id, labeler }) => {
    if (group_id === undefined || labeler === undefined) return [];
    const order = completions
      .map((_, i) => i)
      .sort((a, b) => ((completions[a] ?? '') < (completions[b] ?? '') ? -1 : 1));
    return [{ group: group_id, labeler, ranks: order.map((i) => ranks[i] ?? 0) }];
  });
  const agreement = pairwiseAgreement(rankings);
  if (agreement.pairs === 0) {
    throw new TrainerError(
      `${flags.rankings} has no pair that two people ordered: expected lines with the same group_id and different labelers.`,
    );
  }
  print(flags.json, agreement, [
    `agreement ${(100 * agreement.rate).toFixed(1)} % over ${agreement.pairs} pairs (${agreement.tied} tied pairs left out)`,
  ]);
}

function print(json: boolean | undefined, value: unknown, lines: string[]): void {
  process.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : `${lines.join('\n')}\n`);
}

function formatRate({ mean, low, high }: Interval): string {
  return `${(100 * mean).toFixed(1)} % (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}
