import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { tf } from '../tf.ts';

interface KernelParams {
  inputs: Record<string, tf.TensorInfo>;
  backend: BackendWasm;
  attrs: Record<string, unknown>;
}

/** Sums of the rows of x [N,...] that share an id, [V,...]: the gradient of a gather. */
function unsortedSegmentSum({ inputs, backend, attrs }: KernelParams): tf.TensorInfo {
  const { x, segmentIds } = inputs;
  if (!x || !segmentIds) throw new Error('UnsortedSegmentSum needs x and segmentIds.');
  const segments = attrs.numSegments as number;
  const out = backend.makeOutput([segments, ...x.shape.slice(1)], x.dtype);
  // Views of the heap are taken after the last allocation, which may move it.
  const [from, ids, to] = [x, segmentIds, out].map((info) => backend.typedArrayFromHeap(info));
  if (!from || !ids || !to) throw new Error('The wasm device lost its heap.');
  to.fill(0);
  const width = segments === 0 ? 0 : to.length / segments;
  for (let row = 0; row < ids.length; row++) {
    const segment = ids[row] ?? -1;
    if (segment < 0 || segment >= segments) continue;
    for (let i = 0; i < width; i++) {
      const at = segment * width + i;
      to[at] = (to[at] ?? 0) + (from[row * width + i] ?? 0);
    }
  }
  return out;
}

/** Adds the kernels that tfjs's wasm backend lacks. */
export function registerWasmKernels(): void {
  if (tf.getKernel('UnsortedSegmentSum', 'wasm')) return;
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: unsortedSegmentSum as unknown as tf.KernelFunc,
  });
}
