import { openDevice } from '../device.ts';
import { loadAddon } from '../native/addon.ts';
import { Random } from '../random.ts';
import { tf } from '../tf.ts';
import { findAdapter } from '../webgpu/adapter.ts';
import { offerSwiftShader } from './swiftshader.ts';

/** A device as the tests run it: the native one once for each variant of its kernels that this processor can run. */
export interface TestDevice {
  name: string;
  open(): Promise<void>;
}

interface NativeTestDevice extends TestDevice {
  variant: 'avx512' | 'avx2' | 'portable';
}

function nativeVariants(): NativeTestDevice[] {
  const loaded = loadAddon();
  if ('reason' in loaded) return [];
  const { addon } = loaded;
  const variants = (['avx512', 'avx2', 'portable'] as const).filter(
    (variant) => addon.open(variant, 0) === variant,
  );
  return variants.map((variant, index) => ({
    name: `native (${variant})`,
    variant,
    open: async () => {
      await openDevice('native');
      // More threads than tasks, as many as cores, and one.
      addon.open(variant, [3, 2, 1][index] ?? 1);
    },
  }));
}

/** The native device, once for each variant; none where it was not compiled. */
export const nativeDevices: NativeTestDevice[] = nativeVariants();

offerSwiftShader();
const adapter = await findAdapter();

/** Devices that are not here, and why: their tests are skipped by name. */
export const absentDevices = 'reason' in adapter ? [{ name: 'webgpu', reason: adapter.reason }] : [];

const webGpu: TestDevice[] =
  'reason' in adapter
    ? []
    : [
        {
          name: 'webgpu',
          open: async () => {
            await openDevice('webgpu');
          },
        },
      ];

/** Every device present here but the CPU backend, which the others are held against. */
export const fastDevices: TestDevice[] = [
  ...nativeDevices,
  ...webGpu,
  {
    name: 'wasm',
    open: async () => {
      await openDevice('wasm');
    },
  },
];

/** Every device present here. */
export const allDevices: TestDevice[] = [
  ...fastDevices,
  {
    name: 'cpu',
    open: async () => {
      await openDevice('cpu');
    },
  },
];

/** A tensor's content, apart from any device. */
export interface Plain {
  shape: number[];
  values: Float32Array;
}

/** Standard normals, times `scale`. */
export function normals(random: Random, shape: number[], scale = 1): Plain {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  for (let i = 0; i < values.length; i++) values[i] = random.normal() * scale;
  return { shape, values };
}

export type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

/**
 * The value of an op on the current device, and its gradients: of the sum of the output's elements, each weighted by a
 * number drawn from `seed`. Checks that nothing is left behind.
 */
export async function valueAndGradients(
  op: Op,
  inputs: Plain[],
  seed = 7,
): Promise<{ value: Plain; gradients: Plain[] }> {
  const before = tf.memory().numTensors;
  const { value, gradients } = tf.tidy(() => {
    const tensors = inputs.map(({ shape, values }) => tf.tensor(values.slice(), shape));
    const value = op(...tensors);
    const weights = tf.tensor(normals(new Random(seed), value.shape).values, value.shape);
    const gradients = tf.grads((...x: tf.Tensor[]) =>
      op(...x)
        .mul(weights)
        .sum(),
    )(tensors);
    return { value, gradients };
  });
  const result = { value: await plain(value), gradients: [] as Plain[] };
  for (const gradient of gradients) result.gradients.push(await plain(gradient));
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`The op left ${left} tensors behind.`);
  return result;
}

/** A tensor's content; the tensor is disposed of. */
async function plain(tensor: tf.Tensor): Promise<Plain> {
  const values = (await tensor.data<'float32'>()).slice();
  tensor.dispose();
  return { shape: tensor.shape, values };
}

/** The largest difference of two arrays, over the largest number in the second (or 1 if that is larger). */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  let scale = 1;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs((a[i] ?? 0) - (b[i] ?? 0));
    if (Number.isNaN(d)) return Number.NaN;
    most = Math.max(most, d);
    scale = Math.max(scale, Math.abs(b[i] ?? 0));
  }
  return most / scale;
}
