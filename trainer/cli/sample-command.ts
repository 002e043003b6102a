import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { readPrompts } from '../data/json-lines.ts';
import type { Prompt } from '../data/template.ts';
import { TrainerError } from '../errors.ts';
import {
  addDeviceOptions,
  collect,
  type DeviceFlags,
  openFlaggedDevice,
  parseNumber,
  parsePositive,
} from './options.ts';

interface SampleFlags extends DeviceFlags {
  model: string;
  prompt?: string[];
  prompts?: string;
  samples: number;
  maxNewTokens: number;
  temperature: number;
  topK?: number;
  topP?: number;
  seed: number;
  reward?: string;
  raw?: boolean;
  out?: string;
}

/** Adds `sample`. */
export function addSampleCommand(program: Command): void {
  const command = program
    .command('sample')
    .description('writes completions of prompts with a checkpoint')
    .requiredOption('--model <folder>', 'checkpoint folder')
    .option('--prompt <text>', 'a prompt; may be given several times', collect)
    .option('--prompts <file>', 'JSON lines of { prompt }')
    .option('--samples <number>', 'completions per prompt', parsePositive, 1)
    .option('--max-new-tokens <number>', 'longest completion, in tokens', parsePositive, 48)
    .option('--temperature <number>', 'divides the logits; 0 takes the likeliest token', parseNumber, 1)
    .option('--top-k <number>', 'only the k likeliest tokens', parsePositive)
    .option('--top-p <number>', 'only the likeliest tokens that hold this probability', parseNumber)
    .option('--seed <number>', 'seed of the draws', parseNumber, 1)
    .option('--reward <folder>', 'also score each completion with this reward model')
    .option('--raw', 'the prompt is text to go on from, not a question')
    .option('--out <file>', 'write JSON lines of { prompt, completions[], scores[]? } instead of printing');
  addDeviceOptions(command);
  command.action(runSample);
}

async function runSample(flags: SampleFlags): Promise<void> {
  const prompts: Prompt[] = [...(flags.prompt ?? [])];
  if (flags.prompts !== undefined) for (const { prompt } of readPrompts(flags.prompts)) prompts.push(prompt);
  if (prompts.length === 0)
    throw new TrainerError('There is nothing to complete: give --prompt or --prompts.');
  const { sampleCompletions, scoreCompletions } = await import('../evaluation/sample.ts');
  await openFlaggedDevice(flags);
  const completions = await sampleCompletions(flags.model, prompts, { ...flags, raw: flags.raw ?? false });
  const scores =
    flags.reward === undefined
      ? null
      : await scoreCompletions(
          flags.reward,
          prompts.flatMap((prompt, i) =>
            (completions[i] ?? []).map(({ text, finished }) => ({ prompt, completion: text, finished })),
          ),
        );
  const lines = prompts.map((prompt, i) => {
    const own = completions[i] ?? [];
    const first = i * flags.samples;
    return {
      prompt,
      completions: own.map(({ text }) => text),
      ...(scores ? { scores: scores.slice(first, first + own.length) } : {}),
    };
  });
  if (flags.out !== undefined) {
    writeFileSync(flags.out, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    process.stdout.write(
      `${lines.length} prompts, ${lines.length * flags.samples} completions: ${flags.out}\n`,
    );
    return;
  }
  for (const line of lines) {
    process.stdout.write(`${typeof line.prompt === 'string' ? line.prompt : JSON.stringify(line.prompt)}\n`);
    for (const [j, completion] of line.completions.entries()) {
      const score = line.scores?.[j];
      process.stdout.write(`  ${score === undefined ? '' : `[${score.toFixed(2)}] `}${completion}\n`);
    }
  }
}
