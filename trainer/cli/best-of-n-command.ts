import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { readPrompts } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';
import type { BestOfK, BestOfNOptions } from '../evaluation/best-of-n.ts';
import { replaceFile } from '../stages/shared/run-files.ts';
import {
  addDeviceOptions,
  type DeviceFlags,
  openFlaggedDevice,
  parseNumber,
  parsePositive,
} from './options.ts';

interface BestOfNFlags extends DeviceFlags, BestOfNOptions {
  prompts: string;
  out: string;
}

/** Adds `best-of-n`. */
export function addBestOfNCommand(program: Command): void {
  const command = program
    .command('best-of-n')
    .description(
      'samples n completions a prompt and keeps the one that the reward model likes best: the simple baseline of PPO',
    )
    .requiredOption('--model <folder>', 'checkpoint folder of the policy')
    .requiredOption('--reward <folder>', 'reward model that chooses')
    .requiredOption('--prompts <file>', 'JSON lines of { prompt, id? }')
    .requiredOption(
      '--out <folder>',
      'gets demonstrations.jsonl (the best ones, to fine-tune on), samples.jsonl (all, with scores), summary.json',
    )
    .option('--gold <folder>', 'another reward model that judges the choice and takes no part in it')
    .option('-n, --n <number>', 'completions a prompt', parsePositive, 16)
    .option('--max-new-tokens <number>', 'longest completion, in tokens', parsePositive, 48)
    .option('--temperature <number>', 'divides the logits', parseNumber, 1)
    .option('--top-k <number>', 'only the k likeliest tokens; the KL then is to that policy', parsePositive)
    .option('--top-p <number>', 'only the likeliest tokens that hold this probability', parseNumber)
    .option('--missing-end-of-text-score <number>', 'score of a completion that never ended', parseNumber, -1)
    .option('--seed <number>', 'seed of the draws', parseNumber, 1);
  addDeviceOptions(command);
  command.action(runBestOfN);
}

async function runBestOfN(flags: BestOfNFlags): Promise<void> {
  const { out, prompts: file, n, temperature, seed, model, reward, gold } = flags;
  const prompts = [...readPrompts(file)];
  if (prompts.length === 0) throw new TrainerError(`${file} has no prompt to complete.`);
  const { sampleBestOfN } = await import('../evaluation/best-of-n.ts');
  await openFlaggedDevice(flags);
  const { prompts: scored, bestOf } = await sampleBestOfN(prompts, flags);
  const demonstrations = scored.flatMap(({ prompt, id, completions, best }) => {
    const completion = best === null ? undefined : completions[best];
    return completion === undefined ? [] : [{ prompt, completion, id, source: `best of ${n}` }];
  });
  const finished = scored.flatMap((prompt) => prompt.finished);
  const summary = {
    model,
    reward,
    gold: gold ?? null,
    prompts: scored.length,
    n,
    temperature,
    seed,
    endOfTextRate: finished.filter(Boolean).length / finished.length,
    demonstrations: demonstrations.length,
    bestOf,
  };
  mkdirSync(out, { recursive: true });
  const write = (name: string, text: string): void => replaceFile(join(out, name), text);
  const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  write('samples.jsonl', lines(scored));
  write('demonstrations.jsonl', lines(demonstrations));
  write('summary.json', `${JSON.stringify(summary, null, 2)}\n`);
  process.stdout.write(`${describe(bestOf).join('\n')}\n`);
  const without = scored.length - demonstrations.length;
  const missing = without === 0 ? '' : ` (${without} prompts have no completion that ended by itself)`;
  process.stdout.write(`${demonstrations.length} demonstrations${missing}: ${out}\n`);
}

/** One line for k = 1, 2, 4, … and the last. */
function describe(bestOf: readonly BestOfK[]): string[] {
  return bestOf
    .filter(({ k }) => Number.isInteger(Math.log2(k)) || k === bestOf.length)
    .map(({ k, kl, reward, gold }) => {
      const judged = gold ? `  gold ${gold.mean.toFixed(3)}` : '';
      return `best of ${k}: reward ${reward.mean.toFixed(3)} (${reward.low.toFixed(3)} to ${reward.high.toFixed(3)})${judged}  KL ${kl.toFixed(3)}`;
    });
}
