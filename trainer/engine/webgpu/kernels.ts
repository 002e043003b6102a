import type { WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { tf } from '../tf.ts';
import { adamW } from './adamw.ts';
import type { WebGpuBackend } from './backend.ts';

interface KernelParams {
  inputs: Record<string, tf.TensorInfo>;
  backend: WebGpuBackend;
  attrs: Record<string, unknown>;
}

const LANES = 64;

/**
 * Sums of the rows of x [N,D] that share an id, [V,D]. tfjs's own program adds with atomics, in whatever order the threads
 * come; here a workgroup owns a row of the sum and walks through the ids in their order, so that a run can be repeated bit
 * for bit.
 */
function segmentSumProgram(segments: number, width: number): WebGPUProgram {
  const perLane = Math.ceil(width / LANES);
  return {
    variableNames: ['x', 'ids'],
    outputShape: [segments, width],
    dispatchLayout: { x: [0] },
    dispatch: [segments, 1, 1],
    workgroupSize: [LANES, 1, 1],
    shaderKey: `segmentSumInOrder_${perLane}`,
    getUserCode: () => `
      fn main(index : i32) {
        let row = index / ${LANES};
        let lane = index % ${LANES};
        let width = uniforms.outShape.y;
        if (row < uniforms.outShape.x) {
          var sums : array<f32, ${perLane}>;
          for (var n = 0; n < uniforms.xShape.x; n++) {
            if (ids[n] == row) {
              for (var i = 0; i < ${perLane}; i++) {
                let column = lane + i * ${LANES};
                if (column < width) { sums[i] += x[n * width + column]; }
              }
            }
          }
          for (var i = 0; i < ${perLane}; i++) {
            let column = lane + i * ${LANES};
            if (column < width) { result[row * width + column] = sums[i]; }
          }
        }
      }`,
  };
}

function unsortedSegmentSum({ inputs, backend, attrs }: KernelParams): tf.TensorInfo {
  const { x, segmentIds } = inputs;
  if (!x || !segmentIds) throw new Error('UnsortedSegmentSum needs x and segmentIds.');
  const segments = attrs.numSegments as number;
  const [count = 0, ...rest] = x.shape;
  const width = tf.util.sizeFromShape(rest);
  const rows = { ...x, shape: [count, width] };
  const sum = backend.runWebGPUProgram(segmentSumProgram(segments, width), [rows, segmentIds], 'float32');
  return { ...sum, shape: [segments, ...rest] };
}

/** Of tfjs's `MatMulProgramType`: those that add in a fixed order. */
const PROGRAM = { chosenByTfjs: -1, smallTiles: 2, largeTiles: 3 };

/** tfjs splits a long inner dimension over workgroups that add with atomics. These products get another program. */
function batchMatMul(
  stock: (params: KernelParams) => tf.TensorInfo,
): (params: KernelParams) => tf.TensorInfo {
  return (params) => {
    const { a, b } = params.inputs;
    if (!a || !b) throw new Error('BatchMatMul needs a and b.');
    const inner = a.shape.at(params.attrs.transposeA ? -2 : -1) ?? 0;
    const one = tf.util.sizeFromShape(a.shape.slice(0, -2)) * tf.util.sizeFromShape(b.shape.slice(0, -2));
    if (one !== 1 || inner < 2000) return stock(params);
    const rows = a.shape.at(params.attrs.transposeA ? -1 : -2) ?? 0;
    const columns = b.shape.at(params.attrs.transposeB ? -2 : -1) ?? 0;
    const tiles = Math.ceil(rows / 32) * Math.ceil(columns / 32);
    tf.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', tiles <= 16 ? PROGRAM.smallTiles : PROGRAM.largeTiles);
    try {
      return stock(params);
    } finally {
      tf.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', PROGRAM.chosenByTfjs);
    }
  };
}

/** tfjs's reductions divide by the number of elements that there are. Of none, the result is the operation's neutral one. */
function reduction(
  neutral: number,
): (stock: (params: KernelParams) => tf.TensorInfo) => (params: KernelParams) => tf.TensorInfo {
  return (stock) => (params) => {
    const { x } = params.inputs;
    if (!x || tf.util.sizeFromShape(x.shape) > 0) return stock(params);
    const { reductionIndices, axis = reductionIndices, keepDims } = params.attrs;
    const axes = tf.util.parseAxisParam(axis as number | number[], x.shape);
    const [reduced] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes);
    const shape = keepDims ? tf.backend_util.expandShapeToKeepDim(reduced, axes) : reduced;
    const values = new Float32Array(tf.util.sizeFromShape(shape)).fill(neutral);
    return params.backend.makeTensorInfo(shape, x.dtype, values);
  };
}

/** Adds our kernels, some in the place of tfjs's. */
export function registerWebGpuKernels(): void {
  const replace = (
    kernelName: string,
    make: (stock: (params: KernelParams) => tf.TensorInfo) => unknown,
  ): void => {
    const stock = tf.getKernel(kernelName, 'webgpu');
    if (!stock) throw new Error(`tfjs's WebGPU backend has no kernel "${kernelName}".`);
    tf.unregisterKernel(kernelName, 'webgpu');
    const kernelFunc = make(stock.kernelFunc as unknown as (params: KernelParams) => tf.TensorInfo);
    tf.registerKernel({ kernelName, backendName: 'webgpu', kernelFunc: kernelFunc as tf.KernelFunc });
  };
  replace('UnsortedSegmentSum', () => unsortedSegmentSum);
  replace('BatchMatMul', batchMatMul);
  replace('Sum', reduction(0));
  replace('Max', reduction(Number.NEGATIVE_INFINITY));
  tf.registerKernel({
    kernelName: 'AdamW',
    backendName: 'webgpu',
    kernelFunc: adamW as unknown as tf.KernelFunc,
  });
}
