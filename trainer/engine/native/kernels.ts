import { tf } from '../tf.ts';
import type { NativeBackend } from './backend.ts';

type KernelFunc = (params: {
  inputs: tf.NamedTensorInfoMap;
  backend: NativeBackend;
  attrs: tf.NamedAttrMap;
}) => tf.TensorInfo | tf.TensorInfo[];

function input(inputs: tf.NamedTensorInfoMap, name: string): tf.TensorInfo {
  const tensor = inputs[name];
  if (!tensor) throw new Error(`A kernel of the native device was called without its input "${name}".`);
  return tensor;
}

const sizeOf = (tensor: tf.TensorInfo): number => tf.util.sizeFromShape(tensor.shape);

/** Elementwise arithmetic of equal shapes, or of a tensor and a single number; other broadcasts stay stock. */
function binary(op: number, stock: KernelFunc): KernelFunc {
  return (params) => {
    const { backend } = params;
    const a = input(params.inputs, 'a');
    const b = input(params.inputs, 'b');
    if (!backend.holdsFloats(a) || !backend.holdsFloats(b)) return stock(params);
    const aSize = sizeOf(a);
    const bSize = sizeOf(b);
    const same = tf.util.arraysEqual(a.shape, b.shape);
    if (!same && !(bSize === 1 && b.shape.length <= a.shape.length)) {
      if (!(aSize === 1 && a.shape.length <= b.shape.length)) return stock(params);
    }
    const bRepeats = !same && bSize === 1 && b.shape.length <= a.shape.length;
    const aRepeats = !same && !bRepeats;
    const out = backend.allocate(aRepeats ? b.shape : a.shape);
    const size = aRepeats ? bSize : aSize;
    const values = [backend.floats(a), backend.floats(b)] as const;
    backend.addon.binary(op, size, aRepeats ? 0 : 1, bRepeats ? 0 : 1, values[0], values[1], out.values);
    return out;
  };
}

const addN: (stock: KernelFunc) => KernelFunc = (stock) => (params) => {
  const { backend } = params;
  // AddN's inputs are a list, whatever the type of the map says.
  const [first, second, ...rest] = Object.values(params.inputs);
  if (!first || !second) return stock(params);
  const size = sizeOf(first);
  for (const x of [first, second, ...rest]) if (!x || !backend.holdsFloats(x)) return stock(params);
  const out = backend.allocate(first.shape);
  backend.addon.binary(0, size, 1, 1, backend.floats(first), backend.floats(second), out.values);
  for (const x of rest) if (x) backend.addon.binary(0, size, 1, 1, out.values, backend.floats(x), out.values);
  return out;
};

const sum: (stock: KernelFunc) => KernelFunc = (stock) => (params) => {
  const { backend } = params;
  const x = input(params.inputs, 'x');
  const axes = tf.util.parseAxisParam(params.attrs.axis as number | number[], x.shape);
  if (!backend.holdsFloats(x) || axes.length !== x.shape.length) return stock(params);
  const out = backend.allocate(params.attrs.keepDims ? x.shape.map(() => 1) : []);
  out.values[0] = backend.addon.sum(sizeOf(x), backend.floats(x));
  return out;
};

const batchMatMul: (stock: KernelFunc) => KernelFunc = (stock) => (params) => {
  const { backend, attrs } = params;
  const a = input(params.inputs, 'a');
  const b = input(params.inputs, 'b');
  const [aRows = 0, aColumns = 0] = a.shape.slice(-2);
  const [bRows = 0, bColumns = 0] = b.shape.slice(-2);
  const aBatch = a.shape.slice(0, -2);
  const sameBatch = tf.util.arraysEqual(aBatch, b.shape.slice(0, -2));
  const [m, k] = attrs.transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [inner, n] = attrs.transposeB ? [bColumns, bRows] : [bRows, bColumns];
  // Broadcast batches and wrong shapes are the stock kernel's business, the error message included.
  if (a.shape.length < 2 || b.shape.length < 2) return stock(params);
  if (!sameBatch || inner !== k || !backend.holdsFloats(a) || !backend.holdsFloats(b)) return stock(params);
  const out = backend.allocate([...aBatch, m, n]);
  const [am, ak] = attrs.transposeA ? [1, aColumns] : [aColumns, 1];
  const [bk, bn] = attrs.transposeB ? [1, bColumns] : [bColumns, 1];
  const [av, bv] = [backend.floats(a), backend.floats(b)];
  const batches = tf.util.sizeFromShape(aBatch);
  for (let i = 0; i < batches; i++) {
    const at = [i * m * k, i * k * n, i * m * n] as const;
    backend.addon.gemm(m, n, k, ...at, am, ak, bk, bn, n, av, bv, out.values, false, null, false, null);
  }
  return out;
};

const identity: KernelFunc = ({ inputs, backend }) => {
  const x = input(inputs, 'x');
  return backend.alias(x, x.shape);
};

const reshape: (stock: KernelFunc) => KernelFunc = (stock) => (params) => {
  const x = input(params.inputs, 'x');
  if (x.dtype === 'complex64') return stock(params);
  const shape = tf.util.inferFromImplicitShape(params.attrs.shape as number[], sizeOf(x));
  if (tf.util.sizeFromShape(shape) !== sizeOf(x)) return stock(params);
  return params.backend.alias(x, shape);
};

const cast: (stock: KernelFunc) => KernelFunc = (stock) => (params) => {
  const { backend } = params;
  const x = input(params.inputs, 'x');
  const { dtype } = params.attrs;
  if (x.dtype === dtype && x.dtype !== 'complex64') return backend.alias(x, x.shape);
  if (dtype !== 'float32' || (x.dtype !== 'int32' && x.dtype !== 'bool')) return stock(params);
  // The stock kernel makes a float32 tensor that shares the whole numbers, which no kernel of ours could read.
  const out = backend.allocate(x.shape);
  out.values.set(backend.numbers(x));
  return out;
};

/** Registers for `native` every kernel of the CPU backend, and ours in place of the hot ones. */
export function registerNativeKernels(): void {
  tf.copyRegisteredKernels('cpu', 'native');
  const replace = (kernelName: string, make: (stock: KernelFunc) => KernelFunc): void => {
    const stock = tf.getKernel(kernelName, 'cpu');
    if (!stock) throw new Error(`tfjs's CPU backend has no kernel "${kernelName}".`);
    tf.unregisterKernel(kernelName, 'native');
    const kernelFunc = make(stock.kernelFunc as KernelFunc) as tf.KernelFunc;
    tf.registerKernel({ kernelName, backendName: 'native', kernelFunc });
  };
  replace('Add', (stock) => binary(0, stock));
  replace('Sub', (stock) => binary(1, stock));
  replace('Multiply', (stock) => binary(2, stock));
  replace('RealDiv', (stock) => binary(3, stock));
  replace('AddN', addN);
  replace('Sum', sum);
  replace('BatchMatMul', batchMatMul);
  replace('Identity', () => identity);
  replace('Reshape', reshape);
  replace('Cast', cast);
}
