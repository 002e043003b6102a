import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { TrainerError } from '../../errors.ts';
import type { tf } from '../tf.ts';
import type { FoundAdapter } from './adapter.ts';
import { GpuBufferPool } from './buffer-pool.ts';

/**
 * tfjs's WebGPU backend, with errors that are told. WebGPU computes behind the caller's back: a command that it refuses
 * leaves zeros and calls a handler. Here the next read says so.
 */
export class WebGpuBackend extends WebGPUBackend {
  #failure: string | null = null;

  constructor(device: GPUDevice, info: GPUAdapterInfo) {
    super(device, info);
    const pool: Omit<GpuBufferPool, never> = new GpuBufferPool(device);
    this.bufferManager = pool as unknown as typeof this.bufferManager;
    device.addEventListener('uncapturederror', (event) => {
      this.#failure ??= event.error.message;
    });
    void device.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') this.#failure ??= `the device was lost: ${message}`;
    });
  }

  override async read(dataId: tf.DataId): Promise<tf.backend_util.BackendValues> {
    const values = await super.read(dataId);
    if (this.#failure !== null) {
      throw new TrainerError(`The webgpu device failed: ${this.#failure.trim().split('\n')[0]}`);
    }
    return values;
  }

  override readSync(dataId: tf.DataId): tf.backend_util.BackendValues {
    const { values } = this.tensorMap.get(dataId);
    if (values) return values;
    throw new TrainerError('The webgpu device cannot be read synchronously: await data() instead.');
  }
}

/** Runs `make` where `navigator.gpu` is this one: tfjs refuses to build its backend without. */
function withNavigator<T>(gpu: GPU, make: () => T): T {
  // Node has a navigator from version 21 on.
  const holder: object = globalThis.navigator ?? globalThis;
  const [name, value] = holder === globalThis ? (['navigator', { gpu }] as const) : (['gpu', gpu] as const);
  Object.defineProperty(holder, name, { value, configurable: true });
  try {
    return make();
  } finally {
    Reflect.deleteProperty(holder, name);
  }
}

/** A backend on a device of this adapter, with all that the adapter allows in size. */
export async function createBackend({ gpu, adapter }: FoundAdapter): Promise<WebGpuBackend> {
  const { limits } = adapter;
  const device = await adapter.requestDevice({
    requiredLimits: {
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxBufferSize: limits.maxBufferSize,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    },
  });
  // Dawn must not tear down while a device lives: it goes first, and both outlive every other exit handler of ours.
  process.once('exit', () => {
    device.destroy();
    void gpu;
  });
  return withNavigator(gpu, () => new WebGpuBackend(device, adapter.info));
}
