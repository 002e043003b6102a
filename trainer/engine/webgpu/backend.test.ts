import { beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { Random } from '../random.ts';
import { absentDevices, difference, normals } from '../testing/devices.ts';
import { tf } from '../tf.ts';
import { WebGpuBackend } from './backend.ts';
import { GpuBufferPool } from './buffer-pool.ts';

const absent = absentDevices.find(({ name }) => name === 'webgpu');

function current(): WebGpuBackend {
  const backend = tf.backend();
  if (!(backend instanceof WebGpuBackend)) throw new Error('the webgpu backend is not open');
  return backend;
}

describe.skipIf(absent)('the webgpu backend', () => {
  beforeAll(async () => {
    await openDevice('webgpu');
  });

  it('sums rows by id, with ids that nobody has and widths beyond a workgroup', async () => {
    const [count, width, segments] = [40, 70, 7];
    const { values } = normals(new Random(3), [count, width]);
    const ids = Int32Array.from({ length: count }, (_, i) => [0, 3, 3, 6, 2][i % 5] ?? 0);
    const wanted = new Float32Array(segments * width);
    for (const [i, value] of values.entries()) {
      const at = (ids[Math.floor(i / width)] ?? 0) * width + (i % width);
      wanted[at] = (wanted[at] ?? 0) + value;
    }
    const sum = tf.tidy(() =>
      tf.unsortedSegmentSum(tf.tensor2d(values, [count, width]), tf.tensor1d(ids, 'int32'), segments),
    );
    // The same order of the same additions: the same bits.
    expect(await sum.data()).toEqual(wanted);
    sum.dispose();
  });

  it('multiplies over a long inner dimension, every time to the same bits', async () => {
    const [a, b] = [normals(new Random(4), [12, 2100]), normals(new Random(5), [2100, 12])];
    const multiply = async (): Promise<Float32Array> => {
      const product = tf.tidy(() =>
        tf.matMul(tf.tensor2d(a.values.slice(), [12, 2100]), tf.tensor2d(b.values.slice(), [2100, 12])),
      );
      const values = await product.data<'float32'>();
      product.dispose();
      return values;
    };
    const wanted = Float64Array.from({ length: 144 }, (_, cell) => {
      let sum = 0;
      for (let k = 0; k < 2100; k++) {
        sum += (a.values[Math.floor(cell / 12) * 2100 + k] ?? 0) * (b.values[k * 12 + (cell % 12)] ?? 0);
      }
      return sum;
    });
    const product = await multiply();
    expect(difference(product, wanted)).toBeLessThan(1e-5);
    expect(await multiply()).toEqual(product);
    expect(tf.env().get('WEBGPU_MATMUL_PROGRAM_TYPE')).toBe(-1);
  });

  it('keeps free buffers up to its limit, whatever sizes come', () => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const pool = new GpuBufferPool(current().device, 10_000);
    for (let i = 1; i <= 100; i++) pool.releaseBuffer(pool.acquireBuffer(i * 40, usage));
    expect(pool.numBytesUsed).toBe(0);
    expect(pool.numBytesAllocated).toBeLessThanOrEqual(10_000 + 4000);
    const reused = pool.acquireBuffer(4000, usage);
    pool.releaseBuffer(reused);
    expect(pool.acquireBuffer(4000, usage)).toBe(reused);
    pool.dispose();
    expect(pool.numBytesAllocated).toBe(0);
  });

  it('refuses to be read synchronously', () => {
    tf.tidy(() => {
      const sum = tf.add(tf.ones([2000]), 1);
      expect(() => sum.dataSync()).toThrow(
        'The webgpu device cannot be read synchronously: await data() instead.',
      );
    });
  });

  it('tells at the next read what WebGPU refused', async () => {
    // A copy from a buffer that may not be copied from: WebGPU does nothing, and says so to a handler alone.
    const { device } = current();
    const usage = GPUBufferUsage.STORAGE;
    const [from, to] = [device.createBuffer({ size: 16, usage }), device.createBuffer({ size: 16, usage })];
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, 0, to, 0, 16);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    const sum = tf.tidy(() => tf.add(tf.ones([2000]), 1));
    await expect(sum.data()).rejects.toThrow(/^The webgpu device failed: .*CopySrc/);
    sum.dispose();
  });
});
