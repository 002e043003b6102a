import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { Random } from '../random.ts';
import {
  difference,
  fastDevices,
  nativeDevices,
  normals,
  type Op,
  type Plain,
  type TestDevice,
  valueAndGradients,
} from '../testing/devices.ts';
import { tf } from '../tf.ts';
import { causalAttention, causalAttentionComposition } from './causal-attention.ts';
import { dropout, dropoutComposition } from './dropout.ts';
import { embedding, embeddingComposition } from './embedding.ts';
import { headLogProbs, headLogProbsComposition } from './head-log-probs.ts';
import { layerNorm, layerNormComposition } from './layer-norm.ts';
import { linear, linearComposition } from './linear.ts';
import { tokenEntropy, tokenEntropyComposition } from './token-entropy.ts';
import { tokenLogProbs, tokenLogProbsComposition } from './token-log-probs.ts';

/** An op of some random shape, as kernel and as composition. */
interface Sample {
  inputs: Plain[];
  op: Op;
  composition: Op;
}

const size = (least: number, most: number): fc.Arbitrary<number> => fc.integer({ min: least, max: most });
// Widths around vectors and tiles of every variant, and any other.
const width = fc.oneof(fc.constantFrom(1, 3, 4, 8, 15, 16, 17, 31, 32, 33, 64, 65), size(1, 70));
const scale = fc.constantFrom(1e-3, 1, 20);
const seed = size(0, 2 ** 31 - 1);
const rows = fc.oneof(fc.constantFrom(0, 1, 13, 14, 15, 57), size(0, 80));

function integers(random: Random, count: number, bound: number): tf.Tensor1D {
  return tf.tensor1d(
    Int32Array.from({ length: count }, () => random.integer(bound)),
    'int32',
  );
}

type Vector = tf.Tensor1D;
type Matrix = tf.Tensor2D;

const samples = {
  linear: fc
    .record({
      rows,
      inputs: width,
      outputs: width,
      scale,
      seed,
      gelu: fc.boolean(),
      transposeWeight: fc.boolean(),
      rate: fc.constantFrom(0, 0.2),
      residual: fc.boolean(),
    })
    .map(({ rows, inputs, outputs, scale, seed, gelu, transposeWeight, rate, residual }) => {
      const random = new Random(seed);
      const options = {
        activation: gelu ? ('gelu' as const) : undefined,
        transposeWeight,
        dropout: { rate, seed },
      };
      const run =
        (f: typeof linear): Op =>
        (x, weight, bias, added) =>
          f(x as Matrix, weight as Matrix, bias as Vector, {
            ...options,
            ...(residual && { residual: added }),
          });
      return {
        inputs: [
          normals(random, [rows, inputs], scale),
          normals(random, transposeWeight ? [outputs, inputs] : [inputs, outputs], 1 / Math.sqrt(inputs)),
          normals(random, [outputs]),
          ...(residual ? [normals(random, [rows, outputs])] : []),
        ],
        op: run(linear),
        composition: run(linearComposition),
      };
    }),
  layerNorm: fc.record({ rows, width, scale, seed }).map(({ rows, width, scale, seed }) => {
    const random = new Random(seed);
    const run =
      (f: typeof layerNorm): Op =>
      (x, gain, bias) =>
        f(x as Matrix, gain as Vector, bias as Vector, 1e-3);
    return {
      inputs: [normals(random, [rows, width], scale), normals(random, [width]), normals(random, [width])],
      op: run(layerNorm),
      composition: run(layerNormComposition),
    };
  }),
  attention: fc
    .record({
      batch: size(1, 3),
      columns: size(1, 70),
      heads: size(1, 3),
      size: width,
      segments: size(0, 3),
      seed,
    })
    .map(({ batch, columns, heads, size, segments, seed }) => {
      const ids = (): Matrix | null =>
        segments ? integers(new Random(seed), batch * columns, segments + 1).reshape([batch, columns]) : null;
      const run =
        (f: typeof causalAttention): Op =>
        (qkv) =>
          f(qkv as tf.Tensor3D, heads, ids());
      return {
        inputs: [normals(new Random(seed), [batch, columns, 3 * heads * size])],
        op: run(causalAttention),
        composition: run(causalAttentionComposition),
      };
    }),
  head: fc
    .record({ rows: size(1, 60), width, vocabulary: size(2, 70), chunk: size(1, 3000), scale, seed })
    .map(({ rows, width, vocabulary, chunk, scale, seed }) => {
      const random = new Random(seed);
      const targets = (): Vector => integers(new Random(seed), rows, vocabulary);
      return {
        inputs: [
          normals(random, [rows, width], scale / Math.sqrt(width)),
          normals(random, [vocabulary, width]),
        ],
        op: (h, t) => headLogProbs(h as Matrix, t as Matrix, targets(), 0.8, chunk),
        composition: (h, t) => headLogProbsComposition(h as Matrix, t as Matrix, targets(), 0.8),
      };
    }),
  logProbs: fc
    .record({ rows, vocabulary: size(2, 70), scale, seed, temperature: fc.constantFrom(0.5, 1, 2) })
    .map(({ rows, vocabulary, scale, seed, temperature }) => {
      const targets = (): Vector => integers(new Random(seed), rows, vocabulary);
      return {
        inputs: [normals(new Random(seed), [rows, vocabulary], scale)],
        op: (x) => tokenLogProbs(x as Matrix, targets(), temperature),
        composition: (x) => tokenLogProbsComposition(x as Matrix, targets(), temperature),
      };
    }),
  entropy: fc
    .record({ rows, vocabulary: size(2, 70), scale, seed })
    .map(({ rows, vocabulary, scale, seed }) => ({
      inputs: [normals(new Random(seed), [rows, vocabulary], scale)],
      op: (x) => tokenEntropy(x as Matrix),
      composition: (x) => tokenEntropyComposition(x as Matrix),
    })),
  embedding: fc
    .record({ rows, vocabulary: size(1, 40), width, seed })
    .map(({ rows, vocabulary, width, seed }) => {
      const ids = (): Vector => integers(new Random(seed), rows, vocabulary);
      return {
        inputs: [normals(new Random(seed), [vocabulary, width])],
        op: (table) => embedding(table as Matrix, ids()),
        composition: (table) => embeddingComposition(table as Matrix, ids()),
      };
    }),
  dropout: fc
    .record({ rows, width, seed, rate: fc.constantFrom(0.1, 0.9) })
    .map(({ rows, width, seed, rate }) => ({
      inputs: [normals(new Random(seed), [rows, width])],
      op: (x) => dropout(x as Matrix, rate, seed),
      composition: (x) => dropoutComposition(x as Matrix, rate, seed),
    })),
} satisfies Record<string, fc.Arbitrary<Sample>>;

/** Runs on the device, and on the CPU backend as its composition. */
async function both<Result>(
  device: TestDevice,
  { op, composition }: Sample,
  run: (op: Op) => Promise<Result>,
): Promise<[Result, Result]> {
  await openDevice('cpu');
  const oracle = await run(composition);
  await device.open();
  return [await run(op), oracle];
}

function withBad({ shape, values }: Plain, place: number, bad: number): Plain {
  const copy = values.slice();
  copy[place % copy.length] = bad;
  return { shape, values: copy };
}

async function outputOf(op: Op, inputs: Plain[]): Promise<Float32Array> {
  const output = tf.tidy(() => op(...inputs.map(({ shape, values }) => tf.tensor(values.slice(), shape))));
  const values = (await output.data<'float32'>()).slice();
  output.dispose();
  return values;
}

describe.each(fastDevices)('on $name, whatever the shape', (device) => {
  beforeAll(() => device.open());

  it.each(Object.entries(samples))('%s is its composition, value and gradient', async (_, sample) => {
    await fc.assert(
      fc.asyncProperty(sample, async (one) => {
        const [ours, oracle] = await both(device, one, (op) => valueAndGradients(op, one.inputs));
        expect(ours.value.shape).toEqual(oracle.value.shape);
        expect(difference(ours.value.values, oracle.value.values)).toBeLessThan(2e-5);
        for (const [i, gradient] of ours.gradients.entries()) {
          expect(difference(gradient.values, oracle.gradients[i]?.values ?? [])).toBeLessThan(1e-4);
        }
      }),
      { numRuns: 15, seed: 20261124 },
    );
  });

  it.each(
    (['linear', 'layerNorm', 'head', 'logProbs', 'embedding', 'dropout'] as const).map(
      (name) => [name, samples[name]] as const,
    ),
  )('%s makes no finite number of NaN or infinity, and the other way round', async (_, sample) => {
    // Not -infinity: as a logit it is a probability of 0, which the composition's product with a one-hot row makes NaN.
    const bad = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY);
    await fc.assert(
      fc.asyncProperty(sample, bad, fc.nat(), async (one, value, place) => {
        const first = one.inputs[0];
        if (!first || first.values.length === 0) return;
        const inputs = [withBad(first, place, value), ...one.inputs.slice(1)];
        const [ours, oracle] = await both(device, one, (op) => outputOf(op, inputs));
        const finite = (values: Float32Array): boolean[] => [...values].map(Number.isFinite);
        expect(finite(ours)).toEqual(finite(oracle));
      }),
      { numRuns: 12, seed: 20261124 },
    );
  });
});

// The composition multiplies what is hidden by 0, and 0 · NaN is NaN: this is the compiled kernel's alone.
describe.each(nativeDevices)('on $name', (device) => {
  beforeAll(() => device.open());

  it('attention carries NaN to its own cell, to no other row, and of queries and keys to no cell before', async () => {
    await fc.assert(
      fc.asyncProperty(samples.attention, fc.nat(), async ({ inputs, op }, place) => {
        const [qkv] = inputs;
        if (!qkv) return;
        const [, columns = 0, triple = 0] = qkv.shape;
        const clean = await outputOf(op, [qkv]);
        const bad = withBad(qkv, place, Number.NaN);
        const values = await outputOf(op, [bad]);
        const cell = Math.floor((place % qkv.values.length) / triple);
        const [row, width] = [Math.floor(cell / columns), triple / 3];
        const own = values.subarray(cell * width, (cell + 1) * width);
        expect(own.some(Number.isNaN)).toBe(true);
        // A value's NaN meets weights of exactly 0 in the same block of queries, and 0 · NaN is NaN.
        const isValue = place % triple >= 2 * width;
        const before = isValue ? row * columns * width : cell * width;
        expect(values.slice(0, before)).toEqual(clean.slice(0, before));
        const after = (row + 1) * columns * width;
        expect(values.slice(after)).toEqual(clean.slice(after));
      }),
      { numRuns: 25, seed: 20261124 },
    );
  });
});
