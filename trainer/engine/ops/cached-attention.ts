import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { attend, type HeadShape, headShape, splitHeads } from './causal-attention.ts';

/** The kernel's vectors may read so many floats past the last key (KEY_SLACK of kernels.h). */
const KEY_SLACK = 64;

interface NativeArrays {
  native: NativeBackend;
  /** floats of one row */
  rowSize: number;
  keys: Float32Array;
  values: Float32Array;
}

/** The keys and values that one layer has seen so far, for B rows of at most `capacity` cells. */
export class LayerCache {
  /** cells held so far; the same for every row */
  length = 0;
  /** int32 [B]: the first cell of each row that is not left padding */
  start: Int32Array;
  readonly capacity: number;
  /** [B,G,length,S] each, on devices without a kernel of their own; null when empty */
  private tensors: { keys: tf.Tensor4D; values: tf.Tensor4D } | null = null;

  /** for the native kernel: keys [B,G,S,capacity] and values [B,G,capacity,S], filled up to `length` */
  private arrays: NativeArrays | null = null;

  constructor(start: Int32Array, capacity: number) {
    this.start = start;
    this.capacity = capacity;
  }

  get rows(): number {
    return this.start.length;
  }

  /** Adds cells [B,G,N,S] and returns all that are held; the cache keeps them. */
  append(keys: tf.Tensor4D, values: tf.Tensor4D): { keys: tf.Tensor4D; values: tf.Tensor4D } {
    const held = this.tensors;
    const grown = tf.tidy(() => ({
      keys: held ? tf.concat([held.keys, keys], 2) : keys.clone(),
      values: held ? tf.concat([held.values, values], 2) : values.clone(),
    }));
    this.replace({ keys: tf.keep(grown.keys), values: tf.keep(grown.values) });
    this.length += keys.shape[2];
    return grown;
  }

  /** The native kernel's room for `width` numbers a cell, of keys and of values: made at the first use. */
  nativeArrays(native: NativeBackend, width: number): NativeArrays {
    if (!this.arrays) {
      const rowSize = width * this.capacity;
      const size = this.rows * rowSize + KEY_SLACK;
      this.arrays = { native, rowSize, keys: native.pool.take(size), values: native.pool.take(size) };
    }
    return this.arrays;
  }

  /** Keeps the rows named, in that order. */
  keepRows(indices: Int32Array): void {
    if (this.arrays) this.arrays = keepArrayRows(this.arrays, indices);
    this.start = indices.map((index) => this.start[index] ?? 0);
    const held = this.tensors;
    if (!held) return;
    const kept = tf.tidy(() => {
      const rows = tf.tensor1d(indices, 'int32');
      return { keys: tf.gather(held.keys, rows), values: tf.gather(held.values, rows) };
    });
    this.replace({ keys: tf.keep(kept.keys), values: tf.keep(kept.values) });
  }

  dispose(): void {
    this.replace(null);
    if (this.arrays) {
      this.arrays.native.pool.give(this.arrays.keys);
      this.arrays.native.pool.give(this.arrays.values);
      this.arrays = null;
    }
    this.length = 0;
  }

  private replace(tensors: { keys: tf.Tensor4D; values: tf.Tensor4D } | null): void {
    this.tensors?.keys.dispose();
    this.tensors?.values.dispose();
    this.tensors = tensors;
  }
}

function keepArrayRows(arrays: NativeArrays, indices: Int32Array): NativeArrays {
  const { native, rowSize } = arrays;
  const keep = (from: Float32Array): Float32Array => {
    const to = native.pool.take(rowSize * indices.length + KEY_SLACK);
    for (const [row, index] of indices.entries()) {
      to.set(from.subarray(index * rowSize, (index + 1) * rowSize), row * rowSize);
    }
    native.pool.give(from);
    return to;
  };
  return { native, rowSize, keys: keep(arrays.keys), values: keep(arrays.values) };
}

/** One `LayerCache` for each layer of a model. */
export class KeyValueCache {
  readonly layers: LayerCache[];

  /**
   * @param start int32 [B]: the first cell of each row that is not left padding; all 0 for rows without padding
   * @param capacity the most cells that a row will ever hold
   */
  constructor(shape: { layers: number; start: Int32Array; capacity: number }) {
    this.layers = Array.from(
      { length: shape.layers },
      () => new LayerCache(Int32Array.from(shape.start), shape.capacity),
    );
  }

  /** @throws TrainerError when there is no such layer */
  layer(index: number): LayerCache {
    const layer = this.layers[index];
    if (!layer) {
      throw new TrainerError(
        `The cache holds ${this.layers.length} layers: there is no layer ${index}, the model has more.`,
      );
    }
    return layer;
  }

  /** Cells held so far. */
  get length(): number {
    return this.layers[0]?.length ?? 0;
  }

  get rows(): number {
    return this.layers[0]?.rows ?? 0;
  }

  /** Keeps the rows named, in that order: drops rows that are finished. */
  keepRows(indices: ArrayLike<number>): void {
    const kept = Int32Array.from(indices);
    for (const index of kept) {
      if (!(index >= 0 && index < this.rows)) {
        throw new TrainerError(`The cache has ${this.rows} rows: there is no row ${index} to keep.`);
      }
    }
    for (const layer of this.layers) layer.keepRows(kept);
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }
}

/** float32 [B,1,N,M]: 1 where new cell `from + i` may see cell j. */
function visibility(start: Int32Array, from: number, count: number): tf.Tensor4D {
  const total = from + count;
  const visible = new Float32Array(start.length * count * total);
  for (let row = 0; row < start.length; row++) {
    const first = start[row] ?? 0;
    for (let i = 0; i < count; i++) {
      const cell = from + i;
      const offset = (row * count + i) * total;
      if (cell < first) visible[offset + cell] = 1;
      else visible.fill(1, offset + first, offset + cell + 1);
    }
  }
  return tf.tensor4d(visible, [start.length, 1, count, total]);
}

/** What `cachedAttention` means, in tfjs ops. */
export function cachedAttentionComposition(
  qkv: tf.Tensor3D,
  heads: number,
  cache: LayerCache,
  keyValueHeads = heads,
): tf.Tensor3D {
  return tf.tidy(() => {
    const [q, k, v] = splitHeads(qkv, headShape(qkv, heads, keyValueHeads));
    const from = cache.length;
    const { keys, values } = cache.append(k, v);
    return attend(q, keys, values, visibility(cache.start, from, qkv.shape[1]));
  });
}

function cachedAttentionNative(
  native: NativeBackend,
  qkv: tf.Tensor3D,
  { heads, keyValueHeads, size }: HeadShape,
  cache: LayerCache,
): tf.Tensor3D {
  const [rows, count] = qkv.shape;
  const { keys, values } = cache.nativeArrays(native, keyValueHeads * size);
  const out = native.output<tf.Tensor3D>([rows, count, heads * size]);
  const shape = [rows, count, heads, keyValueHeads, size, cache.length, cache.capacity] as const;
  native.addon.cachedAttention(...shape, native.floats(qkv), cache.start, keys, values, out.values);
  cache.length += count;
  return out.tensor;
}

/**
 * Appends N cells to every row of the cache, and attends from them to what their row holds: to the cells from the
 * row's `start` up to themselves. A cell before `start` (left padding) sees itself only. The cache holds the heads of
 * keys and values alone, however many heads of queries share them. No gradient.
 * @param qkv float32 [B,N,(H+2G)S] of the new cells, as `causalAttention` takes them
 * @returns float32 [B,N,HS]
 * @throws TrainerError when the rows do not match or the cells do not fit
 */
export function cachedAttention(
  qkv: tf.Tensor3D,
  heads: number,
  cache: LayerCache,
  keyValueHeads = heads,
): tf.Tensor3D {
  const shape = headShape(qkv, heads, keyValueHeads);
  const [rows, count] = qkv.shape;
  if (rows !== cache.rows) {
    throw new TrainerError(`The cache holds ${cache.rows} rows, and ${rows} came to be added.`);
  }
  if (cache.length + count > cache.capacity) {
    throw new TrainerError(
      `The cache has room for ${cache.capacity} cells a row and holds ${cache.length}: ${count} more do not fit.`,
    );
  }
  const native = nativeBackend();
  return native
    ? cachedAttentionNative(native, qkv, shape, cache)
    : cachedAttentionComposition(qkv, heads, cache, keyValueHeads);
}
