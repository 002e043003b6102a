import {
  completionText,
  lastTokens,
  responseTokens,
  stopTokensOf,
  textTokens,
} from '../data/conversation.ts';
import { encodePrompt } from '../data/demonstrations.ts';
import { type Prompt, renderPrompt } from '../data/template.ts';
import { TrainerError } from '../errors.ts';
import { loadLanguageModel, loadScalarModel, loadTokenizer, readMetadata } from '../model/checkpoint.ts';
import type { Alternative, Generation } from '../model/completion.ts';
import { generatePieces } from '../model/generate.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { type Episode, measureResponses, scoreSequences } from '../stages/shared/episodes.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

export interface SamplingOptions {
  /** Completions per prompt; 1 if left out. */
  samples?: number;
  maxNewTokens: number;
  /** Divides the logits; 0 takes the likeliest token. 1 if left out. */
  temperature?: number;
  topK?: number | undefined;
  topP?: number | undefined;
  /** See `Penalties`. */
  repetitionPenalty?: number | undefined;
  frequencyPenalty?: number | undefined;
  presencePenalty?: number | undefined;
  /** Strings that end a completion; it goes up to them. */
  stopStrings?: readonly string[] | undefined;
  /** Of all draws: sample j of prompt i is the same however many are asked for. */
  seed: number;
  /** Rows generated at once; 64 if left out. Changes no sample. */
  batchSize?: number;
  /** The prompt is text to go on from, not a question to put into the template. */
  raw?: boolean;
  /** Stops within a few tokens; the promise is then rejected with the signal's reason. */
  signal?: AbortSignal;
  /** So many of the likeliest tokens are noted at each place of a completion; 0 if left out. */
  alternatives?: number | undefined;
  /** What a completion has more of, as it is written: whole characters, never a part of a stop string. */
  onText?(piece: { prompt: number; sample: number; text: string }): void | Promise<void>;
  /** Completions that have ended, out of all. */
  onProgress?(done: number, total: number): void | Promise<void>;
}

/** A completion that a checkpoint wrote. */
export interface SampledCompletion {
  text: string;
  /** With the end-of-text token, when it came, and the tokens of a stop string up to the one that completed it. */
  tokens: number[];
  /** Of each token, in nats, under logits / temperature; `logProbability` is their sum. */
  logProbs: number[];
  logProbability: number;
  /** Of each token, the likeliest at its place, where they were asked for. */
  alternatives?: Alternative[][];
  /** Whether the end-of-text token or a stop string ended it. */
  finished: boolean;
  /** The stop string that ended it, if one did. */
  stopString: string | null;
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
    temperature = 1,
    batchSize = 64,
    raw = false,
    onText,
    onProgress,
    ...sampling
  } = options;
  const tokenizer = loadTokenizer(checkpointFolder);
  const model = await loadLanguageModel(checkpointFolder);
  try {
    const room = roomForPrompt(model, options.maxNewTokens, checkpointFolder);
    const pieces = generatePieces(
      model,
      prompts.map((prompt) =>
        raw ? encodeRaw(prompt, tokenizer, room) : encodePrompt(prompt, tokenizer, room).tokens,
      ),
      {
        ...sampling,
        temperature,
        batchSize,
        samplesPerPrompt: samples,
        stopTokens: stopTokensOf(tokenizer),
        tokenizer,
      },
    );
    const completions = prompts.map((): SampledCompletion[] => []);
    const written: string[] = [];
    let done = 0;
    for await (const { index, text, ended } of pieces) {
      const [prompt, sample] = [Math.floor(index / samples), index % samples];
      const begun = written[index] ?? '';
      written[index] = begun + text;
      const shown = begun === '' && !raw ? completionText(text, tokenizer) : text;
      if (shown !== '') await onText?.({ prompt, sample, text: shown });
      if (!ended) continue;
      const own = completions[prompt];
      if (own) own[sample] = sampled(ended, (whole) => (raw ? whole : completionText(whole, tokenizer)));
      done++;
      await onProgress?.(done, prompts.length * samples);
    }
    return completions;
  } finally {
    model.dispose();
  }
}

function sampled(
  { text = '', stoppedBy, ...ended }: Generation,
  completionIn: (text: string) => string,
): SampledCompletion {
  const { tokens, logProbs, finished, alternatives } = ended;
  return {
    text: completionIn(text),
    tokens,
    logProbs,
    logProbability: logProbs.reduce((sum, logProb) => sum + logProb, 0),
    finished,
    stopString: typeof stoppedBy === 'string' ? stoppedBy : null,
    ...(alternatives ? { alternatives } : {}),
  };
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
      const whole = responseTokens(prompt, completion, tokenizer);
      const response = whole.slice(0, Math.min(context - 1, whole.length - (finished ? 0 : 1)));
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
  const text = typeof prompt === 'string' ? prompt : renderPrompt(prompt);
  return lastTokens(textTokens(text, tokenizer), room, tokenizer);
}
