import { messageOf } from '../../errors.ts';
import type { Started } from '../device.ts';
import { tf } from '../tf.ts';
import { findAdapter } from './adapter.ts';

let started: Started | null = null;

/** Starts WebGPU on the fastest adapter there is, a software one if there is no other. */
export async function startWebGpu(): Promise<Started | { reason: string }> {
  if (started) return started;
  const found = await findAdapter();
  if ('reason' in found) return found;
  try {
    const { createBackend } = await import('./backend.ts');
    const { registerWebGpuKernels } = await import('./kernels.ts');
    const backend = await createBackend(found);
    registerWebGpuKernels();
    tf.registerBackend('webgpu', () => backend, 0);
  } catch (error) {
    return { reason: `${found.name} gave no device (${messageOf(error).split('\n')[0]})` };
  }
  const kind = found.software ? `${found.name}, a program in place of a GPU` : found.name;
  started = {
    description: `webgpu (tfjs ${tf.version_core} on Dawn ${found.version}) on ${kind}`,
    threads: 1,
    software: found.software,
  };
  return started;
}
