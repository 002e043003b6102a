import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';
import { dirname } from 'node:path';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { TrainerError } from '../errors.ts';
import { loadAddon } from './native/addon.ts';
import { NativeBackend } from './native/backend.ts';
import { registerNativeKernels } from './native/kernels.ts';
import { type Precision, setPrecision, settleBlas } from './native/products.ts';
import { tf } from './tf.ts';

/** The devices in the order in which `auto` tries them. */
export const deviceNames = ['native', 'wasm', 'cpu'] as const;
export type DeviceName = (typeof deviceNames)[number];

/** The device that runs the tensors. */
export interface Device {
  name: DeviceName;
  /** what it is, for people: "native (C++, AVX-512) on AMD EPYC" */
  description: string;
  threads: number;
}

/** A device as `listDevices` tells of it; `reason` says why one is not there. */
export type DeviceListing = { name: DeviceName; description: string } & (
  | { present: true }
  | { present: false; reason: string }
);

export interface OpenOptions {
  /** all of the processor's if left out; native only */
  threads?: number | undefined;
  /**
   * of matrix products, native only: bf16 rounds their inputs and is faster where the processor has it. TOUCHSTONE_PRECISION
   * if left out, else float32
   */
  precision?: Precision | undefined;
  /** told in one line when `auto` has to take a slower device; standard error if left out */
  say?: ((line: string) => void) | undefined;
  /** where the compiled kernels are; the engine's own folder if left out */
  kernelFolder?: string | undefined;
}

const descriptions: Record<DeviceName, string> = {
  native: 'compiled C++ kernels on all cores',
  wasm: 'tfjs on WebAssembly, one core: trains some fifty times slower than native',
  cpu: 'tfjs in plain JavaScript, one core: for tests',
};

const variantNames: Record<string, string> = { avx512: 'AVX-512', avx2: 'AVX2', portable: 'portable' };

/** Names every device and whether it can be opened here. */
export function listDevices(options: Pick<OpenOptions, 'kernelFolder'> = {}): DeviceListing[] {
  const loaded = loadAddon(options.kernelFolder);
  return deviceNames.map((name) => {
    const listing = { name, description: descriptions[name] };
    return name === 'native' && 'reason' in loaded
      ? { ...listing, present: false, reason: loaded.reason }
      : { ...listing, present: true };
  });
}

function openNative(options: OpenOptions): Promise<Device> | { reason: string } {
  const loaded = loadAddon(options.kernelFolder);
  if ('reason' in loaded) return loaded;
  const { addon } = loaded;
  const threads = options.threads ?? availableParallelism();
  const variant = addon.open('best', threads);
  const blas = settleBlas(addon, process.env.TOUCHSTONE_BLAS ?? '');
  const precision = options.precision ?? process.env.TOUCHSTONE_PRECISION ?? 'float32';
  setPrecision(addon, precision);
  if (!tf.findBackendFactory('native')) {
    registerNativeKernels();
    tf.registerBackend('native', () => new NativeBackend(addon), 0);
  }
  const products = precision === 'bf16' ? ', products in bf16' : blas && `, products by ${blas}`;
  const description = `native (C++, ${variantNames[variant] ?? variant}${products}) on ${cpus()[0]?.model.trim() ?? process.arch}`;
  return use({ name: 'native', description, threads });
}

let wasmPlaced = false;

function openWasm(): Promise<Device> {
  // Both calls are refused once the backend runs.
  if (!wasmPlaced) {
    const require = createRequire(import.meta.url);
    setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
    setThreadsCount(1);
    wasmPlaced = true;
  }
  return use({ name: 'wasm', description: 'wasm (tfjs on WebAssembly)', threads: 1 });
}

async function use(device: Device): Promise<Device> {
  if (!(await tf.setBackend(device.name))) {
    throw new TrainerError(`The device "${device.name}" is installed but did not start.`);
  }
  await tf.ready();
  return device;
}

/**
 * Opens a device and makes it tfjs's current backend.
 * @param name `auto` takes native where its kernels were compiled, else wasm, and says so
 * @throws TrainerError for an unknown device, or for one that is asked for by name and not there
 */
export async function openDevice(name: DeviceName | 'auto', options: OpenOptions = {}): Promise<Device> {
  if (options.threads !== undefined && !(Number.isInteger(options.threads) && options.threads > 0)) {
    throw new TrainerError(`The number of threads is ${options.threads}: expected a positive whole number.`);
  }
  switch (name) {
    case 'auto':
    case 'native': {
      const opened = openNative(options);
      if (!('reason' in opened)) return opened;
      const cause = `The native device is not there: ${opened.reason}.`;
      if (name === 'native') throw new TrainerError(cause);
      const say = options.say ?? ((line: string): void => console.error(line));
      say(`${cause} Using WebAssembly instead, which trains some fifty times slower.`);
      return openWasm();
    }
    case 'wasm':
      return openWasm();
    case 'cpu':
      return use({ name: 'cpu', description: 'cpu (tfjs in JavaScript)', threads: 1 });
    default:
      throw new TrainerError(`Unknown device "${String(name)}": expected auto, ${deviceNames.join(', ')}.`);
  }
}
