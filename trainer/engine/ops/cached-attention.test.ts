import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { allDevices, difference, normals } from '../testing/devices.ts';
import { tf } from '../tf.ts';
import { cachedAttention, KeyValueCache } from './cached-attention.ts';
import { causalAttention } from './causal-attention.ts';

/** Some cells of [B,T,3D], from `from` on. */
const cells = (qkv: tf.Tensor3D, from: number, count: number): tf.Tensor3D =>
  qkv.slice([0, from, 0], [-1, count, -1]);

describe.each(allDevices)('cachedAttention on $name', (device) => {
  beforeAll(() => device.open());

  it.each([
    { heads: 1, size: 1, start: [0], parts: [1, 1, 1] },
    { heads: 2, size: 5, start: [0, 3, 2], parts: [4, 1, 1, 1, 2] },
    { heads: 3, size: 16, start: [0, 0, 7, 30], parts: [33, 1, 1, 5, 1] },
    { heads: 1, size: 20, start: [1], parts: [1, 1, 40, 1] },
  ])('$heads heads of $size, cell by cell, is the whole at once with left padding', async (test) => {
    const { heads, size, start, parts } = test;
    const columns = parts.reduce((sum, count) => sum + count, 0);
    const rows = start.length;
    const before = tf.memory().numTensors;
    const cache = new KeyValueCache({ layers: 1, start: Int32Array.from(start), capacity: columns });
    const { values } = normals(new Random(5), [rows, columns, 3 * heads * size]);
    const { ours, whole } = tf.tidy(() => {
      const qkv = tf.tensor3d(values, [rows, columns, 3 * heads * size]);
      const segments = Int32Array.from({ length: rows * columns }, (_, i) =>
        i % columns >= (start[Math.floor(i / columns)] ?? 0) ? 1 : 0,
      );
      let from = 0;
      const outputs = parts.map((count) => {
        const out = cachedAttention(cells(qkv, from, count), heads, cache.layer(0));
        from += count;
        return out;
      });
      const ids = tf.tensor2d(segments, [rows, columns], 'int32');
      return { ours: tf.concat(outputs, 1), whole: causalAttention(qkv, heads, ids) };
    });
    expect(cache.length).toBe(columns);
    expect(difference(await ours.data(), await whole.data())).toBeLessThan(1e-5);
    tf.dispose([ours, whole]);
    cache.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('keeps the rows named, in that order, and goes on with them as if alone', async () => {
    const random = new Random(6);
    const [heads, size, rows] = [2, 3, 4];
    const first = normals(random, [rows, 5, 3 * heads * size]);
    const next = normals(random, [2, 1, 3 * heads * size]);
    const start = Int32Array.from([0, 1, 2, 3]);
    const cache = new KeyValueCache({ layers: 2, start, capacity: 6 });
    const alone = new KeyValueCache({ layers: 1, start: Int32Array.from([3, 1]), capacity: 6 });
    const { expected, again } = tf.tidy(() => {
      const all = tf.tensor3d(first.values, [rows, 5, 3 * heads * size]);
      const later = tf.tensor3d(next.values, [2, 1, 3 * heads * size]);
      for (const layer of cache.layers) cachedAttention(all, heads, layer);
      cache.keepRows([3, 1]);
      expect(cache.rows).toBe(2);
      cachedAttention(tf.gather(all, tf.tensor1d([3, 1], 'int32')), heads, alone.layer(0));
      return {
        expected: cachedAttention(later, heads, alone.layer(0)),
        again: cache.layers.map((layer) => cachedAttention(later, heads, layer)),
      };
    });
    for (const out of again) {
      expect(difference(await out.data(), await expected.data())).toBeLessThan(1e-6);
    }
    tf.dispose([expected, again]);
    cache.dispose();
    alone.dispose();
  });

  it('refuses what does not fit, in one sentence', () => {
    const cache = new KeyValueCache({ layers: 1, start: new Int32Array(2), capacity: 3 });
    tf.tidy(() => {
      expect(() => cachedAttention(tf.zeros([2, 4, 6]), 1, cache.layer(0))).toThrow(
        'The cache has room for 3 cells a row and holds 0: 4 more do not fit.',
      );
      expect(() => cachedAttention(tf.zeros([3, 1, 6]), 1, cache.layer(0))).toThrow(/2 rows, and 3 came/);
    });
    expect(() => cache.layer(1)).toThrow(/no layer 1/);
    expect(() => cache.keepRows([2])).toThrow(/no row 2/);
    cache.dispose();
  });
});
