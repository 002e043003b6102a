import { beforeAll, describe, expect, it } from 'vitest';
import { dropout } from './ops/dropout.ts';
import { layerNorm } from './ops/layer-norm.ts';
import { linear } from './ops/linear.ts';
import { Random } from './random.ts';
import { variableGradients } from './tape.ts';
import { allDevices, normals } from './testing/devices.ts';
import { tf } from './tf.ts';

function variables(shapes: number[][]): tf.Variable[] {
  const random = new Random(5);
  return shapes.map((shape) => tf.tidy(() => tf.variable(tf.tensor(normals(random, shape).values, shape))));
}

describe.each(allDevices)('variableGradients on $name', (device) => {
  beforeAll(() => device.open());

  /** Reused tensors, an input used twice by one op, broadcasts, an op with several outputs, an unused result. */
  const loss = (x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D, gain: tf.Tensor1D): tf.Scalar => {
    const h = layerNorm(linear(x, w, b, { activation: 'gelu' }), gain, b);
    const twice = h.add(h).mul(h);
    const [left, right] = tf.split(twice, 2, 1);
    tf.exp(twice);
    const mixed = left?.mul(right ?? x).add(dropout(h.slice([0, 0], [-1, 2]), 0.3, 1)) ?? x;
    return mixed.square().sum().add(x.sum()).div(x.size).asScalar();
  };

  it('gives the bits of tfjs, and leaves no tensor behind', async () => {
    const [x, w, b, gain, idle] = variables([[5, 3], [3, 4], [4], [4], [2]]) as [
      tf.Variable<tf.Rank.R2>,
      tf.Variable<tf.Rank.R2>,
      tf.Variable<tf.Rank.R1>,
      tf.Variable<tf.Rank.R1>,
      tf.Variable,
    ];
    const all = [x, w, b, gain, idle];
    const before = tf.memory().numTensors;
    const read = async ({ value, grads }: { value: tf.Scalar; grads: Record<string, tf.Tensor> }) => {
      const numbers: (ArrayLike<number> | null)[] = [];
      for (const variable of all) numbers.push((await grads[variable.name]?.data())?.slice() ?? null);
      const result = { value: (await value.data())[0], numbers };
      tf.dispose([value, grads]);
      return result;
    };
    const ours = await read(variableGradients(() => loss(x, w, b, gain), all));
    expect(tf.memory().numTensors).toBe(before);
    const theirs = await read(tf.variableGrads(() => loss(x, w, b, gain), all));
    expect(ours).toEqual(theirs);
    expect(ours.numbers.map((numbers) => numbers?.length)).toEqual([15, 12, 4, 4, undefined]);
    tf.dispose(all);
  });

  it('frees everything when the loss throws, and refuses what is no loss', () => {
    const [x] = variables([[4, 4]]) as [tf.Variable<tf.Rank.R2>];
    const before = tf.memory().numTensors;
    const failing = (): tf.Scalar => {
      x.square().add(layerNorm(x, tf.ones([4]), tf.zeros([4])));
      throw new Error('halfway');
    };
    expect(() => variableGradients(failing, [x])).toThrow('halfway');
    expect(() => variableGradients(() => x.square() as unknown as tf.Scalar, [x])).toThrow(
      /expected a scalar/,
    );
    expect(() => variableGradients(() => tf.scalar(1).square(), [x])).toThrow(/none of the parameters/);
    x.dispose();
    expect(tf.memory().numTensors).toBeLessThan(before + 2);
  });
});
