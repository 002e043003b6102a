import { rightPadded, type TokenBatch } from '../../data/batch.ts';
import { embedding } from '../../engine/ops/embedding.ts';
import { tf } from '../../engine/tf.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import type { ScalarModel } from '../../model/scalar-model.ts';
import { takeTurn } from './turn.ts';

/** A prompt and the response that the policy wrote to it, stop token included. */
export interface Episode {
  prompt: number[];
  response: number[];
  /** Whether the response ended by itself. */
  finished: boolean;
}

/** An episode and what the models say of it before the update, per response token. */
export interface MeasuredEpisode extends Episode {
  /** The reward model's, read at the response's last token, before its normalisation. */
  rawScore: number;
  logProbs: Float32Array;
  /** Nats. */
  entropies: Float32Array;
  referenceLogProbs: Float32Array;
  /** V_t, read before token t, in units of the normalised score. */
  values: Float32Array;
}

/** How episodes are measured. */
interface MeasureOptions {
  padding: number;
  /** Episodes computed at once. */
  chunk: number;
  /** Looked at before each chunk. */
  signal?: AbortSignal | undefined;
}

/** Episodes as rows, and for every response token the cell that is read before it, in the order of the tokens. */
interface EpisodeBatch {
  batch: TokenBatch;
  /** int32 [N], indices into the batch's cells */
  cells: Int32Array;
  /** int32 [N], the response tokens */
  targets: Int32Array;
}

/**
 * Lays out episodes for a forward pass. The last response token is predicted but read by nobody, so it has no cell.
 * Everything per token below is in this order: episode by episode, token by token.
 */
export function layOut(episodes: readonly Episode[], padding: number): EpisodeBatch {
  const rows = episodes.map(({ prompt, response }) => [...prompt, ...response.slice(0, -1)]);
  const batch = rightPadded(rows, padding);
  const cells: number[] = [];
  const targets: number[] = [];
  for (const [row, { prompt, response }] of episodes.entries()) {
    for (const [t, token] of response.entries()) {
      cells.push(row * batch.columns + prompt.length - 1 + t);
      targets.push(token);
    }
  }
  return { batch, cells: Int32Array.from(cells), targets: Int32Array.from(targets) };
}

/** The hidden states [N,D] from which each response token was drawn. */
function responseHidden(model: LanguageModel, { batch, cells }: EpisodeBatch): tf.Tensor2D {
  const flat = model.hidden(batch).reshape<tf.Tensor2D>([batch.rows * batch.columns, model.config.width]);
  return embedding(flat, tf.tensor1d(cells, 'int32')) as tf.Tensor2D;
}

/** log π(token | what came before) of every response token under logits / temperature, float32 [N]. */
export function responseLogProbs(
  model: LanguageModel,
  laidOut: EpisodeBatch,
  temperature: number,
): tf.Tensor1D {
  return tf.tidy(() => model.logProbs(responseHidden(model, laidOut), laidOut.targets, temperature));
}

/** V_t, read before each response token, float32 [N]; `bias` completes a normalised score head. */
export function responseValues(
  model: ScalarModel,
  { batch, cells }: EpisodeBatch,
  bias: number,
): tf.Tensor1D {
  return tf.tidy(() => {
    const flat = model.values(batch).reshape<tf.Tensor2D>([batch.rows * batch.columns, 1]);
    return tf.add(embedding(flat, tf.tensor1d(cells, 'int32')).flatten(), bias) as tf.Tensor1D;
  });
}

/** Log-probabilities and entropies (nats) of every response token, without a gradient, `chunk` episodes at once. */
export async function measureResponses(
  model: LanguageModel,
  episodes: readonly Episode[],
  { temperature, padding, chunk, signal }: MeasureOptions & { temperature: number },
): Promise<{ logProbs: Float32Array[]; entropies: Float32Array[] }> {
  const logProbs: Float32Array[] = [];
  const entropies: Float32Array[] = [];
  for (const part of chunks(episodes, chunk)) {
    if (signal) await takeTurn(signal);
    const laidOut = layOut(part, padding);
    const measured = tf.tidy(() =>
      model.measure(responseHidden(model, laidOut), laidOut.targets, temperature),
    );
    logProbs.push(...perEpisode(part, await read(measured.logProbs)));
    entropies.push(...perEpisode(part, await read(measured.entropies)));
  }
  return { logProbs, entropies };
}

/** V_t of every response token, without a gradient. */
export async function measureValues(
  model: ScalarModel,
  episodes: readonly Episode[],
  { padding, chunk, bias, signal }: MeasureOptions & { bias: number },
): Promise<Float32Array[]> {
  const values: Float32Array[] = [];
  for (const part of chunks(episodes, chunk)) {
    if (signal) await takeTurn(signal);
    values.push(...perEpisode(part, await read(responseValues(model, layOut(part, padding), bias))));
  }
  return values;
}

/** The reward model's raw score of each whole sequence, read at its last token. */
export async function scoreSequences(
  model: ScalarModel,
  sequences: readonly number[][],
  { padding, chunk, signal }: MeasureOptions,
): Promise<number[]> {
  const scores: number[] = [];
  for (const part of chunks(sequences, chunk)) {
    if (signal) await takeTurn(signal);
    scores.push(...(await read(model.scores(rightPadded([...part], padding)))));
  }
  return scores;
}

/** Cuts into consecutive parts of at most `size`. */
export function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}

/** Values of a float32 tensor, which is disposed of. */
async function read(tensor: tf.Tensor): Promise<Float32Array> {
  const values = Float32Array.from(await tensor.data());
  tensor.dispose();
  return values;
}

function perEpisode(episodes: readonly Episode[], flat: Float32Array): Float32Array[] {
  let offset = 0;
  return episodes.map(({ response }) => {
    const values = flat.slice(offset, offset + response.length);
    offset += response.length;
    return values;
  });
}
