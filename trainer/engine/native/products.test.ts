import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { linear } from '../ops/linear.ts';
import { Random } from '../random.ts';
import { difference, normals } from '../testing/devices.ts';
import { tf } from '../tf.ts';
import { type Addon, loadAddon } from './addon.ts';
import { setPrecision, settleBlas } from './products.ts';

const loaded = loadAddon();
const addon = 'addon' in loaded ? loaded.addon : null;

interface Shape {
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
}

const shapes: Shape[] = [];
for (const [m, n, k] of [
  [128, 96, 160],
  [131, 77, 333],
  [300, 33, 129],
  [70, 257, 601],
] as const) {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) shapes.push({ m, n, k, transposeA, transposeB });
  }
}

const random = new Random(5);

/** C after `rounds` products added up, with a bias and GELU at the last if asked. */
function multiply(
  kernels: Addon,
  { m, n, k, transposeA, transposeB }: Shape,
  a: Float32Array,
  b: Float32Array,
  rounds = 1,
  bias: Float32Array | null = null,
): Float32Array {
  const c = new Float32Array(m * n);
  const [am, ak] = transposeA ? [1, m] : [k, 1];
  const [bk, bn] = transposeB ? [1, k] : [n, 1];
  for (let i = 0; i < rounds; i++)
    kernels.gemm(m, n, k, 0, 0, 0, am, ak, bk, bn, n, a, b, c, i > 0, bias, bias !== null, null);
  return c;
}

const values = (count: number): Float32Array => normals(random, [count]).values;

/** To the nearest bf16, ties to even. */
function toBf16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer);
  const word = bits[0] ?? 0;
  bits[0] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0] ?? Number.NaN;
}

describe.runIf(addon)('matrix products', () => {
  const kernels = addon as Addon;
  beforeAll(() => {
    kernels.open('best', 2);
  });
  afterAll(() => {
    kernels.setBf16(false);
    kernels.chooseBlas('off');
  });

  const bf16 = kernels?.setBf16(true) ?? false;
  kernels?.setBf16(false);
  describe.runIf(bf16)('in bf16', () => {
    it.each(shapes)(
      '$m × $n × $k, $transposeA, $transposeB: rounds the inputs and sums in float32',
      (shape) => {
        const { m, n, k } = shape;
        const [a, b] = [values(m * k), values(k * n)];
        kernels.setBf16(false);
        const exact = multiply(kernels, shape, a, b);
        const ofRounded = multiply(kernels, shape, a.map(toBf16), b.map(toBf16));
        kernels.setBf16(true);
        const ours = multiply(kernels, shape, a, b);
        expect(difference(ours, ofRounded)).toBeLessThan(1e-6);
        // Each input is off by at most 2^-9 of itself, so a product by 2^-8, and a sum by that times Σ |a b|.
        const sizes = multiply(kernels, shape, a.map(Math.abs), b.map(Math.abs));
        for (let i = 0; i < ours.length; i++) {
          const bound = 1.02 * 2 ** -8 * (sizes[i] ?? 0);
          expect(Math.abs((ours[i] ?? 0) - (exact[i] ?? 0))).toBeLessThan(bound);
        }
        expect(difference(ours, exact)).toBeGreaterThan(1e-5);
        const bias = values(n);
        const finished = multiply(kernels, shape, a, b, 2, bias);
        kernels.setBf16(false);
        const wanted = multiply(kernels, shape, a.map(toBf16), b.map(toBf16), 2, bias);
        expect(difference(finished, wanted)).toBeLessThan(1e-6);
      },
    );

    it('lets NaN and infinity through, and leaves small products alone', () => {
      const shape = { m: 128, n: 128, k: 128, transposeA: false, transposeB: false };
      const [a, b] = [values(128 * 128), values(128 * 128)];
      a[5] = Number.NaN;
      a[128 + 5] = Number.POSITIVE_INFINITY;
      kernels.setBf16(true);
      const c = multiply(kernels, shape, a, b);
      expect(c.subarray(0, 128).every(Number.isNaN)).toBe(true);
      expect(c.subarray(128, 256).every((x) => Math.abs(x) === Number.POSITIVE_INFINITY)).toBe(true);
      expect(c.subarray(256).every(Number.isFinite)).toBe(true);
      const small = { m: 3, n: 5, k: 7, transposeA: false, transposeB: false };
      const [x, y] = [values(21), values(35)];
      const rounded = multiply(kernels, small, x, y);
      kernels.setBf16(false);
      expect(rounded).toEqual(multiply(kernels, small, x, y));
    });

    it('is what the device says, and is off again when it is opened without', async () => {
      const device = await openDevice('native', { precision: 'bf16' });
      expect(device.description).toContain('products in bf16');
      const [x, w] = [normals(random, [512, 64]), normals(random, [64, 64])];
      const product = (): Float32Array =>
        tf.tidy(() =>
          linear(tf.tensor2d(x.values, [512, 64]), tf.tensor2d(w.values, [64, 64]), null)
            .dataSync<'float32'>()
            .slice(),
        );
      const rounded = product();
      expect((await openDevice('native')).description).not.toContain('bf16');
      const plain = product();
      expect(difference(rounded, plain)).toBeGreaterThan(1e-5);
      expect(difference(rounded, plain)).toBeLessThan(2 ** -6);
    });
  });

  it('says which precisions there are', () => {
    expect(() => setPrecision(kernels, 'float8')).toThrow(
      'The precision is "float8": expected float32 or bf16.',
    );
    const without = { ...kernels, setBf16: (on: boolean) => !on };
    expect(() => setPrecision(without, 'bf16')).toThrow(/needs a processor with AVX-512 BF16/);
  });

  const systemBlas = [
    '/usr/lib/x86_64-linux-gnu/libopenblas.so.0',
    '/usr/lib/aarch64-linux-gnu/libopenblas.so.0',
    '/usr/lib64/libopenblas.so.0',
    '/System/Library/Frameworks/Accelerate.framework/Accelerate',
  ].find((path) => existsSync(path));

  describe.runIf(systemBlas)("by the system's BLAS", () => {
    it.each(shapes)('$m × $n × $k, $transposeA, $transposeB: agrees with our kernels', (shape) => {
      const { m, n, k } = shape;
      const [a, b, bias] = [values(m * k), values(k * n), values(n)];
      kernels.open('best', 2);
      kernels.chooseBlas('off');
      const ours = [multiply(kernels, shape, a, b), multiply(kernels, shape, a, b, 2, bias)];
      expect(settleBlas(kernels, systemBlas ?? '')).not.toBe('');
      const theirs = [multiply(kernels, shape, a, b), multiply(kernels, shape, a, b, 2, bias)];
      for (const [i, c] of theirs.entries()) expect(difference(c, ours[i] ?? [])).toBeLessThan(2e-6);
      kernels.open('best', 1);
      expect(multiply(kernels, shape, a, b)).toEqual(theirs[0]);
      // A variant that is asked for by name computes by itself.
      kernels.open('portable', 2);
      const portable = multiply(kernels, shape, a, b);
      kernels.chooseBlas('off');
      expect(multiply(kernels, shape, a, b)).toEqual(portable);
      kernels.open('best', 2);
    });
  });

  it('takes a BLAS only by measure, and one that is named without', () => {
    expect(settleBlas(kernels, 'off')).toBe('');
    const found = settleBlas(kernels, '');
    expect(settleBlas(kernels, '')).toBe(found);
    expect(() => settleBlas(kernels, '/nowhere/blas.so')).toThrow(
      /TOUCHSTONE_BLAS is "\/nowhere\/blas.so", which cannot be used .*: expected off, or the path/,
    );
  });
});
