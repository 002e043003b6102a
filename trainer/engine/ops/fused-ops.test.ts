import { beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { Random } from '../random.ts';
import {
  absentDevices,
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
import { causalAttention, causalAttentionComposition } from './causal-attention.ts';
import { dropout, dropoutComposition } from './dropout.ts';
import { embedding, embeddingComposition } from './embedding.ts';
import { layerNorm, layerNormComposition } from './layer-norm.ts';
import { type LinearOptions, linear, linearComposition } from './linear.ts';
import { tokenEntropy, tokenEntropyComposition } from './token-entropy.ts';
import { tokenLogProbs, tokenLogProbsComposition } from './token-log-probs.ts';

interface Case {
  name: string;
  inputs: Plain[];
  op: Op;
  composition: Op;
  /** float64 reference over the inputs' values, where small enough for central differences */
  reference?: ((...inputs: Float64Array[]) => number[]) | undefined;
}

const random = new Random(20261124);
const integers = (count: number, bound: number): Int32Array =>
  Int32Array.from({ length: count }, () => random.integer(bound));

type LinearArguments = [tf.Tensor, tf.Tensor2D, tf.Tensor1D];

function linearCase(rows: number[], inputs: number, outputs: number, options: LinearOptions = {}): Case {
  const weight = options.transposeWeight ? [outputs, inputs] : [inputs, outputs];
  const shape = { rows: tf.util.sizeFromShape(rows), inputs, outputs };
  return {
    name: `linear [${rows},${inputs}] to ${outputs} ${JSON.stringify(options)}`,
    inputs: [
      normals(random, [...rows, inputs]),
      normals(random, weight, 1 / Math.sqrt(inputs)),
      normals(random, [outputs]),
    ],
    op: (...x) => linear(...(x as LinearArguments), options),
    composition: (...x) => linearComposition(...(x as LinearArguments), options),
    ...(shape.rows * inputs * outputs <= 300 && {
      reference: (x, w, b) => reference.linear(shape, options, x ?? [], w ?? [], b ?? []),
    }),
  };
}

function layerNormCase(rows: number[], width: number, epsilon?: number): Case {
  type Arguments = [tf.Tensor, tf.Tensor1D, tf.Tensor1D];
  return {
    name: `layer norm [${rows},${width}]`,
    inputs: [normals(random, [...rows, width], 3), normals(random, [width]), normals(random, [width])],
    op: (...x) => layerNorm(...(x as Arguments), epsilon),
    composition: (...x) => layerNormComposition(...(x as Arguments), epsilon),
    ...(width < 8 && {
      reference: (x, g, b) => reference.layerNorm(width, epsilon ?? 1e-5, x ?? [], g ?? [], b ?? []),
    }),
  };
}

type Segments = 'none' | 'packed' | 'left' | 'right' | 'mixed';

function segmentsOf(kind: Segments, rows: number, columns: number): Int32Array | null {
  if (kind === 'none') return null;
  const ids = new Int32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const edge = 1 + random.integer(columns);
    let id = 1;
    for (let i = 0; i < columns; i++) {
      if (kind === 'packed' && random.next() < 0.08) id++;
      const mixed = random.integer(3);
      const inside = kind === 'left' ? i >= columns - edge : kind === 'right' ? i < edge : true;
      ids[row * columns + i] = kind === 'mixed' ? mixed : inside ? id : 0;
    }
  }
  return ids;
}

function attentionCase(rows: number, columns: number, heads: number, size: number, kind: Segments): Case {
  const segments = segmentsOf(kind, rows, columns);
  const ids = (): tf.Tensor2D | null => segments && tf.tensor2d(segments, [rows, columns], 'int32');
  const shape = { rows, columns, heads, size };
  return {
    name: `attention B${rows} T${columns} H${heads} S${size}, segments ${kind}`,
    inputs: [normals(random, [rows, columns, 3 * heads * size])],
    op: (qkv) => causalAttention(qkv as tf.Tensor3D, heads, ids()),
    composition: (qkv) => causalAttentionComposition(qkv as tf.Tensor3D, heads, ids()),
    ...(rows * columns * heads * size <= 60 && {
      reference: (qkv) => reference.attention(shape, segments, qkv ?? []),
    }),
  };
}

function tokenCase(rows: number, width: number, temperature: number): Case[] {
  const targets = integers(rows, width);
  const ids = (): tf.Tensor1D => tf.tensor1d(targets, 'int32');
  const small = rows * width <= 60;
  return [
    {
      name: `log-probabilities [${rows},${width}] at temperature ${temperature}`,
      inputs: [normals(random, [rows, width], 4)],
      op: (logits) => tokenLogProbs(logits as tf.Tensor2D, ids(), temperature),
      composition: (logits) => tokenLogProbsComposition(logits as tf.Tensor2D, ids(), temperature),
      ...(small && { reference: (x) => reference.logProbs(width, temperature, targets, x ?? []) }),
    },
    {
      name: `entropy [${rows},${width}] at temperature ${temperature}`,
      inputs: [normals(random, [rows, width], 2)],
      op: (logits) => tokenEntropy(logits as tf.Tensor2D, temperature),
      composition: (logits) => tokenEntropyComposition(logits as tf.Tensor2D, temperature),
      ...(small && { reference: (x) => reference.entropies(width, temperature, x ?? []) }),
    },
  ];
}

function embeddingCase(shape: number[], vocabularySize: number, width: number): Case {
  const ids = integers(tf.util.sizeFromShape(shape), vocabularySize);
  return {
    name: `embedding of [${shape}] from [${vocabularySize},${width}]`,
    inputs: [normals(random, [vocabularySize, width])],
    op: (table) => embedding(table as tf.Tensor2D, tf.tensor(ids, shape, 'int32')),
    composition: (table) => embeddingComposition(table as tf.Tensor2D, tf.tensor(ids, shape, 'int32')),
    reference: (table) =>
      Array.from(ids).flatMap((id) => Array.from(table?.subarray(id * width, (id + 1) * width) ?? [])),
  };
}

const gelu = { activation: 'gelu' } as const;
const tied = { transposeWeight: true } as const;

const cases: Case[] = [
  linearCase([1], 1, 1),
  linearCase([3], 5, 7),
  linearCase([2, 3], 4, 5, gelu),
  linearCase([2], 6, 3, tied),
  linearCase([4], 5, 4, { ...gelu, ...tied }),
  linearCase([5, 13], 17, 65),
  linearCase([29], 300, 33, gelu),
  linearCase([100], 192, 70, tied),
  linearCase([7, 43], 24, 129, { ...gelu, ...tied }),
  linearCase([300], 31, 16),
  layerNormCase([3], 1),
  layerNormCase([2, 3], 5),
  layerNormCase([4], 7, 1e-3),
  layerNormCase([9, 15], 17),
  layerNormCase([131], 192),
  attentionCase(1, 1, 1, 1, 'none'),
  attentionCase(2, 5, 2, 3, 'none'),
  attentionCase(2, 5, 2, 3, 'mixed'),
  attentionCase(1, 9, 1, 5, 'packed'),
  attentionCase(2, 7, 1, 4, 'left'),
  attentionCase(2, 33, 3, 16, 'packed'),
  attentionCase(3, 64, 2, 20, 'right'),
  attentionCase(2, 70, 2, 24, 'left'),
  attentionCase(1, 131, 1, 40, 'none'),
  attentionCase(1, 101, 2, 32, 'mixed'),
  ...tokenCase(1, 2, 1),
  ...tokenCase(7, 5, 0.7),
  ...tokenCase(3, 16, 1),
  ...tokenCase(67, 513, 1.3),
  embeddingCase([3], 2, 1),
  embeddingCase([2, 5], 4, 3),
  embeddingCase([4, 33], 19, 37),
  {
    name: 'dropout',
    inputs: [normals(random, [5, 7, 11])],
    op: (x) => dropout(x ?? tf.scalar(0), 0.3, 12345),
    composition: (x) => dropoutComposition(x ?? tf.scalar(0), 0.3, 12345),
  },
];

const expected = new Map<Case, Awaited<ReturnType<typeof valueAndGradients>>>();

beforeAll(async () => {
  await openDevice('cpu');
  for (const test of cases) expected.set(test, await valueAndGradients(test.composition, test.inputs));
});

describe.each(fastDevices)('$name', (device) => {
  beforeAll(() => device.open());
  it.each(cases)('$name is its composition on the CPU backend, value and gradient', async (test) => {
    const ours = await valueAndGradients(test.op, test.inputs);
    const oracle = expected.get(test);
    expect(ours.value.shape).toEqual(oracle?.value.shape);
    expect(difference(ours.value.values, oracle?.value.values ?? [])).toBeLessThan(2e-5);
    for (const [i, gradient] of ours.gradients.entries()) {
      expect(difference(gradient.values, oracle?.gradients[i]?.values ?? [])).toBeLessThan(5e-5);
    }
  });
});

describe.each(allDevices)('$name', (device) => {
  beforeAll(() => device.open());
  it.each(cases.filter((test) => test.reference))(
    '$name agrees with float64 central differences',
    async (test) => {
      const f = test.reference ?? (() => []);
      const { value, gradients } = await valueAndGradients(test.op, test.inputs, 3);
      const inputs = test.inputs.map(({ values }) => values);
      expect(difference(value.values, f(...inputs.map((x) => Float64Array.from(x))))).toBeLessThan(1e-5);
      const weights = normals(new Random(3), value.shape).values;
      for (const [i, numeric] of reference.centralDifferences(f, inputs, weights).entries()) {
        expect(difference(gradients[i]?.values ?? [], numeric)).toBeLessThan(2e-5);
      }
    },
  );

  it('lets NaN and infinity through instead of hiding them', async () => {
    const results = tf.tidy(() => {
      const bad = tf.tensor2d([Number.NaN, 1, 2, 3, 4, 5], [2, 3]);
      const one = tf.ones<tf.Rank.R1>([3]);
      const qkv = tf.tensor3d([0, 0, Number.NaN, 0, 0, 1], [1, 2, 3]);
      return {
        norm: layerNorm(bad, one, one),
        linear: linear(bad, tf.ones([3, 1]), null, gelu),
        logProbs: tokenLogProbs(bad, tf.tensor1d([1, 1], 'int32')),
        entropy: tokenEntropy(bad),
        attention: causalAttention(qkv, 1, null),
        far: linear(tf.tensor2d([-1e4, -30, 30, 1e4], [4, 1]), tf.ones([1, 1]), null, gelu),
        huge: tokenLogProbs(tf.tensor2d([[1e4, -1e4, 0]]), tf.tensor1d([0], 'int32')),
      };
    });
    const rows = async (y: tf.Tensor): Promise<boolean[]> =>
      [...(await y.data<'float32'>())].map(Number.isNaN);
    expect(await rows(results.norm)).toEqual([true, true, true, false, false, false]);
    expect(await rows(results.linear)).toEqual([true, false]);
    expect(await rows(results.logProbs)).toEqual([true, false]);
    expect(await rows(results.entropy)).toEqual([true, false]);
    expect(await rows(results.attention)).toEqual([true, true]);
    expect(difference(await results.far.data(), [0, 0, 30, 1e4])).toBeLessThan(1e-12);
    expect((await results.huge.data())[0]).toBe(0);
    tf.dispose(results);
  });

  it('takes empty batches', () => {
    tf.tidy(() => {
      expect(linear(tf.zeros([0, 3]), tf.ones([3, 2]), null).shape).toEqual([0, 2]);
      expect(tokenLogProbs(tf.zeros([0, 4]), tf.zeros([0], 'int32')).shape).toEqual([0]);
    });
  });
});

describe.skip.each(absentDevices)('$name, which is not here: $reason', () => {
  it('has the values and gradients of the compositions', () => undefined);
});

describe('wrong shapes', () => {
  it('says what does not fit', () => {
    expect(() => linear(tf.zeros([2, 3]), tf.zeros([4, 5]), null)).toThrow(
      /x \[2,3\].*4 inputs and 5 outputs/,
    );
    expect(() => linear(tf.zeros([2, 3]), tf.zeros([3, 5]), null, { residual: tf.zeros([2, 3]) })).toThrow(
      /residual \[2,3\] does not fit a result of \[2,5\]/,
    );
    expect(() => linear(tf.zeros([2, 3]), tf.zeros([3, 5]), null, { dropout: { rate: 1, seed: 0 } })).toThrow(
      /dropout rate is 1/,
    );
    expect(() => causalAttention(tf.zeros([1, 2, 12]), 3, null)).toThrow(/width of 12.*3 heads/);
    expect(() => causalAttention(tf.zeros([1, 2, 12]), 2, tf.zeros([1, 3], 'int32'))).toThrow(/\[1,3\]/);
    expect(() => tokenLogProbs(tf.zeros([2, 3]), tf.zeros([3], 'int32'))).toThrow(/2 rows.*3 targets/);
    expect(() => dropout(tf.zeros([2]), 1, 0)).toThrow(/dropout rate is 1/);
  });
});
