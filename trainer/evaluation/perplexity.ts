import { emptyTrainingBatch, type TrainingBatch, writeSequence } from '../data/batch.ts';
import { TokenCorpus } from '../data/corpus.ts';
import { encodeDemonstrations, packDemonstrations } from '../data/demonstrations.ts';
import type { Demonstration, Document } from '../data/json-lines.ts';
import { sequentialBatches, targetBytes } from '../data/packing.ts';
import { embedding } from '../engine/ops/embedding.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { chunks } from '../stages/shared/episodes.ts';
import { evaluateLoss } from '../stages/shared/language-model-loss.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type BootstrapOptions, bootstrapInterval, type Interval } from './intervals.ts';

/** How well a model foresees texts. */
export interface Perplexity {
  /** Predicted tokens: all but the first of each document, or of each row's piece; end-of-text included. */
  tokens: number;
  /** Mean −log p, in nats per token. */
  loss: number;
  /** e^loss. Comparable between models of the same tokenizer only. */
  perplexity: number;
}

/** `Perplexity`, in a unit that different tokenizers share. */
export interface DocumentPerplexity extends Perplexity {
  documents: number;
  /** Σ −log₂ p over the UTF-8 bytes of the predicted tokens (end-of-text has none). */
  bitsPerByte: number;
}

const ROWS = 16;

/**
 * Perplexity and bits per byte of documents packed into rows, exactly as pretraining validates: documents are cut at row
 * ends, and a piece begins without what stood before it.
 *
 * @param columns cells of a row; the model's context if left out
 */
export async function packedPerplexity(
  model: LanguageModel,
  tokenizer: Tokenizer,
  documents: Iterable<Document>,
  columns: number = model.config.contextLength,
): Promise<DocumentPerplexity> {
  const corpus = TokenCorpus.encode('the documents', documents, tokenizer);
  let bytes = 0;
  const counted = function* (): Generator<TrainingBatch> {
    for (const batch of sequentialBatches(corpus, ROWS, columns, tokenizer.padding)) {
      bytes += targetBytes(batch, tokenizer.byteLengths);
      yield batch;
    }
  };
  const { nats, weight } = await evaluateLoss(model, counted());
  return {
    documents: corpus.documents,
    ...perplexity(nats, weight),
    bitsPerByte: nats / Math.LN2 / bytes,
  };
}

/**
 * Perplexity and bits per byte document by document: each is read on its own, from an empty context; one longer than the
 * context in windows that overlap by half, so that each token but the document's first few has at least half a context
 * before it and is counted once. The interval of bits per byte is bootstrapped over documents.
 */
export async function documentPerplexity(
  model: LanguageModel,
  tokenizer: Tokenizer,
  documents: Iterable<Document>,
  options: BootstrapOptions,
): Promise<DocumentPerplexity & { bitsPerByteInterval: Interval }> {
  const { contextLength } = model.config;
  const measured: { nats: number; tokens: number; bytes: number }[] = [];
  const windows: Window[] = [];
  for (const { text } of documents) {
    const tokens = [...tokenizer.encode(text), tokenizer.endOfText];
    if (tokens.length < 2) continue;
    const document = measured.length;
    measured.push({ nats: 0, tokens: 0, bytes: 0 });
    windows.push(...cutIntoWindows(tokens, contextLength, document));
  }
  if (measured.length === 0) throw new TrainerError('There is no text to measure: expected documents.');
  for (const part of chunks(windows, ROWS)) {
    const logProbs = await countedLogProbs(model, part, tokenizer.padding);
    let next = 0;
    for (const { tokens, firstCounted, document } of part) {
      const sums = measured[document];
      if (!sums) continue;
      for (let cell = firstCounted; cell < tokens.length - 1; cell++) {
        sums.nats -= logProbs[next++] ?? Number.NaN;
        sums.tokens += 1;
        sums.bytes += tokenizer.byteLengths[tokens[cell + 1] ?? 0] ?? 0;
      }
    }
  }
  const sum = (of: 'nats' | 'tokens') => measured.reduce((total, one) => total + one[of], 0);
  const bitsPerByteInterval = bootstrapInterval(
    measured,
    (drawn) => {
      let nats = 0;
      let bytes = 0;
      for (const one of drawn) {
        nats += one.nats;
        bytes += one.bytes;
      }
      return nats / Math.LN2 / bytes;
    },
    { resamples: 1000, ...options },
  );
  return {
    documents: measured.length,
    ...perplexity(sum('nats'), sum('tokens')),
    bitsPerByte: bitsPerByteInterval.mean,
    bitsPerByteInterval,
  };
}

/**
 * Perplexity of demonstrations: of the completions' tokens, end-of-text included, given their prompts, each on its own; as
 * supervised fine-tuning validates.
 */
export async function demonstrationPerplexity(
  model: LanguageModel,
  tokenizer: Tokenizer,
  demonstrations: Iterable<Demonstration>,
): Promise<Perplexity & { demonstrations: number; dropped: number }> {
  const { contextLength } = model.config;
  // The last token is predicted but not read, so one more fits than the context has cells.
  const { examples, lengths } = encodeDemonstrations(demonstrations, tokenizer, contextLength + 1);
  if (examples.length === 0) {
    throw new TrainerError(
      `No demonstration fits the context of ${contextLength} tokens: ${lengths.dropped} of ${lengths.examples} are longer.`,
    );
  }
  const batches = chunks(examples, 64).map((part) =>
    packDemonstrations(part, contextLength, tokenizer.padding),
  );
  const { nats, weight } = await evaluateLoss(model, batches);
  return { demonstrations: examples.length, dropped: lengths.dropped, ...perplexity(nats, weight) };
}

function perplexity(nats: number, tokens: number): Perplexity {
  return { tokens, loss: nats / tokens, perplexity: Math.exp(nats / tokens) };
}

/** A stretch of a document that is read at once. */
interface Window {
  document: number;
  /** one more than is read: the last is only predicted */
  tokens: number[];
  /** the cells from here on count; those before are context */
  firstCounted: number;
}

function cutIntoWindows(tokens: number[], columns: number, document: number): Window[] {
  const cells = tokens.length - 1;
  const windows: Window[] = [];
  for (let counted = 0; counted < cells; ) {
    const start = counted === 0 ? 0 : Math.max(0, counted - Math.floor(columns / 2));
    const end = Math.min(cells, start + columns);
    windows.push({ document, tokens: tokens.slice(start, end + 1), firstCounted: counted - start });
    counted = end;
  }
  return windows;
}

/** log p of every counted token, window by window. */
async function countedLogProbs(
  model: LanguageModel,
  windows: readonly Window[],
  padding: number,
): Promise<Float32Array> {
  const columns = Math.max(...windows.map(({ tokens }) => tokens.length - 1));
  const batch = emptyTrainingBatch(windows.length, columns, padding);
  const cells: number[] = [];
  const targets: number[] = [];
  for (const [row, { tokens, firstCounted }] of windows.entries()) {
    writeSequence(batch, row, 0, tokens.slice(0, -1), 1);
    for (let cell = firstCounted; cell < tokens.length - 1; cell++) {
      cells.push(row * columns + cell);
      targets.push(tokens[cell + 1] ?? 0);
    }
  }
  const logProbs = tf.tidy(() => {
    const flat = model.hidden(batch).reshape<tf.Tensor2D>([batch.rows * columns, model.config.width]);
    const counted = embedding(flat, tf.tensor1d(cells, 'int32')) as tf.Tensor2D;
    return model.logProbs(counted, Int32Array.from(targets));
  });
  const values = Float32Array.from(await logProbs.data());
  logProbs.dispose();
  return values;
}
