import { availableParallelism, cpus } from 'node:os';
import type { OpenOptions, Started } from '../device.ts';
import { tf } from '../tf.ts';
import { loadAddon } from './addon.ts';
import { NativeBackend } from './backend.ts';
import { registerNativeKernels } from './kernels.ts';
import { setPrecision, settleBlas } from './products.ts';

const variantNames: Record<string, string> = { avx512: 'AVX-512', avx2: 'AVX2', portable: 'portable' };

/** Starts the compiled kernels, and settles how matrices are multiplied. */
export function startNative({
  threads = availableParallelism(),
  kernelFolder,
  precision: asked,
}: OpenOptions): Started | { reason: string } {
  const loaded = loadAddon(kernelFolder);
  if ('reason' in loaded) return loaded;
  const { addon } = loaded;
  const variant = addon.open('best', threads);
  const blas = settleBlas(addon, process.env.TOUCHSTONE_BLAS ?? '');
  const precision = asked ?? process.env.TOUCHSTONE_PRECISION ?? 'float32';
  setPrecision(addon, precision);
  if (!tf.findBackendFactory('native')) {
    registerNativeKernels();
    tf.registerBackend('native', () => new NativeBackend(addon), 0);
  }
  const products = precision === 'bf16' ? ', products in bf16' : blas && `, products by ${blas}`;
  const processor = cpus()[0]?.model.trim() ?? process.arch;
  return {
    description: `native (C++, ${variantNames[variant] ?? variant}${products}) on ${processor}`,
    threads,
  };
}
