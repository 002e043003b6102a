import { beforeAll, describe, expect, it } from 'vitest';
import { accumulateGradients, disposeGradients, valueAndGradients } from '../gradients.ts';
import { Random } from '../random.ts';
import { allDevices, difference, normals } from '../testing/devices.ts';
import { tf } from '../tf.ts';
import { AdamW, type AdamWOptions, clipByGlobalNorm, globalNorm } from './adamw.ts';

/** AdamW for one parameter over float64, as the paper's algorithm 2 states it. */
function reference(
  start: Float32Array,
  gradients: Float32Array[],
  learningRate: number,
  o: Required<Pick<AdamWOptions, 'beta1' | 'beta2' | 'epsilon' | 'weightDecay' | 'epsilonForm'>>,
): Float64Array {
  const x = Float64Array.from(start);
  const m = new Float64Array(x.length);
  const v = new Float64Array(x.length);
  for (const [t, g] of gradients.entries()) {
    const [c1, c2] = [1 - o.beta1 ** (t + 1), 1 - o.beta2 ** (t + 1)];
    for (let i = 0; i < x.length; i++) {
      const gi = g[i] ?? 0;
      const mi = o.beta1 * (m[i] ?? 0) + (1 - o.beta1) * gi;
      const vi = o.beta2 * (v[i] ?? 0) + (1 - o.beta2) * gi * gi;
      m[i] = mi;
      v[i] = vi;
      const update =
        o.epsilonForm === 'tensorflow'
          ? ((Math.sqrt(c2) / c1) * mi) / (Math.sqrt(vi) + o.epsilon)
          : mi / c1 / (Math.sqrt(vi / c2) + o.epsilon);
      x[i] = (x[i] ?? 0) * (1 - learningRate * o.weightDecay) - learningRate * update;
    }
  }
  return x;
}

function setUp(shapes: Record<string, number[]>, seed: number) {
  const random = new Random(seed);
  const parameters = new Map<string, tf.Variable>();
  const start = new Map<string, Float32Array>();
  for (const [name, shape] of Object.entries(shapes)) {
    const { values } = normals(random, shape);
    start.set(name, values.slice());
    const initial = tf.tensor(values, shape);
    parameters.set(name, tf.variable(initial));
    initial.dispose();
  }
  const gradients = (): Map<string, tf.Tensor> =>
    new Map(
      Object.entries(shapes).map(([name, shape]) => [name, tf.tensor(normals(random, shape).values, shape)]),
    );
  const dispose = (): void => {
    for (const variable of parameters.values()) variable.dispose();
  };
  return { parameters, start, gradients, dispose };
}

describe.each(allDevices)('AdamW on $name', (device) => {
  beforeAll(() => device.open());

  it.each([
    { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, epsilonForm: 'pytorch' as const },
    { beta1: 0.8, beta2: 0.95, epsilon: 1e-2, weightDecay: 0, epsilonForm: 'tensorflow' as const },
  ])('takes the steps of a float64 reference, $epsilonForm epsilon', async (options) => {
    const before = tf.memory().numTensors;
    const { parameters, start, gradients, dispose } = setUp({ 'w.weight': [37, 9], 'w.bias': [5] }, 3);
    const optimizer = new AdamW({ ...options, decay: (name) => name.endsWith('weight') });
    const seen = new Map<string, Float32Array[]>([...parameters.keys()].map((name) => [name, []]));
    for (let step = 0; step < 12; step++) {
      const g = gradients();
      for (const [name, tensor] of g) seen.get(name)?.push((await tensor.data<'float32'>()).slice());
      optimizer.step(parameters, g, 0.05);
      disposeGradients(g);
    }
    for (const [name, variable] of parameters) {
      const weightDecay = name.endsWith('weight') ? options.weightDecay : 0;
      const wanted = reference(start.get(name) ?? new Float32Array(0), seen.get(name) ?? [], 0.05, {
        ...options,
        weightDecay,
      });
      expect(difference(await variable.data(), wanted)).toBeLessThan(3e-6);
    }
    optimizer.dispose();
    dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('changes nothing that somebody else holds: a clone, an array that was read, the array it was made from', async () => {
    const own = Float32Array.of(1, 2, 3);
    const initial = tf.tensor1d(own);
    const variable = tf.variable(initial);
    const clone = variable.clone();
    const read = await variable.data<'float32'>();
    const optimizer = new AdamW();
    const gradients = new Map<string, tf.Tensor>([['x', tf.tensor1d([1, 1, 1])]]);
    for (let step = 0; step < 3; step++) optimizer.step(new Map([['x', variable]]), gradients, 0.1);
    const between = await variable.data<'float32'>();
    const kept = between.slice();
    optimizer.step(new Map([['x', variable]]), gradients, 0.1);
    expect([...own]).toEqual([1, 2, 3]);
    expect([...(await initial.data())]).toEqual([1, 2, 3]);
    expect([...(await clone.data())]).toEqual([1, 2, 3]);
    expect([...read]).toEqual([1, 2, 3]);
    expect([...between]).toEqual([...kept]);
    expect(difference(await variable.data(), [0.6, 1.6, 2.6])).toBeLessThan(1e-6);
    tf.dispose([initial, variable, clone]);
    disposeGradients(gradients);
    optimizer.dispose();
  });

  it('goes on from a saved state bit for bit, and the saved state stays what it was', async () => {
    const { parameters, start, gradients, dispose } = setUp({ a: [4, 3] }, 9);
    const steps = Array.from({ length: 6 }, gradients);
    const optimizer = new AdamW({ weightDecay: 0.01 });
    for (const g of steps.slice(0, 3)) optimizer.step(parameters, g, 0.1);
    const state = await optimizer.state();
    const weights = (await parameters.get('a')?.data<'float32'>())?.slice() ?? new Float32Array(0);
    for (const g of steps.slice(3)) optimizer.step(parameters, g, 0.1);
    const end = (await parameters.get('a')?.data<'float32'>())?.slice();
    expect(start.get('a')).not.toEqual(end);

    const resumed = new AdamW({ weightDecay: 0.01 });
    resumed.restore(state, parameters);
    expect(resumed.stepCount).toBe(3);
    const again = tf.tensor2d(weights, [4, 3]);
    parameters.get('a')?.assign(again);
    again.dispose();
    for (const g of steps.slice(3)) resumed.step(parameters, g, 0.1);
    expect((await parameters.get('a')?.data<'float32'>())?.slice()).toEqual(end);
    expect(() =>
      resumed.restore(
        { ...state, moments: new Map([['b', { first: weights, second: weights }]]) },
        parameters,
      ),
    ).toThrow(/"b"/);
    for (const g of steps) disposeGradients(g);
    optimizer.dispose();
    resumed.dispose();
    dispose();
  });

  it('clips to the global norm, and only then', async () => {
    const gradients = new Map<string, tf.Tensor>([
      ['a', tf.tensor1d([3, 0])],
      ['b', tf.tensor2d([[0], [4]])],
    ]);
    expect(await globalNorm(gradients)).toBeCloseTo(5, 6);
    expect(await clipByGlobalNorm(gradients, 10)).toBeCloseTo(5, 6);
    expect([...((await gradients.get('b')?.data()) ?? [])]).toEqual([0, 4]);
    expect(await clipByGlobalNorm(gradients, 1)).toBeCloseTo(5, 6);
    expect(difference((await gradients.get('b')?.data()) ?? [], [0, 0.8])).toBeLessThan(1e-6);
    expect(await globalNorm(gradients)).toBeCloseTo(1, 6);
    await expect(clipByGlobalNorm(gradients, 0)).rejects.toThrow(/expected above 0/);
    disposeGradients(gradients);
  });

  it('clips and accumulates without changing what somebody else holds', async () => {
    const shared = tf.tidy(() => tf.tensor1d([3, 0, 4]).mul(tf.ones([3])));
    const alias = shared.clone();
    const gradients = new Map([['a', shared]]);
    await clipByGlobalNorm(gradients, 1);
    expect(difference((await gradients.get('a')?.data()) ?? [], [0.6, 0, 0.8])).toBeLessThan(1e-6);
    expect([...(await alias.data())]).toEqual([3, 0, 4]);
    const more = new Map([['a', tf.tidy(() => tf.tensor1d([1, 1, 1]).mul(tf.ones([3])))]]);
    const own = new Map([['a', tf.tidy(() => alias.mul(tf.ones([3])))]]);
    accumulateGradients(own, more);
    expect([...((await own.get('a')?.data()) ?? [])]).toEqual([4, 1, 5]);
    expect([...(await alias.data())]).toEqual([3, 0, 4]);
    tf.dispose(alias);
    for (const map of [gradients, own]) disposeGradients(map);
  });

  it('gives gradients by the names of the map, and adds up micro-batches', async () => {
    const before = tf.memory().numTensors;
    const parameters = new Map([
      ['used', tf.variable(tf.tensor1d([2, 3]), true)],
      ['idle', tf.variable(tf.tensor1d([1]), true)],
    ]);
    const used = parameters.get('used') as tf.Variable<tf.Rank.R1>;
    const one = await valueAndGradients(parameters, () => used.square().sum());
    expect(one.value).toBeCloseTo(13, 6);
    expect([...one.gradients.keys()]).toEqual(['used']);
    const two = await valueAndGradients(parameters, () => used.sum());
    accumulateGradients(one.gradients, two.gradients);
    expect([...((await one.gradients.get('used')?.data()) ?? [])]).toEqual([5, 7]);
    disposeGradients(one.gradients);
    for (const variable of parameters.values()) variable.dispose();
    // The two tensors that the variables were made from.
    expect(tf.memory().numTensors).toBe(before + 2);
  });

  it('names a gradient without a parameter, or of another shape', () => {
    const optimizer = new AdamW();
    const x = tf.variable(tf.tensor1d([1]));
    const wrong = tf.tensor1d([1, 2]);
    expect(() => optimizer.step(new Map(), new Map([['y', wrong]]), 1)).toThrow(/"y" but no such parameter/);
    expect(() => optimizer.step(new Map([['x', x]]), new Map([['x', wrong]]), 1)).toThrow(
      /shape \[2\].*\[1\]/,
    );
    tf.dispose([x, wrong]);
  });
});
