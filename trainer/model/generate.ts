import { nativeBackend } from '../engine/native/backend.ts';
import { checkPenalties, type Penalties } from '../engine/ops/penalties.ts';
import { checkSamplingOptions } from '../engine/ops/sample-tokens.ts';
import { Random } from '../engine/random.ts';
import { TrainerError } from '../errors.ts';
import { Completion, type Generation, type GenerationPiece } from './completion.ts';
import { CompletionText, StopString, type TokenText } from './completion-text.ts';
import { decodeByComposition } from './decode-composition.ts';
import { decodeNatively } from './decode-native.ts';
import { decoderModel } from './decoder-weights.ts';
import type { LanguageModel } from './language-model.ts';

/** How completions are sampled. */
export interface GenerateOptions extends Penalties {
  /** the most tokens to add; fewer where the model's context ends */
  maxNewTokens: number;
  /** logits are divided by it; 0 takes the likeliest token */
  temperature: number;
  /** sample among the k likeliest tokens only */
  topK?: number | undefined;
  /** sample among the likeliest tokens that together hold this probability, after top-k */
  topP?: number | undefined;
  /** of all draws; sample j of prompt i is the same whatever else is asked for, with j and i counted from 0 */
  seed: number;
  /** place of the first prompt in a longer list of which these are a part, so that each gets the sample it gets there */
  firstPlace?: number | undefined;
  /** in place of `seed`, one for each prompt: it gets what it would get in a call of its own with that seed */
  seeds?: readonly number[] | undefined;
  /** completions of each prompt, 1 if left out; a prompt that is there several times is read once */
  samplesPerPrompt?: number | undefined;
  /** tokens that end a completion; the one that did is its last token */
  stopTokens: readonly number[];
  /** strings that end a completion as soon as its text holds one; the prompt's text does not count */
  stopStrings?: readonly string[] | undefined;
  /** gives the completions their texts; stop strings need it */
  tokenizer?: TokenText | undefined;
  /**
   * only tokens below this are drawn: the rest are rows that pad the embedding. The tokenizer's size if left out, the
   * model's without one. Log-probabilities stay those of the whole head, as training has them.
   */
  vocabularyLimit?: number | undefined;
  /** so many of the likeliest tokens are given at each place, with their log-probabilities; 0 if left out */
  alternatives?: number | undefined;
  /** rows generated at once, at most; 32 if left out. Changes no sample. */
  batchSize?: number | undefined;
  /** stops at the next turn of the event loop; the promise is then rejected with the signal's reason */
  signal?: AbortSignal | undefined;
}

/**
 * Samples completions of each prompt, over a key-value cache: with the native device's decoder, or with tfjs's ops on
 * the others. Each completion has its own random stream: how prompts are batched changes no sample. The event loop has
 * its turn every few tokens.
 * @returns samplesPerPrompt completions of the first prompt, then those of the second, and so on
 * @throws TrainerError for an option that makes no sense; for a prompt that is empty, fills the context or holds a token
 * that the model does not know, which names its place; and for logits that are NaN
 */
export async function generate(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): Promise<Generation[]> {
  const completions = planCompletions(model, prompts, options);
  const turns = decode(model, completions, options);
  while (!(await turns.next()).done);
  return completions.map((completion) => completion.generation());
}

/**
 * `generate`, piece by piece as the tokens come. Leaving the loop early ends the decoding and frees what it holds; the
 * decoding waits while a piece is being dealt with. The model's weights must not change meanwhile.
 */
export async function* generatePieces(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): AsyncGenerator<GenerationPiece, void, undefined> {
  for await (const advanced of decode(model, planCompletions(model, prompts, options), options)) {
    for (const completion of advanced) yield completion.takePiece();
  }
}

/** Decodes on the current device; gives the completions that got tokens, turn by turn. */
function decode(
  model: LanguageModel,
  completions: Completion[],
  options: GenerateOptions,
): AsyncGenerator<Completion[], void, undefined> {
  const native = nativeBackend();
  return native
    ? decodeNatively(native, decoderModel(native, model), completions, options)
    : decodeByComposition(model, completions, options);
}

/** What bounds the prompts of a model. */
interface PromptRoom {
  contextLength: number;
  vocabularySize: number;
}

/** The completions to be made, before their first token. @throws TrainerError, see `generate` */
export function planCompletions(
  model: { config: PromptRoom },
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): Completion[] {
  checkOptions(prompts.length, options);
  const { maxNewTokens, samplesPerPrompt = 1, seed, firstPlace = 0, seeds, tokenizer } = options;
  const { contextLength } = model.config;
  const stopTokens = new Set(options.stopTokens);
  const stopStrings = (options.stopStrings ?? []).map((text) => new StopString(text));
  const root = new Random(seed);
  const groups = new Map<string, number>();
  return prompts.flatMap((prompt, i) => {
    checkPrompt(prompt, i, model);
    const key = prompt.join();
    const group = groups.get(key) ?? groups.size;
    groups.set(key, group);
    const seedOfPrompt = seeds?.[i];
    const stream = seedOfPrompt === undefined ? root.fork(firstPlace + i) : new Random(seedOfPrompt).fork(0);
    return Array.from({ length: samplesPerPrompt }, (_, j) => {
      const text = tokenizer && { tokens: tokenizer, completion: new CompletionText(stopStrings) };
      return new Completion({
        index: i * samplesPerPrompt + j,
        prompt,
        group,
        random: j === 0 ? stream : stream.fork(j),
        limit: Math.min(maxNewTokens, contextLength - prompt.length),
        stopTokens,
        text: text ?? null,
      });
    });
  });
}

/** How many of the model's tokens may be drawn. */
export function drawableTokens(
  { vocabularySize }: { vocabularySize: number },
  { vocabularyLimit, tokenizer }: GenerateOptions,
): number {
  return Math.min(vocabularySize, vocabularyLimit ?? tokenizer?.vocabularySize ?? vocabularySize);
}

function checkPrompt(
  prompt: readonly number[],
  index: number,
  { config: { contextLength, vocabularySize } }: { config: PromptRoom },
): void {
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
}

function checkOptions(prompts: number, options: GenerateOptions): void {
  const { batchSize = 32, samplesPerPrompt = 1, vocabularyLimit = 1, alternatives = 0 } = options;
  checkCount('maxNewTokens', options.maxNewTokens, 1);
  checkCount('batchSize', batchSize, 1);
  checkCount('samplesPerPrompt', samplesPerPrompt, 1);
  checkCount('vocabularyLimit', vocabularyLimit, 1);
  checkCount('alternatives', alternatives, 0);
  checkSamplingOptions(options);
  checkPenalties(options);
  for (const [index, text] of (options.stopStrings ?? []).entries()) {
    if (text.length === 0) throw new TrainerError(`Stop string ${index} is empty: expected some text.`);
    if (!options.tokenizer) {
      throw new TrainerError(
        `There are stop strings (${JSON.stringify(text)}) and no tokenizer to see them with.`,
      );
    }
  }
  if (options.seeds && options.seeds.length !== prompts) {
    throw new TrainerError(
      `${prompts} prompts came with ${options.seeds.length} seeds: expected one for each prompt.`,
    );
  }
}

function checkCount(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new TrainerError(`${name} is ${value}: expected a whole number from ${least} up.`);
  }
}
