import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { Random } from '../random.ts';
import {
  allDevices,
  difference,
  fastDevices,
  normals,
  type Op,
  type Plain,
  valueAndGradients,
} from '../testing/devices.ts';
import * as reference from '../testing/reference.ts';
import { tf } from '../tf.ts';
import { cachedAttention, KeyValueCache } from './cached-attention.ts';
import { causalAttention, causalAttentionComposition } from './causal-attention.ts';
import { linearTogether, linearTogetherComposition } from './linear-together.ts';
import { rmsNorm, rmsNormComposition } from './rms-norm.ts';
import { type RotaryAngles, rotary, rotaryComposition } from './rotary.ts';
import { swiglu, swigluComposition } from './swiglu.ts';

/** An op of some random shape, as kernel, as composition and in float64. */
interface Sample {
  inputs: Plain[];
  op: Op;
  composition: Op;
  reference: (...inputs: Float64Array[]) => number[];
}

const size = (least: number, most: number): fc.Arbitrary<number> => fc.integer({ min: least, max: most });
const width = fc.oneof(fc.constantFrom(1, 3, 4, 8, 15, 16, 17, 31, 32, 33, 64, 65), size(1, 70));
const seed = size(0, 2 ** 31 - 1);
const rows = fc.oneof(fc.constantFrom(1, 13, 14, 15, 57, 65), size(1, 80));
const few = size(1, 3);
const none = new Float64Array(0);

type Matrix = tf.Tensor2D;
type Vector = tf.Tensor1D;

function rmsNormSample(rows: number, width: number, scale: number, seed: number): Sample {
  const random = new Random(seed);
  const run =
    (f: typeof rmsNorm): Op =>
    (x, gain) =>
      f(x as Matrix, gain as Vector, 1e-3);
  return {
    inputs: [normals(random, [rows, width], scale), normals(random, [width])],
    op: run(rmsNorm),
    composition: run(rmsNormComposition),
    reference: (x = none, gain = none) => reference.rmsNorm(width, 1e-3, x, gain),
  };
}

function swigluSample(rows: number, width: number, scale: number, seed: number): Sample {
  return {
    inputs: [normals(new Random(seed), [rows, 2 * width], scale)],
    op: (x) => swiglu(x as Matrix),
    composition: (x) => swigluComposition(x as Matrix),
    reference: (x = none) => reference.swiglu(width, x),
  };
}

/** Angles of random positions below 40. */
function anglesOf(random: Random, cells: number, pairs: number): { angles: RotaryAngles; per: number[] } {
  const per = Array.from({ length: pairs }, (_, i) => 0.7 ** i);
  const table = Float32Array.from({ length: 80 * pairs }, (_, i) => {
    const angle = Math.floor(i / (2 * pairs)) * (per[i % pairs] ?? 0);
    return i % (2 * pairs) < pairs ? Math.cos(angle) : Math.sin(angle);
  });
  const positions = Int32Array.from({ length: cells }, () => random.integer(40));
  return { angles: { table, positions, headSize: 2 * pairs }, per };
}

function rotarySample(
  [batch, columns]: [number, number],
  turned: number,
  rest: number,
  pairs: number,
  seed: number,
): Sample {
  const random = new Random(seed);
  const { angles, per } = anglesOf(random, batch * columns, pairs);
  const channels = turned * 2 * pairs + rest;
  const shape = { channels, turned, size: 2 * pairs };
  return {
    inputs: [normals(random, [batch, columns, channels])],
    op: (x) => rotary(x as tf.Tensor3D, turned, angles),
    composition: (x) => rotaryComposition(x as tf.Tensor3D, turned, angles),
    reference: (x = none) => reference.rotary(shape, angles.positions, per, x),
  };
}

function togetherSample(
  rows: number,
  inputs: number,
  outputs: number[],
  biased: boolean,
  seed: number,
): Sample {
  const random = new Random(seed);
  const run =
    (f: typeof linearTogether): Op =>
    (x, ...rest) =>
      f(
        x as Matrix,
        outputs.map((_, i) => ({
          weight: rest[i] as Matrix,
          bias: biased ? (rest[outputs.length + i] as Vector) : null,
        })),
      );
  return {
    inputs: [
      normals(random, [rows, inputs]),
      ...outputs.map((count) => normals(random, [count, inputs], 1 / Math.sqrt(inputs))),
      ...(biased ? outputs.map((count) => normals(random, [count])) : []),
    ],
    op: run(linearTogether),
    composition: run(linearTogetherComposition),
    reference: (x = none, ...rest) => {
      const parts = outputs.map((count, i) => {
        const shape = { rows, inputs, outputs: count };
        const bias = biased ? (rest[outputs.length + i] ?? none) : new Float64Array(count);
        return reference.linear(shape, { transposeWeight: true }, x, rest[i] ?? none, bias);
      });
      return Array.from({ length: rows }, (_, m) =>
        parts.flatMap((part, i) => part.slice(m * (outputs[i] ?? 0), (m + 1) * (outputs[i] ?? 0))),
      ).flat();
    },
  };
}

function attentionSample(
  [batch, columns]: [number, number],
  [keyValueHeads, group]: [number, number],
  size: number,
  segments: number,
  seed: number,
): Sample {
  const random = new Random(seed);
  const heads = keyValueHeads * group;
  const ids = Int32Array.from({ length: batch * columns }, () => random.integer(segments + 1));
  const tensor = (): Matrix | null => (segments ? tf.tensor2d(ids, [batch, columns], 'int32') : null);
  const shape = { rows: batch, columns, heads, keyValueHeads, size };
  const run =
    (f: typeof causalAttention): Op =>
    (qkv) =>
      f(qkv as tf.Tensor3D, heads, tensor(), keyValueHeads);
  return {
    inputs: [normals(random, [batch, columns, (heads + 2 * keyValueHeads) * size])],
    op: run(causalAttention),
    composition: run(causalAttentionComposition),
    reference: (qkv = none) => reference.attention(shape, segments ? ids : null, qkv),
  };
}

const samples = {
  'RMS norm': fc.tuple(rows, width, fc.constantFrom(1e-3, 1, 20), seed).map((of) => rmsNormSample(...of)),
  SwiGLU: fc.tuple(rows, width, fc.constantFrom(1e-3, 1, 20), seed).map((of) => swigluSample(...of)),
  'rotary positions': fc
    .tuple(
      fc.tuple(few, size(1, 40)),
      few,
      size(0, 20),
      fc.oneof(fc.constantFrom(4, 8, 16), size(1, 20)),
      seed,
    )
    .map((of) => rotarySample(...of)),
  'several linear layers': fc
    .tuple(rows, width, fc.array(width, { minLength: 1, maxLength: 3 }), fc.boolean(), seed)
    .map((of) => togetherSample(...of)),
  'grouped-query attention': fc
    .tuple(fc.tuple(few, size(1, 70)), fc.tuple(few, size(1, 4)), width, size(0, 3), seed)
    .map((of) => attentionSample(...of)),
} satisfies Record<string, fc.Arbitrary<Sample>>;

describe.each(fastDevices)('on $name, whatever the shape', (device) => {
  it.each(Object.entries(samples))(
    '%s: the fused op is its composition, value and gradient',
    async (_, sample) => {
      await fc.assert(
        fc.asyncProperty(sample, async (one) => {
          await openDevice('cpu');
          const oracle = await valueAndGradients(one.composition, one.inputs);
          await device.open();
          const ours = await valueAndGradients(one.op, one.inputs);
          expect(ours.value.shape).toEqual(oracle.value.shape);
          expect(difference(ours.value.values, oracle.value.values)).toBeLessThan(2e-5);
          for (const [i, gradient] of ours.gradients.entries()) {
            expect(difference(gradient.values, oracle.gradients[i]?.values ?? [])).toBeLessThan(1e-4);
          }
        }),
        // SwiftShader, which plays the graphics processor, is slow, and what runs on it are the same compositions.
        { numRuns: device.name === 'webgpu' ? 3 : 10, seed: 20261125 },
      );
    },
    180_000,
  );
});

const small: [string, Sample][] = [
  ['RMS norm', rmsNormSample(3, 5, 2, 1)],
  ['SwiGLU', swigluSample(3, 4, 2, 2)],
  ['rotary positions', rotarySample([2, 2], 2, 3, 2, 3)],
  ['several linear layers', togetherSample(3, 4, [2, 3], true, 4)],
  ['several linear layers without biases', togetherSample(2, 3, [1, 2, 3], false, 5)],
  ['grouped-query attention', attentionSample([2, 4], [2, 2], 2, 0, 6)],
  ['multi-query attention of segments', attentionSample([1, 5], [1, 3], 3, 2, 7)],
];

describe.each(allDevices)('on $name', (device) => {
  beforeAll(() => device.open());

  it.each(small)('%s agrees with float64, and its gradient with central differences', async (_, one) => {
    const { value, gradients } = await valueAndGradients(one.op, one.inputs, 3);
    const inputs = one.inputs.map(({ values }) => values);
    expect(difference(value.values, one.reference(...inputs.map((x) => Float64Array.from(x))))).toBeLessThan(
      1e-5,
    );
    const weights = normals(new Random(3), value.shape).values;
    for (const [i, numeric] of reference.centralDifferences(one.reference, inputs, weights).entries()) {
      expect(difference(gradients[i]?.values ?? [], numeric)).toBeLessThan(2e-5);
    }
  });

  it.each([1, 2, 3, 6])(
    '6 heads of queries over %i of keys are 6 heads over those repeated',
    async (shared) => {
      const [rows, columns, headSize, heads] = [2, 19, 8, 6];
      const random = new Random(8);
      const parts = [heads, shared, shared].map((count) => normals(random, [rows, columns, count, headSize]));
      const { ours, whole } = tf.tidy(() => {
        const [q, k, v] = parts.map(({ values, shape }) => tf.tensor(values, shape));
        if (!q || !k || !v) throw new Error('three parts');
        const repeated = (x: tf.Tensor): tf.Tensor => {
          const of = Array.from({ length: heads }, (_, head) => Math.floor((head * shared) / heads));
          return tf.gather(x, tf.tensor1d(of, 'int32'), 2);
        };
        const flat = (x: tf.Tensor): tf.Tensor3D => x.reshape([rows, columns, -1]);
        const grouped = tf.concat([flat(q), flat(k), flat(v)], 2);
        const multi = tf.concat([flat(q), flat(repeated(k)), flat(repeated(v))], 2);
        return {
          ours: causalAttention(grouped as tf.Tensor3D, heads, null, shared),
          whole: causalAttention(multi as tf.Tensor3D, heads, null),
        };
      });
      expect(difference(await ours.data(), await whole.data())).toBeLessThan(1e-6);
      tf.dispose([ours, whole]);
    },
  );

  it('grouped queries cell by cell over a cache of shared keys are the whole at once', async () => {
    const [heads, shared, headSize, rows] = [6, 2, 5, 3];
    const parts = [4, 1, 1, 30, 1];
    const columns = 37;
    const start = Int32Array.of(0, 3, 2);
    const cache = new KeyValueCache({ layers: 1, start, capacity: columns });
    const shape: [number, number, number] = [rows, columns, (heads + 2 * shared) * headSize];
    const { values } = normals(new Random(9), shape);
    const { ours, whole } = tf.tidy(() => {
      const qkv = tf.tensor3d(values, shape);
      const ids = Int32Array.from({ length: rows * columns }, (_, i) =>
        i % columns >= (start[Math.floor(i / columns)] ?? 0) ? 1 : 0,
      );
      let from = 0;
      const outputs = parts.map((count) => {
        const cells = qkv.slice([0, from, 0], [-1, count, -1]);
        from += count;
        return cachedAttention(cells, heads, cache.layer(0), shared);
      });
      const segments = tf.tensor2d(ids, [rows, columns], 'int32');
      return { ours: tf.concat(outputs, 1), whole: causalAttention(qkv, heads, segments, shared) };
    });
    expect(difference(await ours.data(), await whole.data())).toBeLessThan(1e-5);
    tf.dispose([ours, whole]);
    cache.dispose();
  });

  it('the product of a turned query and key depends on their distance alone', async () => {
    const headSize = 16;
    const { angles } = anglesOf(new Random(10), 1, headSize / 2);
    const query = normals(new Random(11), [headSize]).values;
    const key = normals(new Random(12), [headSize]).values;
    const product = async (i: number, j: number): Promise<number> => {
      const pair = Float32Array.of(...query, ...key);
      const turned = tf.tidy(() =>
        rotary(tf.tensor3d(pair, [1, 2, headSize]), 1, { ...angles, positions: Int32Array.of(i, j) }),
      );
      const values = await turned.data();
      turned.dispose();
      return query.reduce((sum, _, d) => sum + (values[d] ?? 0) * (values[headSize + d] ?? 0), 0);
    };
    expect(await product(0, 0)).toBeCloseTo(
      query.reduce((sum, value, d) => sum + value * (key[d] ?? 0), 0),
      5,
    );
    for (const distance of [1, 7, 20]) {
      const near = await product(distance, 0);
      expect(await product(distance + 4, 4)).toBeCloseTo(near, 5);
      expect(await product(distance + 19, 19)).toBeCloseTo(near, 5);
      expect(Math.abs(near - (await product(0, distance)))).toBeGreaterThan(0.1);
    }
  });

  it('NaN stays in its row, and no finite number becomes one', async () => {
    const bad = [Number.NaN, 1, 2, 3, 4, 5, 6, 7];
    const { norm, gated } = tf.tidy(() => ({
      norm: rmsNorm(tf.tensor2d(bad, [2, 4]), tf.ones([4])),
      gated: swiglu(tf.tensor2d([Number.NaN, -1e4, 1e4, -100, 1, 1, 1, 1], [1, 8])),
    }));
    expect([...(await norm.data<'float32'>())].map(Number.isNaN)).toEqual([
      ...new Array<boolean>(4).fill(true),
      ...new Array<boolean>(4).fill(false),
    ]);
    const [first, ...rest] = await gated.data();
    expect(first).toBeNaN();
    expect(difference(rest, [0, 1e4, 0])).toBeLessThan(1e-12);
    tf.dispose([norm, gated]);
  });
});

describe('wrong shapes', () => {
  it('are named', () => {
    expect(() => causalAttention(tf.zeros([1, 2, 12]), 4, null, 3)).toThrow(/width of 12.*4 and 3 heads/);
    expect(() => swiglu(tf.zeros([2, 3]))).toThrow(/last axis of \[2,3\]/);
    expect(() => linearTogether(tf.zeros([2, 3]), [{ weight: tf.zeros([5, 4]), bias: null }])).toThrow(
      /4 inputs and 5 outputs/,
    );
    const angles = { table: new Float32Array(8), positions: Int32Array.of(0, 2), headSize: 4 };
    expect(() => rotary(tf.zeros([1, 2, 4]), 1, angles)).toThrow('position 2 is not among the 2');
    expect(() => rotary(tf.zeros([1, 2, 4]), 2, angles)).toThrow(/2 heads of size 4/);
  });
});
