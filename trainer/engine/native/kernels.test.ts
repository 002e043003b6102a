import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { fastDevices, normals } from '../testing/devices.ts';
import { tf } from '../tf.ts';
import { nativeBackend } from './backend.ts';

// tfjs's own specs (tests/conformance) hold these kernels to the CPU backend on small tensors and odd arguments. Here
// are the sizes at which the compiled loops split, against plain loops; elementwise results must be the very bits.

const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e-42, -3e38, 3e38];

/** Normals, with some of the special numbers among them if asked. */
function numbers(length: number, seed: number, withSpecial = false): Float32Array {
  const { values } = normals(new Random(seed), [length]);
  const random = new Random(seed + 1);
  if (withSpecial) {
    for (let i = 0; i < length; i += 5) values[i] = special[random.integer(special.length)] ?? 0;
  }
  return values;
}

const operations: [string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, (a: number, b: number) => number][] = [
  ['add', tf.add, (a, b) => a + b],
  ['sub', tf.sub, (a, b) => a - b],
  ['mul', tf.mul, (a, b) => a * b],
  ['div', tf.div, (a, b) => a / b],
];

/** A product of matrices by three loops in double precision, and the sum of the terms' sizes for each cell. */
function product(a: (i: number, k: number) => number, b: (k: number, j: number) => number, sizes: number[]) {
  const [m = 0, k = 0, n = 0] = sizes;
  const values = new Float64Array(m * n);
  const scales = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let c = 0; c < k; c++) {
        const term = a(i, c) * b(c, j);
        values[i * n + j] = (values[i * n + j] ?? 0) + term;
        scales[i * n + j] = (scales[i * n + j] ?? 0) + Math.abs(term);
      }
    }
  }
  return { values, scales };
}

/** Leaves NaN in the arrays that the pool hands out next, so that a cell that is not written shows. */
function poison(length: number): void {
  const { pool } = nativeBackend() ?? {};
  if (!pool) throw new Error('the native backend is not open');
  const arrays = [0, 1, 2].map(() => pool.take(length).fill(Number.NaN));
  for (const array of arrays) pool.give(array);
}

const natives = fastDevices.filter(({ name }) => name.startsWith('native'));

describe.each(natives)('kernels of $name', (device) => {
  beforeEach(async () => {
    await device.open();
    tf.engine().startScope();
  });
  afterEach(() => tf.engine().endScope());

  it.each(operations)('%s gives the very bits of plain arithmetic at every size', (_, ours, plain) => {
    for (const length of [0, 1, 15, 64, 16_384, 16_385, 50_001]) {
      const a = numbers(length, 1, true);
      const b = numbers(length, 2, true);
      const one = b[1] ?? 1.5;
      poison(length);
      const x = tf.tensor1d(a);
      const single = tf.tensor1d([one]);
      const pairs = [
        [ours(x, tf.tensor1d(b)), a.map((v, i) => plain(v, b[i] ?? 0))],
        [ours(x, single), a.map((v) => plain(v, one))],
        [ours(single, x), a.map((v) => plain(one, v))],
      ] as const;
      // Bytes, so that -0 and the NaNs' places count; NaNs may differ in their payload and are made alike first.
      const bytes = (v: Float32Array): Buffer =>
        Buffer.from(v.map((w) => (Number.isNaN(w) ? Number.NaN : w)).buffer);
      for (const [tensor, expected] of pairs) {
        expect(bytes(tensor.dataSync<'float32'>()).equals(bytes(expected))).toBe(true);
      }
    }
  });

  it('addN adds in order, to the bit', () => {
    const terms = [3, 4, 5, 6].map((seed) => numbers(20_000, seed));
    poison(20_000);
    const total = tf.addN(terms.map((values) => tf.tensor1d(values)));
    const expected = new Float32Array(20_000);
    for (const values of terms) for (const [i, v] of values.entries()) expected[i] = (expected[i] ?? 0) + v;
    expect(Buffer.from(total.dataSync<'float32'>().slice().buffer).equals(Buffer.from(expected.buffer))).toBe(
      true,
    );
  });

  it('sum is within rounding of the exact sum at every size', () => {
    for (const length of [0, 1, 17, 16_384, 16_385, 200_003]) {
      const values = numbers(length, 9);
      const exact = values.reduce((sum, v) => sum + v, 0);
      const size = values.reduce((sum, v) => sum + Math.abs(v), 0);
      const sum = tf.sum(tf.tensor1d(values)).dataSync()[0] ?? Number.NaN;
      expect(Math.abs(sum - exact)).toBeLessThanOrEqual(1e-6 * size);
    }
  });

  it('matMul is within rounding of the exact product, transposed or not, where its blocks end', () => {
    const shapes = [
      [1, 1, 1],
      [3, 0, 4],
      [1, 300, 70],
      [7, 256, 33],
      [13, 257, 65],
      [61, 31, 129],
      [130, 600, 19],
    ] as const;
    for (const [m, k, n] of shapes) {
      const a = numbers(m * k, 11);
      const b = numbers(k * n, 12);
      const { values, scales } = product(
        (i, c) => a[i * k + c] ?? 0,
        (c, j) => b[c * n + j] ?? 0,
        [m, k, n],
      );
      const x = tf.tensor2d(a, [m, k]);
      const y = tf.tensor2d(b, [k, n]);
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const left = transposeA ? x.transpose() : x;
          const right = transposeB ? y.transpose() : y;
          poison(m * n);
          const got = tf.matMul(left, right, transposeA, transposeB).dataSync();
          expect(got).toHaveLength(m * n);
          const worst = values.reduce(
            (most, v, i) => Math.max(most, Math.abs((got[i] ?? Number.NaN) - v) / ((scales[i] ?? 0) || 1)),
            0,
          );
          expect(worst).toBeLessThan(2e-6);
        }
      }
    }
  });
});
