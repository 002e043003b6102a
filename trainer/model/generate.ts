import { emptyBatch, leftPadded, type TokenBatch } from '../data/batch.ts';
import { KeyValueCache } from '../engine/ops/cached-attention.ts';
import { sampleTokens } from '../engine/ops/sample-tokens.ts';
import { tokenLogProbs } from '../engine/ops/token-log-probs.ts';
import { Random } from '../engine/random.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import type { Gpt } from './gpt.ts';

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
  /** tokens that end a completion; the one that did is its last token */
  stopTokens: readonly number[];
  /** rows generated at once, 32 if left out */
  batchSize?: number | undefined;
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
interface Row extends Generation {
  prompt: readonly number[];
  random: Random;
  /** the most tokens that it may get */
  limit: number;
}

/**
 * Samples one completion for each prompt: one pass over the prompts (padded on the left), then one token for every
 * row at a time over a key-value cache, rows that are done leaving the batch. Each prompt has its own random stream,
 * made of the seed and its place in `prompts`: how prompts are batched changes no sample. Gives the event loop its
 * turn after every token.
 * @throws TrainerError for a prompt that is empty or fills the context, which names its place
 */
export async function generate(
  model: Gpt,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): Promise<Generation[]> {
  const { maxNewTokens, temperature, seed, batchSize = 32 } = options;
  checkCount('maxNewTokens', maxNewTokens);
  checkCount('batchSize', batchSize);
  if (!(temperature >= 0)) {
    throw new TrainerError(`The temperature is ${temperature}: expected 0 (greedy) or more.`);
  }
  const { contextLength } = model.config;
  const root = new Random(seed);
  const rows = prompts.map((prompt, index): Row => {
    if (prompt.length === 0 || prompt.length >= contextLength) {
      throw new TrainerError(
        `Prompt ${index} has ${prompt.length} tokens: expected 1 to ${contextLength - 1}, as the model's context is ${contextLength}.`,
      );
    }
    const limit = Math.min(maxNewTokens, contextLength - prompt.length);
    return { prompt, random: root.fork(index), limit, tokens: [], logProbs: [], finished: false };
  });
  // Prompts of like length together: less padding.
  const byLength = [...rows].sort((a, b) => a.prompt.length - b.prompt.length);
  for (let from = 0; from < byLength.length; from += batchSize) {
    await generateBatch(model, byLength.slice(from, from + batchSize), options);
  }
  return rows.map(({ tokens, logProbs, finished }) => ({ tokens, logProbs, finished }));
}

/** Completes some rows together. */
async function generateBatch(model: Gpt, rows: Row[], options: GenerateOptions): Promise<void> {
  const prompts = leftPadded(
    rows.map(({ prompt }) => [...prompt]),
    0,
  );
  const longest = Math.max(...rows.map(({ limit }) => limit));
  const cache = new KeyValueCache({
    layers: model.config.layers,
    start: Int32Array.from(rows, ({ prompt }) => prompts.columns - prompt.length),
    // The last token is only sampled, never read.
    capacity: prompts.columns + longest - 1,
  });
  try {
    let active = rows;
    let batch = prompts;
    for (;;) {
      await sampleNext(model, batch, cache, active, options);
      await new Promise<void>((resolve) => setImmediate(resolve));
      const kept = active.flatMap((row, index) =>
        row.finished || row.tokens.length >= row.limit ? [] : [index],
      );
      if (kept.length === 0) return;
      if (kept.length < active.length) {
        cache.keepRows(kept);
        active = active.filter((_, index) => kept.includes(index));
      }
      batch = lastTokens(active);
    }
  } finally {
    cache.dispose();
  }
}

/** Reads the new cells, and adds a token to each row. */
async function sampleNext(
  model: Gpt,
  batch: TokenBatch,
  cache: KeyValueCache,
  rows: readonly Row[],
  { temperature, topK, topP, stopTokens }: GenerateOptions,
): Promise<void> {
  const logits = tf.tidy(() => {
    const { width } = model.config;
    const hidden = model.hiddenCached(batch, cache);
    // Left padding: every row's newest cell is the last column.
    const last = hidden.slice([0, batch.columns - 1, 0], [rows.length, 1, width]).as2D(rows.length, width);
    return model.logits(last).as2D(rows.length, model.config.vocabularySize);
  });
  const uniforms = Float64Array.from(rows, ({ random }) => random.next());
  const sampled = await sampleTokens(logits, uniforms, { temperature, topK, topP });
  const drawn = tf.tidy(() =>
    tokenLogProbs(logits, tf.tensor1d(sampled, 'int32'), temperature === 0 ? 1 : temperature),
  );
  const logProbs = await drawn.data();
  tf.dispose([logits, drawn]);
  for (const [index, row] of rows.entries()) {
    const token = sampled[index] ?? 0;
    row.tokens.push(token);
    row.logProbs.push(logProbs[index] ?? Number.NaN);
    row.finished = stopTokens.includes(token);
  }
}

/** One cell a row: its newest token, at its position. */
function lastTokens(rows: readonly Row[]): TokenBatch {
  const batch = emptyBatch(rows.length, 1, 0);
  for (const [index, { prompt, tokens }] of rows.entries()) {
    batch.tokens[index] = tokens.at(-1) ?? 0;
    batch.positions[index] = prompt.length + tokens.length - 1;
    batch.segments[index] = 1;
  }
  return batch;
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new TrainerError(`${name} is ${value}: expected a whole number from 1 up.`);
  }
}
