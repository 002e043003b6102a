import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { Started } from '../device.ts';
import { tf } from '../tf.ts';
import { registerWasmKernels } from './kernels.ts';

let placed = false;

/** Prepares tfjs's WebAssembly backend; it takes the build with SIMD where the engine has it, as every Node does. */
export async function startWasm(): Promise<Started> {
  // Both calls are refused once the backend runs.
  if (!placed) {
    const require = createRequire(import.meta.url);
    setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
    setThreadsCount(1);
    registerWasmKernels();
    placed = true;
  }
  const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? ', SIMD' : '';
  return { description: `wasm (tfjs ${tf.version_core} on WebAssembly${simd})`, threads: 1 };
}
