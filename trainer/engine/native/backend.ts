import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { tf } from '../tf.ts';
import type { Addon } from './addon.ts';
import { BufferPool } from './buffer-pool.ts';

/** What the backend knows of a tensor's data; `pooled` is ours. */
interface Entry {
  values?: tf.backend_util.BackendValues;
  dtype: tf.DataType;
  refCount: number;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
  /** the array came from the pool and nobody but our kernels has seen it */
  pooled?: boolean;
}

/**
 * The table of tensors' data. The stock CPU kernels read it through `get`, and may keep the array (a contiguous slice
 * is a view of it), so whatever passes through `get` never goes back to the pool.
 */
class Storage extends tf.DataStorage<Entry> {
  override get(dataId: tf.DataId): Entry {
    const entry = super.get(dataId);
    entry.pooled = false;
    return entry;
  }

  /** For callers that keep no reference to the values. */
  peek(dataId: tf.DataId): Entry {
    return super.get(dataId);
  }
}

/**
 * A tfjs backend whose tensors are Float32Arrays in JavaScript's memory, as the CPU backend's are, so that every
 * kernel of that backend runs on it; the hot ones are replaced by compiled ones (kernels.ts, and the fused ops).
 */
export class NativeBackend extends MathBackendCPU {
  readonly addon: Addon;
  readonly pool = new BufferPool();
  private readonly storage: Storage;

  constructor(addon: Addon) {
    super();
    this.addon = addon;
    this.storage = new Storage(this, tf.engine());
    // The stock kernels' view of a tensor's data lacks our mark; nothing else differs.
    this.data = this.storage as typeof this.data;
  }

  /** The values of a float32 tensor, to be read by a kernel and not kept. */
  floats(tensor: tf.TensorInfo): Float32Array {
    const { values } = this.storage.peek(tensor.dataId);
    if (values instanceof Float32Array) return values;
    throw new TypeError(`The native device expected a float32 tensor and got one of ${tensor.dtype}.`);
  }

  /** The values of an int32 tensor, to be read by a kernel and not kept. */
  ints(tensor: tf.TensorInfo): Int32Array {
    const { values } = this.storage.peek(tensor.dataId);
    if (values instanceof Int32Array) return values;
    // Stock kernels may leave another kind of array: bool cast to int32 shares the bool's bytes.
    if (tensor.dtype === 'int32' && values) return Int32Array.from(values as Uint8Array);
    throw new TypeError(`The native device expected an int32 tensor and got one of ${tensor.dtype}.`);
  }

  /** The values of a tensor of numbers or of booleans, in whatever kind of array they are, to be read and not kept. */
  numbers(tensor: tf.TensorInfo): tf.TypedArray {
    const { values } = this.storage.peek(tensor.dataId);
    if (ArrayBuffer.isView(values)) return values as tf.TypedArray;
    throw new TypeError(`The native device expected a tensor of numbers and got one of ${tensor.dtype}.`);
  }

  /** Whether the tensor's values are a Float32Array, as a kernel needs. */
  holdsFloats(tensor: tf.TensorInfo): boolean {
    return tensor.dtype === 'float32' && this.storage.peek(tensor.dataId).values instanceof Float32Array;
  }

  /** Room for a kernel's output, with anything in it. */
  allocate(shape: number[]): tf.TensorInfo & { values: Float32Array } {
    const values = this.pool.take(tf.util.sizeFromShape(shape));
    const dataId = {};
    this.storage.set(dataId, { values, dtype: 'float32', refCount: 1, pooled: true });
    return { dataId, shape, dtype: 'float32', values };
  }

  /** `allocate`, as a tensor that the current tidy tracks. */
  output<T extends tf.Tensor = tf.Tensor>(shape: number[]): { tensor: T; values: Float32Array } {
    const info = this.allocate(shape);
    return { tensor: tf.engine().makeTensorFromTensorInfo(info, this) as T, values: info.values };
  }

  /**
   * The values of a float32 tensor, to be changed in place. A copy is made first where somebody else can see them:
   * a clone, or an array that was read or given by the user.
   */
  writable(tensor: tf.Tensor): Float32Array {
    let entry = this.storage.peek(tensor.dataId);
    if (entry.refCount > 1) {
      if (!(tensor instanceof tf.Variable)) {
        throw new TypeError(
          'The native device cannot change a tensor in place that shares its data with another.',
        );
      }
      const { tensor: copy, values } = this.output(tensor.shape);
      values.set(this.floats(tensor));
      tensor.assign(copy);
      copy.dispose();
      entry = this.storage.peek(tensor.dataId);
    }
    const values = this.floats(tensor);
    if (entry.pooled) return values;
    const copy = this.pool.take(values.length);
    copy.set(values);
    entry.values = copy;
    entry.pooled = true;
    return copy;
  }

  /** Whether a kernel may overwrite the tensor's values: nobody else refers to them or has read them. */
  private isOwn(tensor: tf.Tensor): boolean {
    const entry = this.storage.peek(tensor.dataId);
    return entry.refCount === 1 && entry.pooled === true && this.holdsFloats(tensor);
  }

  /** Adds `more` to `into` where that can be seen by nobody else; false, and nothing done, where it could. */
  addInPlace(into: tf.Tensor, more: tf.Tensor): boolean {
    if (!this.isOwn(into) || !this.holdsFloats(more)) return false;
    const values = this.floats(into);
    this.addon.binary(0, into.size, 1, 1, values, this.floats(more), values);
    return true;
  }

  /** `addInPlace` for a multiplication by one number. */
  scaleInPlace(tensor: tf.Tensor, factor: number): boolean {
    if (!this.isOwn(tensor)) return false;
    const values = this.floats(tensor);
    this.addon.binary(2, tensor.size, 1, 0, values, Float32Array.of(factor), values);
    return true;
  }

  /** Another reference to the same data: what Identity and Reshape are. */
  alias(tensor: tf.TensorInfo, shape: number[]): tf.TensorInfo {
    this.storage.peek(tensor.dataId).refCount++;
    return { dataId: tensor.dataId, shape, dtype: tensor.dtype };
  }

  override refCount(dataId: tf.DataId): number {
    return this.storage.has(dataId) ? this.storage.peek(dataId).refCount : 0;
  }

  override incRef(dataId: tf.DataId): void {
    this.storage.peek(dataId).refCount++;
  }

  override decRef(dataId: tf.DataId): void {
    if (this.storage.has(dataId)) this.storage.peek(dataId).refCount--;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.storage.has(dataId)) return true;
    const entry = this.storage.peek(dataId);
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    if (entry.complexTensorInfos) {
      this.disposeData(entry.complexTensorInfos.real.dataId, true);
      this.disposeData(entry.complexTensorInfos.imag.dataId, true);
    }
    if (entry.pooled && entry.values instanceof Float32Array) this.pool.give(entry.values);
    this.storage.delete(dataId);
    return true;
  }

  /**
   * The values, for the user. What is a view of a longer array, as an array of the pool is and a contiguous slice, is
   * replaced by a copy first: `tensor.bytes()` and others hand out the whole of the array's buffer.
   */
  override readSync(dataId: tf.DataId): tf.backend_util.BackendValues {
    const entry = this.storage.peek(dataId);
    const { values } = entry;
    if (values instanceof Float32Array && values.byteLength < values.buffer.byteLength) {
      entry.values = values.slice();
      if (entry.pooled) this.pool.give(values);
    }
    return super.readSync(dataId);
  }

  override dispose(): void {
    this.pool.clear();
  }
}

/** The native backend if it is tfjs's current one, else null. */
export function nativeBackend(): NativeBackend | null {
  if (tf.getBackend() !== 'native') return null;
  const backend = tf.backend();
  return backend instanceof NativeBackend ? backend : null;
}
