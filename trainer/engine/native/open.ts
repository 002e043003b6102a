import { availableParallelism, cpus } from 'node:os';
import type { Started } from '../device.ts';
import { tf } from '../tf.ts';
import { loadAddon } from './addon.ts';
import { NativeBackend } from './backend.ts';
import { registerNativeKernels } from './kernels.ts';

const variantNames: Record<string, string> = { avx512: 'AVX-512', avx2: 'AVX2', portable: 'portable' };

/** Starts the compiled kernels on so many threads, all of the processor's if left out. */
export function startNative(
  threads = availableParallelism(),
  kernelFolder?: string,
): Started | { reason: string } {
  const loaded = loadAddon(kernelFolder);
  if ('reason' in loaded) return loaded;
  const { addon } = loaded;
  const variant = addon.open('best', threads);
  if (!tf.findBackendFactory('native')) {
    registerNativeKernels();
    tf.registerBackend('native', () => new NativeBackend(addon), 0);
  }
  const processor = cpus()[0]?.model.trim() ?? process.arch;
  return { description: `native (C++, ${variantNames[variant] ?? variant}) on ${processor}`, threads };
}
