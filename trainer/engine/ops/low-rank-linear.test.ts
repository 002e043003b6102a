import { beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { Random } from '../random.ts';
import { allDevices, difference, normals, type Plain, valueAndGradients } from '../testing/devices.ts';
import { gelu, linear as linearInFloat64 } from '../testing/reference.ts';
import { tf } from '../tf.ts';
import { type LinearOptions, linear } from './linear.ts';
import { type LowRank, lowRankLinear, lowRankLinearComposition } from './low-rank-linear.ts';

interface Case {
  name: string;
  rows: number[];
  inputs: number;
  outputs: number;
  rank: number;
  options: LinearOptions;
  dropout?: LowRank['dropout'];
  residual?: boolean;
}

const cases: Case[] = [
  { name: 'plain', rows: [3], inputs: 4, outputs: 5, rank: 2, options: {} },
  { name: 'GELU', rows: [2, 3], inputs: 5, outputs: 4, rank: 1, options: { activation: 'gelu' } },
  { name: '[out, in]', rows: [6], inputs: 3, outputs: 7, rank: 3, options: { transposeWeight: true } },
  {
    name: 'dropout before A',
    rows: [9],
    inputs: 17,
    outputs: 20,
    rank: 4,
    options: {},
    dropout: { rate: 0.4, seed: 7 },
  },
  {
    name: 'everything',
    rows: [2, 9],
    inputs: 33,
    outputs: 21,
    rank: 4,
    options: { activation: 'gelu', transposeWeight: true, dropout: { rate: 0.2, seed: 3 } },
    dropout: { rate: 0.1, seed: 11 },
    residual: true,
  },
  {
    name: 'a residual',
    rows: [3, 8],
    inputs: 32,
    outputs: 24,
    rank: 8,
    options: { dropout: { rate: 0.1, seed: 5 } },
    residual: true,
  },
];
const SCALE = 1.7;

function inputsOf({ rows, inputs, outputs, rank, options, residual }: Case): Plain[] {
  const random = new Random(3);
  return [
    normals(random, [...rows, inputs]),
    normals(random, [rank, inputs], 1 / Math.sqrt(inputs)),
    normals(random, [outputs, rank]),
    ...(residual ? [normals(random, [...rows, outputs])] : []),
    normals(random, options.transposeWeight ? [outputs, inputs] : [inputs, outputs], 1 / Math.sqrt(inputs)),
    normals(random, [outputs]),
  ];
}

/** The op over what gradients flow into; weight and bias are constants. */
function over(test: Case, f: typeof lowRankLinear) {
  const all = inputsOf(test);
  const learned = all.slice(0, -2);
  const [weight, bias] = all.slice(-2);
  const op = (...x: tf.Tensor[]): tf.Tensor =>
    f(
      x[0] as tf.Tensor,
      tf.tensor2d(weight?.values ?? [], weight?.shape as [number, number]),
      tf.tensor1d(bias?.values ?? []),
      { a: x[1] as tf.Tensor2D, b: x[2] as tf.Tensor2D, scale: SCALE, dropout: test.dropout },
      { ...test.options, residual: x[3] },
    );
  return { op, learned };
}

describe.each(allDevices)('lowRankLinear on $name', (device) => {
  beforeAll(() => device.open());

  it.each(cases)('is its composition, value and gradients: $name', async (test) => {
    const { op, learned } = over(test, lowRankLinear);
    const found = await valueAndGradients(op, learned);
    const wanted = await valueAndGradients(over(test, lowRankLinearComposition).op, learned);
    expect(found.value.shape).toEqual([...test.rows, test.outputs]);
    expect(difference(found.value.values, wanted.value.values)).toBeLessThan(3e-6);
    for (const [i, gradient] of found.gradients.entries()) {
      expect(gradient.shape).toEqual(learned[i]?.shape);
      expect(difference(gradient.values, wanted.gradients[i]?.values ?? [])).toBeLessThan(3e-6);
    }
  });

  it('with B = 0 gives the bits of linear', async () => {
    for (const test of cases) {
      const [x, a, b] = inputsOf(test).map(({ shape, values }) => tf.tensor(values, shape));
      const [weight, bias] = inputsOf(test)
        .slice(-2)
        .map(({ shape, values }) => tf.tensor(values, shape));
      const change = { a: a as tf.Tensor2D, b: tf.zerosLike(b as tf.Tensor2D), scale: SCALE };
      const [w, c] = [weight as tf.Tensor2D, bias as tf.Tensor1D];
      const adapted = lowRankLinear(x as tf.Tensor, w, c, change, test.options);
      const plain = linear(x as tf.Tensor, w, c, test.options);
      expect(difference(await adapted.data(), await plain.data())).toBeLessThan(
        device.name.startsWith('native') ? Number.MIN_VALUE : 1e-6,
      );
    }
    tf.disposeVariables();
  });
});

describe('lowRankLinear', () => {
  beforeAll(() => openDevice('auto'));

  it.each(cases.slice(0, 3))('has the gradients of central differences in float64: $name', async (test) => {
    const { op, learned } = over(test, lowRankLinear);
    const { gradients } = await valueAndGradients(op, learned, 7);
    const [weight, bias] = inputsOf(test).slice(-2);
    const rows = tf.util.sizeFromShape(test.rows);
    const { inputs, outputs, rank } = test;
    const weights = normals(new Random(7), [rows * outputs]).values;
    const loss = (x: Float64Array, a: Float64Array, b: Float64Array): number => {
      const narrow = linearInFloat64({ rows, inputs, outputs: rank }, tied, x, a, new Float64Array(rank));
      const change = linearInFloat64(
        { rows, inputs: rank, outputs },
        tied,
        narrow,
        b,
        new Float64Array(outputs),
      );
      const shape = { rows, inputs, outputs };
      const { transposeWeight } = test.options;
      const y = linearInFloat64(shape, { transposeWeight }, x, weight?.values ?? [], bias?.values ?? []);
      return y.reduce((sum, value, i) => {
        const whole = value + SCALE * (change[i] ?? 0);
        return sum + (weights[i] ?? 0) * (test.options.activation === 'gelu' ? gelu(whole) : whole);
      }, 0);
    };
    const plain = learned.map(({ values }) => Float64Array.from(values));
    for (const [input, gradient] of gradients.entries()) {
      for (const [i, found] of gradient.values.entries()) {
        const at = (step: number): number => {
          const [x, a, b] = plain.map((values, index) =>
            index === input ? values.map((value, place) => (place === i ? value + step : value)) : values,
          );
          return loss(x ?? new Float64Array(), a ?? new Float64Array(), b ?? new Float64Array());
        };
        expect(found).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 4);
      }
    }
  });

  it('refuses factors that do not fit the weight', () => {
    const x = tf.ones([2, 3]);
    const change = { a: tf.ones([2, 3]) as tf.Tensor2D, b: tf.ones([5, 2]) as tf.Tensor2D, scale: 1 };
    expect(() => lowRankLinear(x, tf.ones([3, 4]), null, change)).toThrow(
      'lowRankLinear: x [2,3], a weight [3,4], A [2,3] and B [5,2] do not fit.',
    );
  });
});

const tied = { transposeWeight: true };
