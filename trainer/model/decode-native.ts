import type { NativeBackend } from '../engine/native/backend.ts';
import { tf } from '../engine/tf.ts';
import type { Completion, GenerateOptions } from './generate.ts';
import { type LanguageModel, parameterSpecs } from './language-model.ts';

/** What the decoder goes on from; see `Addon.decode`. */
interface State {
  slots: number;
  capacity: number;
  mostNew: number;
  slotState: Int32Array;
  rowState: Int32Array;
  tokens: Int32Array;
  logProbs: Float32Array;
  random: Int32Array;
}

function initialState(rows: readonly Completion[], slots: number, capacity: number): State {
  const mostNew = Math.max(...rows.map(({ limit }) => limit));
  const count = rows.length;
  const state: State = {
    slots,
    capacity,
    mostNew,
    slotState: new Int32Array(2 * slots + 1).fill(-1, 0, slots),
    rowState: new Int32Array(3 * count),
    tokens: new Int32Array(count * (capacity + 1)),
    logProbs: new Float32Array(count * mostNew),
    random: new Int32Array(4 * count),
  };
  for (const [index, { prompt, limit, random }] of rows.entries()) {
    state.rowState[index] = prompt.length;
    state.rowState[count + index] = limit;
    state.tokens.set(prompt, index * (capacity + 1));
    state.random.set(random.state(), 4 * index);
  }
  return state;
}

/** The model's weights as the decoder reads them, a copy that later changes do not touch. */
function packWeights(
  native: NativeBackend,
  model: LanguageModel,
  shape: Int32Array,
  weights: Float32Array,
): void {
  for (const [index, name] of [...parameterSpecs(model.config).keys()].entries()) {
    tf.tidy(() => {
      const values = native.floats(model.effective(name));
      native.addon.packTensor(shape, index, values.length, values, weights);
    });
  }
}

/**
 * Completes rows with the native device's decoder: the whole model, the cache and the sampling in compiled code, which
 * JavaScript crosses into once every few milliseconds. A row that is done makes room for the next one.
 * @param batchSize rows completed at once, at most
 * @param sliceSeconds how long the event loop waits for its turn, about
 */
export async function decodeNatively(
  native: NativeBackend,
  model: LanguageModel,
  rows: readonly Completion[],
  { temperature, topK = 0, topP = 1, stopTokens, signal }: GenerateOptions,
  batchSize: number,
  sliceSeconds = 0.02,
): Promise<void> {
  if (rows.length === 0) return;
  const { addon, pool } = native;
  const { vocabularySize, contextLength, width, layers, heads, innerWidth, layerNormEpsilon } = model.config;
  const shape = Int32Array.of(vocabularySize, contextLength, width, layers, heads, innerWidth);
  const capacity = Math.max(...rows.map(({ prompt, limit }) => prompt.length + limit - 1));
  const room = new Float64Array(3);
  addon.decoderRoom(shape, Math.min(batchSize, rows.length), capacity, room);
  const [weightFloats = 0, slots = 0, cacheFloats = 0] = room;
  const weights = pool.take(weightFloats);
  const cache = pool.take(cacheFloats);
  try {
    packWeights(native, model, shape, weights);
    const state = initialState(rows, slots, capacity);
    const stops = Int32Array.from(stopTokens);
    let done = false;
    while (!done) {
      done = addon.decode(
        shape,
        layerNormEpsilon,
        weights,
        slots,
        capacity,
        cache,
        state.slotState,
        rows.length,
        state.rowState,
        state.tokens,
        state.mostNew,
        state.logProbs,
        state.random,
        temperature,
        topK,
        topP,
        stops.length,
        stops,
        sliceSeconds,
      );
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    collect(rows, state, stopTokens);
  } finally {
    pool.give(weights);
    pool.give(cache);
  }
}

/** Hands the tokens made to their rows. */
function collect(rows: readonly Completion[], state: State, stopTokens: readonly number[]): void {
  for (const [index, row] of rows.entries()) {
    const made = state.rowState[2 * rows.length + index] ?? 0;
    const from = index * (state.capacity + 1) + row.prompt.length;
    row.tokens = [...state.tokens.subarray(from, from + made)];
    row.logProbs = [...state.logProbs.subarray(index * state.mostNew, index * state.mostNew + made)];
    row.finished = stopTokens.includes(row.tokens.at(-1) ?? -1);
  }
}
