import { nativeBackend } from '../engine/native/backend.ts';
import { checkSamplingOptions } from '../engine/ops/sample-tokens.ts';
import { Random } from '../engine/random.ts';
import { TrainerError } from '../errors.ts';
import { decodeByComposition } from './decode-composition.ts';
import { decodeNatively } from './decode-native.ts';
import type { LanguageModel } from './language-model.ts';

/** How completions are sampled. */
export interface GenerateOptions {
  /** the most tokens to add; fewer where the model's context ends */
  maxNewTokens: number;
  /** logits are divided by it; 0 takes the likeliest token */
  temperature: number;
  /** sample among the k likeliest tokens only */
  topK?: number | undefined;
  /** sample among the likeliest tokens that together hold this probability */
  topP?: number | undefined;
  seed: number;
  /** place of the first prompt in a longer list of which these are a part, so that each gets the sample it gets there */
  firstPlace?: number | undefined;
  /** tokens that end a completion; the one that did is its last token */
  stopTokens: readonly number[];
  /** rows generated at once, at most; 32 if left out. Changes no sample. */
  batchSize?: number | undefined;
  /** stops at the next turn of the event loop; the promise is then rejected with the signal's reason */
  signal?: AbortSignal | undefined;
}

/** A sampled completion. */
export interface Generation {
  /** with the stop token, if one came */
  tokens: number[];
  /** of each token, in nats, under softmax(logits / temperature), before top-k and top-p; temperature 1 when greedy */
  logProbs: number[];
  /** whether a stop token came before the tokens or the context ran out */
  finished: boolean;
}

/** A completion in the making. */
export interface Completion extends Generation {
  prompt: readonly number[];
  random: Random;
  /** the most tokens that it may get */
  limit: number;
}

/**
 * Samples one completion for each prompt, over a key-value cache: with the native device's decoder, or with tfjs's ops on
 * the others. Each prompt has its own random stream, made of the seed and its place in `prompts`: how prompts are batched
 * changes no sample. The event loop has its turn every few tokens.
 * @throws TrainerError for an option that makes no sense, and for a prompt that is empty, fills the context or holds a
 * token that the model does not know, which names its place
 */
export async function generate(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): Promise<Generation[]> {
  const { maxNewTokens, temperature, seed, firstPlace = 0, batchSize = 32 } = options;
  checkCount('maxNewTokens', maxNewTokens);
  checkCount('batchSize', batchSize);
  if (!(temperature >= 0)) {
    throw new TrainerError(`The temperature is ${temperature}: expected 0 (greedy) or more.`);
  }
  checkSamplingOptions(options);
  const { contextLength, vocabularySize } = model.config;
  const root = new Random(seed);
  const rows = prompts.map((prompt, index): Completion => {
    if (prompt.length === 0 || prompt.length >= contextLength) {
      throw new TrainerError(
        `Prompt ${index} has ${prompt.length} tokens: expected 1 to ${contextLength - 1}, as the model's context is ${contextLength}.`,
      );
    }
    const unknown = prompt.find((token) => !(token >= 0 && token < vocabularySize));
    if (unknown !== undefined) {
      throw new TrainerError(
        `Prompt ${index} holds token ${unknown}: the model's vocabulary has ${vocabularySize}. Does the tokenizer belong to the model?`,
      );
    }
    const limit = Math.min(maxNewTokens, contextLength - prompt.length);
    return {
      prompt,
      random: root.fork(firstPlace + index),
      limit,
      tokens: [],
      logProbs: [],
      finished: false,
    };
  });
  const native = nativeBackend();
  if (native) await decodeNatively(native, model, rows, options, batchSize);
  else await decodeByComposition(model, rows, options, batchSize);
  return rows.map(({ tokens, logProbs, finished }) => ({ tokens, logProbs, finished }));
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new TrainerError(`${name} is ${value}: expected a whole number from 1 up.`);
  }
}
