import { emptyBatch, leftPadded, type TokenBatch } from '../data/batch.ts';
import { KeyValueCache } from '../engine/ops/cached-attention.ts';
import { sampleTokens } from '../engine/ops/sample-tokens.ts';
import { tokenLogProbs } from '../engine/ops/token-log-probs.ts';
import { tf } from '../engine/tf.ts';
import type { Completion, GenerateOptions } from './generate.ts';
import type { LanguageModel } from './language-model.ts';

/**
 * Completes rows with tfjs's ops, on any device: one pass over the prompts, padded on the left, then one token for every
 * row at a time over a key-value cache, rows that are done leaving the batch. Gives the event loop its turn after every
 * token. It is what the native decoder is held against.
 * @param batchSize rows completed at once
 */
export async function decodeByComposition(
  model: LanguageModel,
  rows: readonly Completion[],
  options: GenerateOptions,
  batchSize: number,
): Promise<void> {
  // Prompts of like length together: less padding.
  const byLength = [...rows].sort((a, b) => a.prompt.length - b.prompt.length);
  for (let from = 0; from < byLength.length; from += batchSize) {
    await decodeBatch(model, byLength.slice(from, from + batchSize), options);
  }
}

async function decodeBatch(
  model: LanguageModel,
  rows: Completion[],
  options: GenerateOptions,
): Promise<void> {
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
      options.signal?.throwIfAborted();
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
  model: LanguageModel,
  batch: TokenBatch,
  cache: KeyValueCache,
  rows: readonly Completion[],
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
function lastTokens(rows: readonly Completion[]): TokenBatch {
  const batch = emptyBatch(rows.length, 1, 0);
  for (const [index, { prompt, tokens }] of rows.entries()) {
    batch.tokens[index] = tokens.at(-1) ?? 0;
    batch.positions[index] = prompt.length + tokens.length - 1;
    batch.segments[index] = 1;
  }
  return batch;
}
