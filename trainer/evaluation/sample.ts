import { encodePrompt } from '../data/demonstrations.ts';
import { type Prompt, parseResponse, renderPrompt, renderResponse } from '../data/template.ts';
import { TrainerError } from '../errors.ts';
import { loadLanguageModel, loadScalarModel, loadTokenizer, readMetadata } from '../model/checkpoint.ts';
import { generate } from '../model/generate.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { chunks, type Episode, measureResponses, scoreSequences } from '../stages/shared/episodes.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

export interface SamplingOptions {
  /** Completions per prompt; 1 if left out. */
  samples?: number;
  maxNewTokens: number;
  /** Divides the logits; 0 takes the likeliest token. 1 if left out. */
  temperature?: number;
  topK?: number | undefined;
  topP?: number | undefined;
  seed: number;
  /** Rows generated at once; 64 if left out. Changes no sample. */
  batchSize?: number;
  /** The prompt is text to go on from, not a question to put into the template. */
  raw?: boolean;
  /** Stops within a few tokens; the promise is then rejected with the signal's reason. */
  signal?: AbortSignal;
  onProgress?(done: number, total: number): void | Promise<void>;
}

/** A completion that a checkpoint wrote. */
export interface SampledCompletion {
  text: string;
  /** With the end-of-text token, when it came. */
  tokens: number[];
  /** Σ log p of the tokens, in nats, under logits / temperature. */
  logProbability: number;
  /** Whether it ended by itself. */
  finished: boolean;
}

/**
 * Completions of prompts by a checkpoint, `samples` for each.
 *
 * @throws TrainerError when the folder holds no language model, or the context leaves no room for a prompt
 */
export async function sampleCompletions(
  checkpointFolder: string,
  prompts: readonly Prompt[],
  options: SamplingOptions,
): Promise<SampledCompletion[][]> {
  const {
    samples = 1,
    maxNewTokens,
    temperature = 1,
    topK,
    topP,
    seed,
    batchSize = 64,
    raw = false,
  } = options;
  const tokenizer = loadTokenizer(checkpointFolder);
  const model = await loadLanguageModel(checkpointFolder);
  try {
    const room = roomForPrompt(model, maxNewTokens, checkpointFolder);
    const rows = prompts.flatMap((prompt) => {
      const tokens = raw ? encodeRaw(prompt, tokenizer, room) : encodePrompt(prompt, tokenizer, room).tokens;
      return Array.from({ length: samples }, () => tokens);
    });
    const completions: SampledCompletion[] = [];
    // One call a batch, so that there is progress to tell; the seed moves with it, as a call counts its rows from 0.
    for (const [index, batch] of chunks(rows, 256).entries()) {
      options.signal?.throwIfAborted();
      const generations = await generate(model, batch, {
        maxNewTokens,
        temperature,
        topK,
        topP,
        seed: seed + index * 2 ** 32,
        stopTokens: [tokenizer.endOfText],
        batchSize,
        signal: options.signal,
      });
      for (const { tokens, logProbs, finished } of generations) {
        const text = tokenizer.decode(tokens);
        completions.push({
          text: raw ? text : parseResponse(text),
          tokens,
          logProbability: logProbs.reduce((sum, logProb) => sum + logProb, 0),
          finished,
        });
      }
      await options.onProgress?.(completions.length, rows.length);
    }
    return prompts.map((_, i) => completions.slice(i * samples, (i + 1) * samples));
  } finally {
    model.dispose();
  }
}

export interface CompletionToScore {
  prompt: Prompt;
  completion: string;
  /** Whether it ended by itself; true if left out. An end is read by the reward model. */
  finished?: boolean;
}

/**
 * The reward model's normalised score of each completion (gain · score + bias). Prompts that do not fit lose their
 * beginning; a completion that is longer than the context loses its end.
 */
export async function scoreCompletions(
  rewardFolder: string,
  items: readonly CompletionToScore[],
  { batchSize = 32 }: { batchSize?: number } = {},
): Promise<number[]> {
  const tokenizer = loadTokenizer(rewardFolder);
  const metadata = readMetadata(rewardFolder);
  const model = await loadScalarModel(rewardFolder);
  try {
    const context = model.trunk.config.contextLength;
    const sequences = items.map(({ prompt, completion, finished = true }) => {
      const response = [
        ...tokenizer.encode(renderResponse(completion)),
        ...(finished ? [tokenizer.endOfText] : []),
      ].slice(0, context - 1);
      return [...encodePrompt(prompt, tokenizer, context - response.length).tokens, ...response];
    });
    const scores = await scoreSequences(model, sequences, { padding: tokenizer.padding, chunk: batchSize });
    return scores.map((score) => (metadata?.rewardGain ?? 1) * score + (metadata?.rewardBias ?? 0));
  } finally {
    model.dispose();
  }
}

/** A prompt and the tokens of a completion that some model wrote to it. */
export interface SampleTokens {
  prompt: Prompt;
  tokens: readonly number[];
}

/**
 * Entropy of a model's next-token distribution along its own samples, in nats per token: how many ways it still sees.
 * Falls as training makes the model surer.
 */
export async function entropyOfSamples(
  checkpointFolder: string,
  samples: readonly SampleTokens[],
  { temperature = 1, batchSize = 32 }: { temperature?: number; batchSize?: number } = {},
): Promise<number> {
  const { entropies } = await measure(checkpointFolder, samples, temperature, batchSize);
  const all = entropies.flatMap((own) => [...own]);
  return all.reduce((sum, entropy) => sum + entropy, 0) / all.length;
}

/**
 * KL from a policy to its reference along the policy's samples, in nats per completion: k1 = Σ log π − log π_ref, and k3,
 * which is never negative (Schulman 2020).
 */
export async function klOfSamples(
  checkpointFolder: string,
  referenceFolder: string,
  samples: readonly SampleTokens[],
  { temperature = 1, batchSize = 32 }: { temperature?: number; batchSize?: number } = {},
): Promise<{ k1: number; k3: number }> {
  const policy = await measure(checkpointFolder, samples, temperature, batchSize);
  const reference = await measure(referenceFolder, samples, temperature, batchSize);
  let k1 = 0;
  let k3 = 0;
  for (const [i, logProbs] of policy.logProbs.entries()) {
    for (const [t, logProb] of logProbs.entries()) {
      const difference = logProb - (reference.logProbs[i]?.[t] ?? Number.NaN);
      k1 += difference;
      k3 += Math.expm1(-difference) + difference;
    }
  }
  return { k1: k1 / samples.length, k3: k3 / samples.length };
}

async function measure(
  folder: string,
  samples: readonly SampleTokens[],
  temperature: number,
  chunk: number,
): Promise<{ logProbs: Float32Array[]; entropies: Float32Array[] }> {
  const tokenizer = loadTokenizer(folder);
  const model = await loadLanguageModel(folder);
  try {
    const episodes = samples.map(({ prompt, tokens }, i): Episode => {
      if (tokens.length === 0) throw new TrainerError(`Sample ${i} has no tokens: expected at least one.`);
      // The last token is only predicted, so it needs no room.
      const room = roomForPrompt(model, tokens.length - 1, folder);
      return { prompt: encodePrompt(prompt, tokenizer, room).tokens, response: [...tokens], finished: true };
    });
    // Awaited here: the model must live until the last batch has been read.
    return await measureResponses(model, episodes, { temperature, padding: tokenizer.padding, chunk });
  } finally {
    model.dispose();
  }
}

function roomForPrompt(model: LanguageModel, newTokens: number, folder: string): number {
  const { contextLength } = model.config;
  if (newTokens >= contextLength) {
    throw new TrainerError(
      `${newTokens} tokens to write leave no room for a prompt: the context of ${folder} is ${contextLength} tokens.`,
    );
  }
  return contextLength - newTokens;
}

function encodeRaw(prompt: Prompt, tokenizer: Tokenizer, room: number): number[] {
  const tokens = tokenizer.encode(typeof prompt === 'string' ? prompt : renderPrompt(prompt)).slice(-room);
  return tokens.length > 0 ? tokens : [tokenizer.endOfText];
}
