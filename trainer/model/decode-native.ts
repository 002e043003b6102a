import type { NativeBackend } from '../engine/native/backend.ts';
import type { Alternative, Completion } from './completion.ts';
import { type DecoderModel, packWeights } from './decoder-weights.ts';
import { drawableTokens, type GenerateOptions } from './generate.ts';

/** What the decoder goes on from; see `Addon.decode`. */
interface State {
  slots: number;
  capacity: number;
  mostNew: number;
  slotState: Int32Array;
  rowState: Int32Array;
  groups: number;
  groupState: Int32Array;
  tokens: Int32Array;
  logProbs: Float32Array;
  random: Int32Array;
  /** how many of the likeliest tokens are noted at each place */
  alternatives: number;
  alternativeTokens: Int32Array;
  alternativeLogProbs: Float32Array;
}

function initialState(
  rows: readonly Completion[],
  slots: number,
  capacity: number,
  alternatives: number,
): State {
  const mostNew = Math.max(...rows.map(({ start }) => start.limit));
  const count = rows.length;
  const firstRows = rows.flatMap(({ start }, row) =>
    row === 0 || rows[row - 1]?.start.group !== start.group ? [row] : [],
  );
  const groups = firstRows.length;
  const state: State = {
    slots,
    capacity,
    mostNew,
    slotState: new Int32Array(3 * slots).fill(-1, 0, 2 * slots),
    rowState: new Int32Array(4 * count),
    groups,
    groupState: new Int32Array(2 * groups + 3),
    tokens: new Int32Array(count * (capacity + 1)),
    logProbs: new Float32Array(count * mostNew),
    random: new Int32Array(4 * count),
    alternatives,
    alternativeTokens: new Int32Array(count * mostNew * alternatives),
    alternativeLogProbs: new Float32Array(count * mostNew * alternatives),
  };
  state.groupState.set(firstRows);
  state.groupState.set(firstRows, groups + 1);
  state.groupState[groups] = count;
  state.groupState[2 * groups + 2] = count;
  let group = -1;
  for (const [index, { start }] of rows.entries()) {
    if (firstRows[group + 1] === index) group++;
    state.rowState[index] = start.prompt.length;
    state.rowState[count + index] = start.limit;
    state.rowState[2 * count + index] = group;
    state.tokens.set(start.prompt, index * (capacity + 1));
    state.random.set(start.random.state(), 4 * index);
  }
  return state;
}

/**
 * Completes rows with the native device's decoder: the whole model, the cache and the sampling in compiled code, which
 * JavaScript crosses into once every few milliseconds. A row that is done makes room for the next one. Stop strings are
 * looked for between two of these slices: a row that has gone on past one is cut back to it, so that where slices end
 * changes no completion.
 * @param sliceSeconds how long the event loop waits for its turn, about
 * @returns after each slice, the completions that got tokens
 */
export async function* decodeNatively(
  native: NativeBackend,
  model: DecoderModel,
  completions: readonly Completion[],
  options: GenerateOptions,
  sliceSeconds = 0.02,
): AsyncGenerator<Completion[], void, undefined> {
  if (completions.length === 0) return;
  const { addon, pool } = native;
  const { batchSize = 32, stopTokens, signal } = options;
  // Equal prompts next to each other: each is read once.
  const rows = [...completions].sort(({ start: a }, { start: b }) => a.group - b.group || a.index - b.index);
  const { shape, epsilon } = model;
  const capacity = Math.max(...rows.map(({ start }) => start.prompt.length + start.limit - 1));
  const drawable = drawableTokens(model, options);
  const rotary = model.rotary(capacity);
  const room = new Float64Array(3);
  addon.decoderRoom(shape, Math.min(batchSize, rows.length), capacity, room);
  const [weightFloats = 0, slots = 0, cacheFloats = 0] = room;
  const weights = pool.take(weightFloats);
  const cache = pool.take(cacheFloats);
  try {
    packWeights(native, model, weights);
    const state = initialState(rows, slots, capacity, Math.min(options.alternatives ?? 0, drawable));
    const sampling = Float64Array.of(
      options.temperature,
      options.topK ?? 0,
      options.topP ?? 1,
      options.repetitionPenalty ?? 1,
      options.frequencyPenalty ?? 0,
      options.presencePenalty ?? 0,
      drawable,
      state.alternatives,
    );
    const stops = Int32Array.from(stopTokens);
    let open = rows.map((_, row) => row);
    while (open.length > 0) {
      addon.decode(
        shape,
        epsilon,
        slots,
        capacity,
        rotary,
        weights,
        cache,
        state.slotState,
        rows.length,
        state.rowState,
        state.groups,
        state.groupState,
        state.tokens,
        state.mostNew,
        state.logProbs,
        state.random,
        sampling,
        state.alternativeTokens,
        state.alternativeLogProbs,
        stops.length,
        stops,
        sliceSeconds,
      );
      const advanced = open.filter((row) => collect(rows, row, state));
      if (advanced.length > 0) yield advanced.flatMap((row) => rows[row] ?? []);
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
      open = open.filter((row) => rows[row]?.finishReason === null);
    }
  } finally {
    pool.give(weights);
    pool.give(cache);
  }
}

/** Hands the tokens made since the last time to their row, and ends it where they do; whether there were any. */
function collect(rows: readonly Completion[], index: number, state: State): boolean {
  const row = rows[index];
  const madeAt = 3 * rows.length + index;
  const made = state.rowState[madeAt] ?? 0;
  if (!row || row.tokens.length === made) return false;
  const tokens = state.tokens.subarray(index * (state.capacity + 1) + row.start.prompt.length);
  while (row.finishReason === null && row.tokens.length < made) {
    const at = row.tokens.length;
    const cell = index * state.mostNew + at;
    row.add(tokens[at] ?? 0, state.logProbs[cell] ?? Number.NaN, alternativesAt(state, cell));
  }
  if (typeof row.stoppedBy === 'string') {
    // The decoder knows nothing of stop strings: it gets its slot back here.
    state.rowState[madeAt] = row.tokens.length;
    const slot = state.slotState.subarray(0, state.slots).indexOf(index);
    if (slot >= 0) state.slotState[slot] = -1;
  }
  return true;
}

function alternativesAt(
  { alternatives, alternativeTokens, alternativeLogProbs }: State,
  cell: number,
): Alternative[] | null {
  if (alternatives === 0) return null;
  const from = cell * alternatives;
  return Array.from(alternativeTokens.subarray(from, from + alternatives), (token, i) => ({
    token,
    logProb: alternativeLogProbs[from + i] ?? Number.NaN,
  }));
}
