import { existsSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { readPrompts } from '../data/json-lines.ts';
import type { Prompt } from '../data/template.ts';
import { TrainerError } from '../errors.ts';
import type { SampledCompletion } from '../evaluation/sample.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import {
  addDeviceOptions,
  collect,
  type DeviceFlags,
  openFlaggedDevice,
  parseCount,
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
  repetitionPenalty?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  stop?: string[];
  seed: number;
  reward?: string;
  raw?: boolean;
  stream?: boolean;
  logprobs?: number | true;
  out?: string;
}

/** Adds `sample`. */
export function addSampleCommand(program: Command): void {
  const command = program
    .command('sample')
    .description('writes completions of prompts with a checkpoint')
    .optionsGroup('Model and prompts:')
    .requiredOption('--model <folder>', 'checkpoint folder')
    .option('--prompt <text>', 'a prompt; may be given several times', collect)
    .option('--prompts <file>', 'JSON lines of { prompt }')
    .option('--raw', 'the prompt is text to go on from, not a question')
    .optionsGroup('Sampling:')
    .option('--samples <number>', 'completions per prompt', parsePositive, 1)
    .option('--max-new-tokens <number>', 'longest completion, in tokens', parsePositive, 48)
    .option('--temperature <number>', 'divides the logits; 0 takes the likeliest token', parseNumber, 1)
    .option('--top-k <number>', 'only the k likeliest tokens', parsePositive)
    .option('--top-p <number>', 'only the likeliest tokens that hold this probability', parseNumber)
    .option(
      '--repetition-penalty <number>',
      'above 1, tokens that were there are less likely (CTRL)',
      parseNumber,
    )
    .option(
      '--frequency-penalty <number>',
      'taken off a token’s logit for each time it was written',
      parseNumber,
    )
    .option('--presence-penalty <number>', 'taken off a token’s logit once it was written', parseNumber)
    .option('--stop <text>', 'ends a completion, which goes up to it; may be given several times', collect)
    .option('--seed <number>', 'seed of the draws', parseNumber, 1)
    .optionsGroup('Output:')
    .option('--reward <folder>', 'also score each completion with this reward model')
    .option('--stream', 'print one completion as it is written')
    .option(
      '--logprobs [number]',
      'of each token the log-probability in nats, and of so many of the likeliest at its place',
      parseCount,
    )
    .option('--out <file>', 'write JSON lines of { prompt, completions[], scores[]?, logprobs[]? }');
  addDeviceOptions(command);
  command
    .addHelpText(
      'after',
      [
        '\nExamples:',
        '  touchstone sample --model runs/sft/model --prompt "Who rules Zulor?" --samples 4 --temperature 0.7',
        '  touchstone sample --model runs/base/model --raw --prompt "The river" --stop "." --stream',
        '  touchstone sample --model runs/sft/model --prompts prompts.jsonl --samples 6 --seed 3 --out completions.jsonl',
      ].join('\n'),
    )
    .action(runSample);
}

async function runSample(flags: SampleFlags): Promise<void> {
  const prompts: Prompt[] = [...(flags.prompt ?? [])];
  if (flags.prompts !== undefined) for (const { prompt } of readPrompts(flags.prompts)) prompts.push(prompt);
  if (prompts.length === 0)
    throw new TrainerError('There is nothing to complete: give --prompt or --prompts.');
  if (flags.stream && prompts.length * flags.samples > 1) {
    throw new TrainerError(
      `--stream prints one completion as it is written, and ${prompts.length * flags.samples} are asked for: give one prompt and no --samples.`,
    );
  }
  if (flags.out !== undefined && !existsSync(dirname(resolve(flags.out)))) {
    throw new TrainerError(`Cannot write ${flags.out}: there is no folder ${dirname(flags.out)}.`);
  }
  const [{ sampleCompletions, scoreCompletions }, { loadTokenizer }] = await Promise.all([
    import('../evaluation/sample.ts'),
    import('../model/checkpoint.ts'),
  ]);
  await openFlaggedDevice(flags);
  const alternatives = flags.logprobs === true ? 0 : flags.logprobs;
  const completions = await sampleCompletions(flags.model, prompts, {
    ...flags,
    raw: flags.raw ?? false,
    stopStrings: flags.stop,
    alternatives,
    ...(flags.stream ? { onText: ({ text }) => void process.stdout.write(text) } : {}),
  });
  if (flags.stream) process.stdout.write('\n');
  const scores =
    flags.reward === undefined
      ? null
      : await scoreCompletions(
          flags.reward,
          prompts.flatMap((prompt, i) =>
            (completions[i] ?? []).map(({ text, finished }) => ({ prompt, completion: text, finished })),
          ),
        );
  const tokenizer = flags.logprobs === undefined ? null : loadTokenizer(flags.model);
  const lines = prompts.map((prompt, i) => {
    const own = completions[i] ?? [];
    const first = i * flags.samples;
    return {
      prompt,
      completions: own.map(({ text }) => text),
      ...(scores ? { scores: scores.slice(first, first + own.length) } : {}),
      ...(tokenizer ? { logprobs: own.map((completion) => logProbsOf(completion, tokenizer)) } : {}),
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
    if (!flags.stream) {
      process.stdout.write(
        `${typeof line.prompt === 'string' ? line.prompt : JSON.stringify(line.prompt)}\n`,
      );
    }
    for (const [j, completion] of line.completions.entries()) {
      const score = line.scores?.[j];
      const mark = score === undefined ? '' : `[${score.toFixed(2)}] `;
      if (!flags.stream) process.stdout.write(`  ${mark}${completion}\n`);
      else if (mark !== '') process.stdout.write(`${mark.trim()}\n`);
      for (const token of line.logprobs?.[j] ?? []) process.stdout.write(`    ${describeToken(token)}\n`);
    }
  }
}

/** A token of a completion, as people and programs read it. */
interface TokenLogProb {
  token: number;
  /** its bytes as text; a part of a character is shown as � */
  text: string;
  logProb: number;
  alternatives?: { token: number; text: string; logProb: number }[];
}

function logProbsOf(
  { tokens, logProbs, alternatives }: SampledCompletion,
  tokenizer: Tokenizer,
): TokenLogProb[] {
  return tokens.map((token, i) => {
    const likeliest = alternatives?.[i];
    return {
      token,
      text: tokenizer.decode([token]),
      logProb: logProbs[i] ?? Number.NaN,
      ...(likeliest
        ? {
            alternatives: likeliest.map((one) => ({
              token: one.token,
              text: tokenizer.decode([one.token]),
              logProb: one.logProb,
            })),
          }
        : {}),
    };
  });
}

function describeToken({ token, text, logProb, alternatives = [] }: TokenLogProb): string {
  const others = alternatives
    .map((one) => `${JSON.stringify(one.text)} ${one.logProb.toFixed(3)}`)
    .join('  ');
  return `${logProb.toFixed(3).padStart(8)}  ${JSON.stringify(text)} (${token})${others === '' ? '' : `  of ${others}`}`;
}
