import { renameSync, writeFileSync } from 'node:fs';
import type { Interval } from '@touchstone/trainer/evaluation/intervals.ts';
import type { Slot } from '../rounds/evaluation-result.ts';
import type { GoldFigures, RoundReport } from '../rounds/report.ts';
import { STAGE_NAMES } from './watch.ts';

/** `.touchstone/demo/result.json`: 95 % intervals, rates from 0 to 1. */
export interface DemoResult {
  seed: number;
  /** From the start of the command to the report. */
  seconds: number;
  stages: Record<string, number>;
  gold: Record<Slot, Interval>;
  /** Blind votes of the contractors, ties as half. */
  winRate: { sftOverBase: Interval; ppoOverSft: Interval };
  rewardModel: { accuracy: number; low: number; high: number; labelerAgreement: number };
  /** Nats per answer, PPO against SFT. */
  kl: number;
  entropy: Record<Slot, number>;
  labels: { demonstrations: number; rankings: number; votes: number };
  /** Runs picked up again after their worker had died. */
  resumed: number;
  /** The same comparisons by the gold rubric, on every evaluation prompt. */
  goldWinRate: GoldFigures['winRate'];
  rewardScore: Record<Slot, Interval>;
}

/** @throws Error, one sentence, when the report lacks a figure that the demo always has */
export function buildResult(input: {
  seed: number;
  seconds: number;
  report: RoundReport;
  gold: GoldFigures;
}): DemoResult {
  const { report, gold } = input;
  const preference = (model: Slot, over: Slot): Interval => {
    const found = report.preferences.find((entry) => entry.model === model && entry.over === over);
    if (!found) throw new Error(`The report has no votes on ${model} against ${over}.`);
    return { mean: found.mean, low: found.low, high: found.high };
  };
  const { accuracy, labelerAgreement } = report.rewardModel;
  if (accuracy === null || labelerAgreement === null) {
    throw new Error('The report has no accuracy of the reward model, or no agreement of the labelers.');
  }
  return {
    seed: input.seed,
    seconds: input.seconds,
    stages: report.seconds,
    gold: gold.score,
    winRate: { sftOverBase: preference('sft', 'base'), ppoOverSft: preference('ppo', 'sft') },
    rewardModel: {
      accuracy: accuracy.mean,
      low: accuracy.low,
      high: accuracy.high,
      labelerAgreement: labelerAgreement.mean,
    },
    kl: report.kl,
    entropy: report.entropy,
    labels: {
      demonstrations: report.labels.demonstrations,
      rankings: report.labels.rankings,
      votes: report.labels.votes,
    },
    resumed: report.resumed,
    goldWinRate: gold.winRate,
    rewardScore: report.rewardScore,
  };
}

/** Writes the result whole or not at all. */
export function writeResult(file: string, result: DemoResult): void {
  writeFileSync(`${file}.partial`, `${JSON.stringify(result, null, 2)}\n`);
  renameSync(`${file}.partial`, file);
}

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const withInterval = (value: Interval, form: (x: number) => string): string =>
  `${form(value.mean)}  (${form(value.low)} to ${form(value.high)})`;
const plain = (value: number): string => value.toFixed(3);

/** The table at the end of the demo. */
export function resultTable(result: DemoResult): string {
  const rows: [string, string, string, string][] = [
    ['', 'base', 'SFT', 'PPO'],
    ['gold score', ...slots((slot) => plain(result.gold[slot].mean))],
    [
      '  95 % interval',
      ...slots((slot) => `${plain(result.gold[slot].low)}–${plain(result.gold[slot].high)}`),
    ],
    ['reward-model score', ...slots((slot) => plain(result.rewardScore[slot].mean))],
    ['entropy, nats a token', ...slots((slot) => plain(result.entropy[slot]))],
  ];
  const widths = [24, 15, 15, 15];
  const table = rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(''),
    )
    .join('\n');
  const lines: [string, string][] = [
    ['people prefer SFT to base', withInterval(result.winRate.sftOverBase, percent)],
    ['people prefer PPO to SFT', withInterval(result.winRate.ppoOverSft, percent)],
    ['gold prefers SFT to base', withInterval(result.goldWinRate.sftOverBase, percent)],
    ['gold prefers PPO to SFT', withInterval(result.goldWinRate.ppoOverSft, percent)],
    [
      'reward model accuracy',
      `${withInterval({ mean: result.rewardModel.accuracy, low: result.rewardModel.low, high: result.rewardModel.high }, percent)}; labelers agree ${percent(result.rewardModel.labelerAgreement)}`,
    ],
    ['KL of PPO to SFT', `${result.kl.toFixed(2)} nats an answer`],
    [
      'labels',
      `${result.labels.demonstrations} demonstrations, ${result.labels.rankings} rankings, ${result.labels.votes} blind votes`,
    ],
    ['runs resumed', String(result.resumed)],
    [
      'seconds',
      `${result.seconds.toFixed(0)} in all: ${Object.keys(STAGE_NAMES)
        .flatMap((stage) => {
          const seconds = result.stages[stage];
          return seconds === undefined ? [] : `${STAGE_NAMES[stage]} ${seconds.toFixed(0)}`;
        })
        .join(', ')}`,
    ],
  ];
  return `${table}\n\n${lines.map(([name, text]) => `${name.padEnd(28)}${text}`).join('\n')}`;
}

function slots(of: (slot: Slot) => string): [string, string, string] {
  return [of('base'), of('sft'), of('ppo')];
}
