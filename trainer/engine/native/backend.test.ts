import { beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { disposeGradients, valueAndGradients } from '../gradients.ts';
import { AdamW } from '../ops/adamw.ts';
import { causalAttention } from '../ops/causal-attention.ts';
import { embedding } from '../ops/embedding.ts';
import { layerNorm } from '../ops/layer-norm.ts';
import { linear } from '../ops/linear.ts';
import { tokenLogProbs } from '../ops/token-log-probs.ts';
import { Random } from '../random.ts';
import { difference, normals } from '../testing/devices.ts';
import { tf } from '../tf.ts';
import { loadAddon } from './addon.ts';
import { type NativeBackend, nativeBackend } from './backend.ts';
import { BufferPool } from './buffer-pool.ts';

const present = 'addon' in loadAddon();

function current(): NativeBackend {
  const backend = nativeBackend();
  if (!backend) throw new Error('the native backend is not open');
  return backend;
}

describe('BufferPool', () => {
  it('gives an array again only after it was given back, in the length asked for', () => {
    const pool = new BufferPool();
    const a = pool.take(1000);
    const b = pool.take(1000);
    expect(a.buffer).not.toBe(b.buffer);
    pool.give(a);
    const c = pool.take(990);
    expect(c.buffer).toBe(a.buffer);
    expect(c.length).toBe(990);
    expect(pool.take(1000).buffer).not.toBe(a.buffer);
  });

  it('wastes at most a quarter, whatever the length', () => {
    const pool = new BufferPool();
    for (const length of [0, 1, 64, 65, 127, 128, 129, 1000, 12345, 262_145]) {
      const array = pool.take(length);
      expect(array.length).toBe(length);
      expect(array.buffer.byteLength / 4).toBeLessThanOrEqual(Math.max(64, length * 1.25));
    }
  });
});

describe.runIf(present)('the native backend', () => {
  beforeAll(async () => {
    await openDevice('native');
  });

  it('reuses the arrays of disposed outputs', () => {
    const x = tf.tensor1d(new Float32Array(5000).fill(1));
    const first = x.add(1);
    const held = current().floats(first).buffer;
    first.dispose();
    const second = x.mul(3);
    expect(current().floats(second).buffer).toBe(held);
    expect(second.dataSync()[4999]).toBe(3);
    tf.dispose([x, second]);
  });

  it('never reuses an array that a stock kernel may share: a contiguous slice stays what it was', () => {
    const x = tf.tensor2d(new Float32Array(6000).fill(2), [60, 100]);
    const sum = x.add(1);
    const slice = sum.slice([10, 0], [20, 100]);
    sum.dispose();
    // These would overwrite the slice if the sum's array had gone back to the pool.
    const others = Array.from({ length: 4 }, (_, i) => x.mul(i + 100));
    expect([...new Set(slice.dataSync())]).toEqual([3]);
    tf.dispose([x, slice, ...others]);
  });

  it('never reuses an array that the user has read', () => {
    const x = tf.tensor1d(new Float32Array(3000).fill(2));
    const square = x.mul(x);
    const read = square.dataSync();
    square.dispose();
    const others = Array.from({ length: 4 }, () => x.add(5));
    expect([...new Set(read)]).toEqual([4]);
    tf.dispose([x, ...others]);
  });

  it('never reuses an array that the user gave', () => {
    const own = new Float32Array(3000).fill(7);
    const x = tf.tensor1d(own);
    x.dispose();
    const y = tf.tensor1d(new Float32Array(3000));
    const others = Array.from({ length: 4 }, () => y.add(5));
    expect([...new Set(own)]).toEqual([7]);
    tf.dispose([y, ...others]);
  });

  it('keeps data alive through reshapes and clones until the last is disposed', () => {
    const x = tf.tensor1d(new Float32Array(2048).fill(1));
    const y = x.add(1);
    const reshaped = y.reshape([2, 1024]);
    const cloned = reshaped.clone();
    y.dispose();
    reshaped.dispose();
    const others = Array.from({ length: 3 }, () => x.add(9));
    expect([...new Set(cloned.dataSync())]).toEqual([2]);
    tf.dispose([x, cloned, ...others]);
  });

  it('agrees with the CPU backend on arithmetic, broadcasts, sums and products of matrices', async () => {
    const random = new Random(21);
    const a = normals(random, [3, 5, 7]);
    const b = normals(random, [3, 7, 4]);
    const compute = (): number[][] => {
      const results = tf.tidy(() => {
        const x = tf.tensor3d(a.values.slice(), [3, 5, 7]);
        const y = tf.tensor3d(b.values.slice(), [3, 7, 4]);
        const row = x.slice([0, 0, 0], [1, 1, 7]);
        const one = tf.tensor1d([2.5]);
        return [
          ...[x.add(x), x.sub(row), x.mul(one), one.sub(x), one.div(x), x.div(row), x.mul(tf.scalar(3))],
          ...[x.sum(), x.sum(1), x.sum([0, 1, 2], true), tf.addN([x, x, x]), x.toInt().toFloat()],
          ...[tf.matMul(x, y), tf.matMul(y, x, true, true), tf.matMul(x, row.reshape([7, 1]))],
          ...[
            x.mean(-1),
            x.max(1),
            x.transpose([2, 0, 1]),
            tf.softmax(x),
            x.expandDims(1),
            tf.concat([x, x], 2),
          ],
        ];
      });
      return results.map((tensor) => {
        const values = [...tensor.shape, ...tensor.dataSync()];
        tensor.dispose();
        return values;
      });
    };
    const ours = compute();
    await openDevice('cpu');
    const stock = compute();
    await openDevice('native');
    for (const [i, values] of stock.entries()) expect(difference(ours[i] ?? [], values)).toBeLessThan(1e-6);
  });

  it('refuses the product of a matrix and a vector, as the CPU backend does', () => {
    const vector = tf.tensor1d([2, 3]);
    const matrix = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    for (const [a, b] of [
      [matrix, vector],
      [vector, matrix],
      [vector, vector],
    ] as const) {
      expect(() => tf.matMul(a, b)).toThrow(/inner shapes|NaN elements/);
    }
    tf.dispose([vector, matrix]);
  });

  it('hands out values in a buffer of their own length, whose bytes are the tensor', async () => {
    const x = tf.tensor1d(new Float32Array(300).fill(1));
    const sum = x.add(1);
    const slice = sum.slice(5, 3);
    for (const [tensor, length] of [
      [sum, 300],
      [slice, 3],
    ] as const) {
      const bytes = await tensor.bytes();
      if (!(bytes instanceof Uint8Array)) throw new Error('the bytes of a tensor of numbers are one array');
      expect([...new Float32Array(bytes.slice().buffer)]).toEqual(new Array(length).fill(2));
    }
    sum.dispose();
    const others = Array.from({ length: 4 }, () => x.add(5));
    expect([...slice.dataSync()]).toEqual([2, 2, 2]);
    tf.dispose([x, slice, ...others]);
  });

  it('reads numbers that were cast from int32 or bool', () => {
    tf.tidy(() => {
      const whole = tf.tensor2d([1, 2, 3, 4], [2, 2], 'int32');
      const ones = tf.ones([2, 2]) as tf.Tensor2D;
      expect([...linear(whole.toFloat(), ones, null).dataSync()]).toEqual([3, 3, 7, 7]);
      const flags = tf.tensor1d([true, false, true], 'bool');
      expect([...flags.toFloat().add(1).dataSync()]).toEqual([2, 1, 2]);
      expect([...embedding(ones, flags.toInt()).sum(1).dataSync()]).toEqual([2, 2, 2]);
      expect(whole.toFloat().dataSync()).toBeInstanceOf(Float32Array);
      expect([...whole.dataSync()]).toEqual([1, 2, 3, 4]);
    });
  });

  it('says which token is not in the vocabulary', () => {
    tf.tidy(() => {
      const table = tf.zeros([4, 3]) as tf.Tensor2D;
      expect(() => embedding(table, tf.tensor1d([0, 3, 4], 'int32'))).toThrow(
        'Token 4 (cell 2 of the batch) is not in the embedding, which has 4 rows.',
      );
      expect(() => tokenLogProbs(table, tf.tensor1d([0, 0, -1, 0], 'int32'))).toThrow(
        'Target token -1 of row 2 is not in the vocabulary of 3.',
      );
    });
  });
});

/** Losses and final weights of a few steps of a model of one layer. */
async function train(steps: number): Promise<{ losses: number[]; weights: Float32Array[] }> {
  const [vocabulary, width, rows, columns] = [31, 24, 6, 37];
  const random = new Random(77);
  const made: [string, number[], number][] = [
    ['table', [vocabulary, width], 0.5],
    ['gain', [width], 1],
    ['bias', [width], 0.1],
    ['qkv', [width, 3 * width], 0.2],
    ['qkvBias', [3 * width], 0.1],
    ['up', [width, 4 * width], 0.2],
    ['down', [4 * width, width], 0.1],
  ];
  const parameters = new Map<string, tf.Variable>();
  for (const [name, shape, scale] of made) {
    const initial = tf.tensor(normals(random, shape, scale).values, shape);
    parameters.set(name, tf.variable(initial));
    initial.dispose();
  }
  const get = <T extends tf.Tensor>(name: string): T => parameters.get(name) as unknown as T;
  const ids = Int32Array.from({ length: rows * columns }, () => random.integer(vocabulary));
  const segments = Int32Array.from({ length: rows * columns }, (_, i) => 1 + Math.floor((i % columns) / 15));
  const optimizer = new AdamW({ weightDecay: 0.01 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { value, gradients } = await valueAndGradients(parameters, () =>
      tf.tidy(() => {
        const x = embedding(get('table'), tf.tensor2d(ids, [rows, columns], 'int32'));
        const n = layerNorm(x, get('gain'), get('bias'));
        const qkv = linear(n, get('qkv'), get('qkvBias')) as tf.Tensor3D;
        const ids2 = tf.tensor2d(segments, [rows, columns], 'int32');
        const h = x.add(causalAttention(qkv, 4, ids2));
        const f = linear(linear(h, get('up'), null, { activation: 'gelu' }), get('down'), null);
        const logits = linear(h.add(f), get('table'), null, { transposeWeight: true });
        const flat = logits.reshape([rows * columns, vocabulary]) as tf.Tensor2D;
        return tokenLogProbs(
          flat,
          tf.tensor1d(
            ids.map((id) => (id + 1) % vocabulary),
            'int32',
          ),
        )
          .mean<tf.Scalar>()
          .neg<tf.Scalar>();
      }),
    );
    losses.push(value);
    optimizer.step(parameters, gradients, 0.01);
    disposeGradients(gradients);
  }
  const weights = [...parameters.values()].map((variable) => variable.dataSync<'float32'>().slice());
  for (const variable of parameters.values()) variable.dispose();
  optimizer.dispose();
  return { losses, weights };
}

describe.runIf(present)('a training on the native backend', () => {
  it('gives the same bits every time, with one thread or three', async () => {
    await openDevice('native', { threads: 3 });
    const first = await train(6);
    expect(await train(6)).toEqual(first);
    await openDevice('native', { threads: 1 });
    expect(await train(6)).toEqual(first);
    expect(first.losses[5]).toBeLessThan((first.losses[0] ?? 0) - 0.5);
  });

  it('follows the loss of the CPU backend', async () => {
    await openDevice('native', { threads: 2 });
    const { losses } = await train(8);
    await openDevice('cpu');
    expect(difference(losses, (await train(8)).losses)).toBeLessThan(1e-4);
  });

  it('leaves no tensor behind and stops asking for memory after the first steps', async () => {
    await openDevice('native', { threads: 2 });
    await train(2);
    const before = { tensors: tf.memory().numTensors, held: current().pool.heldBytes };
    await train(40);
    expect(tf.memory().numTensors).toBe(before.tensors);
    expect(current().pool.heldBytes).toBeLessThanOrEqual(before.held * 1.05);
  });
});
