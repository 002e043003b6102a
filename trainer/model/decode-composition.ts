import { emptyBatch, leftPadded, type TokenBatch } from '../data/batch.ts';
import { KeyValueCache } from '../engine/ops/cached-attention.ts';
import { penalise, penalising } from '../engine/ops/penalties.ts';
import { sampleTokens } from '../engine/ops/sample-tokens.ts';
import { tokenLogProbs } from '../engine/ops/token-log-probs.ts';
import { tf } from '../engine/tf.ts';
import type { Alternative, Completion } from './completion.ts';
import { drawableTokens, type GenerateOptions } from './generate.ts';
import type { LanguageModel } from './language-model.ts';

/**
 * Completes rows with tfjs's ops, on any device: one pass over the prompts that differ, padded on the left, then one
 * token for every row at a time over a key-value cache, rows that are done leaving the batch. Gives the event loop its
 * turn after every token. It is what the native decoder is held against.
 * @returns after each turn, the completions that got a token
 */
export async function* decodeByComposition(
  model: LanguageModel,
  rows: readonly Completion[],
  options: GenerateOptions,
): AsyncGenerator<Completion[], void, undefined> {
  const { batchSize = 32 } = options;
  // Prompts of like length together: less padding. Equal ones together: they are read once.
  const inOrder = [...rows].sort(
    ({ start: a }, { start: b }) => a.prompt.length - b.prompt.length || a.group - b.group,
  );
  for (let from = 0; from < inOrder.length; from += batchSize) {
    yield* decodeBatch(model, inOrder.slice(from, from + batchSize), options);
  }
}

async function* decodeBatch(
  model: LanguageModel,
  rows: Completion[],
  options: GenerateOptions,
): AsyncGenerator<Completion[], void, undefined> {
  const groups = [...new Set(rows.map(({ start }) => start.group))];
  const different = groups.map(
    (group) => rows.find(({ start }) => start.group === group)?.start.prompt ?? [],
  );
  const prompts = leftPadded(
    different.map((prompt) => [...prompt]),
    0,
  );
  const longest = Math.max(...rows.map(({ start }) => start.limit));
  const cache = new KeyValueCache({
    layers: model.config.layers,
    start: Int32Array.from(different, (prompt) => prompts.columns - prompt.length),
    // The last token is only sampled, never read.
    capacity: prompts.columns + longest - 1,
  });
  try {
    let active = rows;
    let logits = nextLogits(model, prompts, cache);
    if (groups.length < rows.length) {
      const rowOfGroup = rows.map(({ start }) => groups.indexOf(start.group));
      cache.keepRows(rowOfGroup);
      const each = tf.tidy(() => tf.gather(logits, tf.tensor1d(rowOfGroup, 'int32')));
      logits.dispose();
      logits = each;
    }
    for (;;) {
      await drawNext(logits, active, options, drawableTokens(model.config, options));
      yield active;
      await new Promise<void>((resolve) => setImmediate(resolve));
      options.signal?.throwIfAborted();
      const kept = active.flatMap(({ finishReason }, index) => (finishReason === null ? [index] : []));
      if (kept.length === 0) return;
      if (kept.length < active.length) {
        cache.keepRows(kept);
        active = active.filter(({ finishReason }) => finishReason === null);
      }
      logits = nextLogits(model, lastTokens(active), cache);
    }
  } finally {
    cache.dispose();
  }
}

/** Reads new cells: the logits [B,V] of what comes after each row's newest. */
function nextLogits(model: LanguageModel, batch: TokenBatch, cache: KeyValueCache): tf.Tensor2D {
  return tf.tidy(() => {
    const { width, vocabularySize } = model.config;
    const hidden = model.hiddenCached(batch, cache);
    // Left padding: every row's newest cell is the last column.
    const last = hidden.slice([0, batch.columns - 1, 0], [batch.rows, 1, width]).as2D(batch.rows, width);
    return model.logits(last).as2D(batch.rows, vocabularySize);
  });
}

/** Draws a token for each row, and disposes of the logits. */
async function drawNext(
  logits: tf.Tensor2D,
  rows: readonly Completion[],
  options: GenerateOptions,
  drawable: number,
): Promise<void> {
  const temperature = options.temperature === 0 ? 1 : options.temperature;
  try {
    const uniforms = Float64Array.from(rows, ({ start }) => start.random.next());
    const drawnFrom = await restricted(logits, rows, options, drawable);
    const sampled = await sampleTokens(drawnFrom, uniforms, options);
    drawnFrom.dispose();
    const drawn = tf.tidy(() => tokenLogProbs(logits, tf.tensor1d(sampled, 'int32'), temperature));
    const logProbs = await drawn.data();
    drawn.dispose();
    const count = Math.min(options.alternatives ?? 0, drawable);
    const values = count > 0 ? await logits.data<'float32'>() : null;
    for (const [index, row] of rows.entries()) {
      const token = sampled[index] ?? 0;
      const logProb = logProbs[index] ?? Number.NaN;
      const from = index * logits.shape[1];
      const own = values?.subarray(from, from + drawable);
      row.add(token, logProb, own ? likeliest(own, count, { token, logProb }, temperature) : null);
    }
  } finally {
    logits.dispose();
  }
}

/** The logits that tokens are drawn by, [B,drawable]: penalised, without the tokens that may not come. */
async function restricted(
  logits: tf.Tensor2D,
  rows: readonly Completion[],
  options: GenerateOptions,
  drawable: number,
): Promise<tf.Tensor2D> {
  const [count, size] = logits.shape;
  if (!penalising(options)) {
    return drawable < size ? logits.slice([0, 0], [count, drawable]) : logits.clone();
  }
  const values = (await logits.data<'float32'>()).slice();
  for (const [index, { start, tokens }] of rows.entries()) {
    penalise(values.subarray(index * size, (index + 1) * size), start.prompt, tokens, options);
  }
  return tf.tidy(() => tf.tensor2d(values, [count, size]).slice([0, 0], [count, drawable]));
}

/** The `count` tokens of the largest logits, of equals those with the smaller id, from what is known of one of them. */
function likeliest(
  logits: Float32Array,
  count: number,
  known: Alternative,
  temperature: number,
): Alternative[] {
  const order = Int32Array.from(logits, (_, id) => id);
  order.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  const at = logits[known.token] ?? Number.NaN;
  return Array.from(order.subarray(0, count), (token) => ({
    token,
    logProb: known.logProb + ((logits[token] ?? Number.NaN) - at) / temperature,
  }));
}

/** One cell a row: its newest token, at its position. */
function lastTokens(rows: readonly Completion[]): TokenBatch {
  const batch = emptyBatch(rows.length, 1, 0);
  for (const [index, { start, tokens }] of rows.entries()) {
    batch.tokens[index] = tokens.at(-1) ?? 0;
    batch.positions[index] = start.prompt.length + tokens.length - 1;
    batch.segments[index] = 1;
  }
  return batch;
}
