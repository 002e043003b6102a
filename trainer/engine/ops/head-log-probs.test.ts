import { beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { nativeBackend } from '../native/backend.ts';
import { Random } from '../random.ts';
import { allDevices, difference, normals, type Plain, valueAndGradients } from '../testing/devices.ts';
import * as reference from '../testing/reference.ts';
import { tf } from '../tf.ts';
import { headLogProbs, headLogProbsComposition, measureHead } from './head-log-probs.ts';
import { linear } from './linear.ts';
import { tokenEntropy } from './token-entropy.ts';
import { tokenLogProbs } from './token-log-probs.ts';

const random = new Random(31);

interface HeadCase {
  rows: number;
  width: number;
  vocabulary: number;
  temperature: number;
  /** logits at once */
  chunk: number;
  inputs: Plain[];
  targets: Int32Array;
}

function headCase(
  rows: number,
  width: number,
  vocabulary: number,
  temperature: number,
  chunk: number,
): HeadCase {
  const inputs = [normals(random, [rows, width]), normals(random, [vocabulary, width])];
  const targets = Int32Array.from({ length: rows }, () => random.integer(vocabulary));
  return { rows, width, vocabulary, temperature, chunk, inputs, targets };
}

const cases = [
  headCase(1, 1, 2, 1, 1),
  headCase(5, 3, 4, 1, 1 << 20),
  headCase(5, 3, 4, 0.7, 8),
  headCase(7, 4, 6, 1.3, 6),
  headCase(61, 17, 33, 1, 33 * 20),
  headCase(300, 24, 129, 0.9, 129 * 128),
];

const ids = ({ targets }: HeadCase): tf.Tensor1D => tf.tensor1d(targets, 'int32');
const expected = new Map<HeadCase, Awaited<ReturnType<typeof valueAndGradients>>>();

beforeAll(async () => {
  await openDevice('cpu');
  for (const test of cases) {
    const op = (h: tf.Tensor, t: tf.Tensor): tf.Tensor =>
      headLogProbsComposition(h as tf.Tensor2D, t as tf.Tensor2D, ids(test), test.temperature);
    expected.set(test, await valueAndGradients(op as () => tf.Tensor, test.inputs));
  }
});

describe.each(allDevices)('headLogProbs on $name', (device) => {
  beforeAll(() => device.open());

  it.each(cases)(
    '[$rows,$width] over $vocabulary, $chunk logits at once: is its composition',
    async (test) => {
      const op = (h: tf.Tensor, t: tf.Tensor): tf.Tensor =>
        headLogProbs(h as tf.Tensor2D, t as tf.Tensor2D, ids(test), test.temperature, test.chunk);
      const ours = await valueAndGradients(op as () => tf.Tensor, test.inputs);
      const oracle = expected.get(test);
      expect(difference(ours.value.values, oracle?.value.values ?? [])).toBeLessThan(2e-5);
      for (const [i, gradient] of ours.gradients.entries()) {
        expect(gradient.shape).toEqual(test.inputs[i]?.shape);
        expect(difference(gradient.values, oracle?.gradients[i]?.values ?? [])).toBeLessThan(5e-5);
      }
      if (test.rows * test.vocabulary > 60) return;
      const { rows, width, vocabulary, temperature, targets } = test;
      const shape = { rows, inputs: width, outputs: vocabulary };
      const f = (h?: Float64Array, t?: Float64Array): number[] => {
        const zeros = new Float64Array(vocabulary);
        const logits = reference.linear(shape, { transposeWeight: true }, h ?? [], t ?? [], zeros);
        return reference.logProbs(vocabulary, temperature, targets, logits);
      };
      const weights = normals(new Random(7), [rows]).values;
      const inputs = test.inputs.map(({ values }) => values);
      for (const [i, numeric] of reference.centralDifferences(f, inputs, weights).entries()) {
        expect(difference(ours.gradients[i]?.values ?? [], numeric)).toBeLessThan(3e-5);
      }
    },
  );

  it.each(cases)('[$rows,$width] over $vocabulary: measures as the separate ops do', async (test) => {
    const { measured, logProbs, entropies } = tf.tidy(() => {
      const tensors: tf.Tensor[] = test.inputs.map(({ shape, values }) => tf.tensor(values.slice(), shape));
      const [h, t] = tensors as [tf.Tensor2D, tf.Tensor2D];
      const logits = linear(h, t, null, { transposeWeight: true }) as tf.Tensor2D;
      const measured = measureHead(h, t, ids(test), test.temperature, test.chunk);
      const logProbs = tokenLogProbs(logits, ids(test), test.temperature);
      return { measured, logProbs, entropies: tokenEntropy(logits, test.temperature) };
    });
    expect(difference(await measured.logProbs.data(), await logProbs.data())).toBeLessThan(2e-6);
    expect(difference(await measured.entropies.data(), await entropies.data())).toBeLessThan(2e-6);
    tf.dispose([measured.logProbs, measured.entropies, logProbs, entropies]);
  });

  it('takes no rows at all, and says what does not fit', () => {
    tf.tidy(() => {
      const none = headLogProbs(tf.zeros([0, 3]), tf.ones([4, 3]), tf.tensor1d([], 'int32'));
      expect(none.shape).toEqual([0]);
      expect(
        measureHead(tf.zeros([0, 3]), tf.ones([4, 3]), tf.tensor1d([], 'int32')).entropies.shape,
      ).toEqual([0]);
      expect(() => headLogProbs(tf.zeros([2, 3]), tf.ones([4, 2]), tf.zeros([2], 'int32'))).toThrow(
        'hidden states [2,3], a table [4,2] and 2 targets do not fit',
      );
    });
  });

  it('lets NaN through, in its own row alone', async () => {
    const output = tf.tidy(() =>
      headLogProbs(tf.tensor2d([[Number.NaN], [1]]), tf.ones([3, 1]), tf.zeros([2], 'int32')),
    );
    const values = await output.data();
    output.dispose();
    expect(values[0]).toBeNaN();
    expect(values[1]).toBeCloseTo(Math.log(1 / 3), 6);
  });
});

describe.runIf(allDevices.some(({ name }) => name.startsWith('native')))('headLogProbs on native', () => {
  beforeAll(async () => {
    await openDevice('native');
  });

  it('gives the same bits whatever is kept or made again', async () => {
    const [rows, width, vocabulary] = [256, 16, 50];
    const inputs = [normals(random, [rows, width]), normals(random, [vocabulary, width])];
    const targets = Int32Array.from({ length: rows }, () => random.integer(vocabulary));
    const run = async (chunk: number): Promise<Float32Array[]> => {
      const op = (h: tf.Tensor, t: tf.Tensor): tf.Tensor =>
        headLogProbs(h as tf.Tensor2D, t as tf.Tensor2D, tf.tensor1d(targets, 'int32'), 1, chunk);
      const { value, gradients } = await valueAndGradients(op as () => tf.Tensor, inputs);
      return [value.values, gradients[0]?.values ?? new Float32Array(0)];
    };
    expect(await run(128 * vocabulary)).toEqual(await run(rows * vocabulary));
  });

  it('needs memory for a chunk of logits, not for all', () => {
    const native = nativeBackend();
    native?.pool.clear();
    const [rows, vocabulary] = [8192, 1000];
    const loss = (h: tf.Tensor): tf.Scalar =>
      headLogProbs(h as tf.Tensor2D, tf.ones([vocabulary, 8]), tf.zeros([rows], 'int32')).sum();
    tf.tidy(() =>
      tf
        .grad(loss)(tf.ones([rows, 8]))
        .dataSync(),
    );
    // All logits would be 33 MB, and as much again for their gradient.
    expect(native?.pool.heldBytes ?? 0).toBeGreaterThan(4e6);
    expect(native?.pool.heldBytes ?? 0).toBeLessThan(12e6);
  });

  it('names the row whose target is not in the vocabulary', () => {
    tf.tidy(() => {
      const targets = tf.tensor1d([...new Array(200).fill(0), 7], 'int32');
      expect(() => headLogProbs(tf.ones([201, 2]), tf.ones([7, 2]), targets, 1, 7)).toThrow(
        'Target token 7 of row 200 is not in the vocabulary of 7.',
      );
    });
  });
});
