import { messageOf, TrainerError } from '../errors.ts';
import { startNative } from './native/open.ts';
import type { Precision } from './native/products.ts';
import { probeDevice } from './probe-device.ts';
import { checkProduct } from './self-check.ts';
import { startTensorFlow } from './tensorflow/open.ts';
import { tf } from './tf.ts';
import { startWasm } from './wasm/open.ts';
import { mayHaveGpu } from './webgpu/adapter.ts';

/** The devices, in the order in which `auto` tries them; it never takes the last. */
export const deviceNames = ['webgpu', 'native', 'tensorflow', 'wasm', 'cpu'] as const;
export type DeviceName = (typeof deviceNames)[number];

/** What a device says of itself once it is started. */
export interface Started {
  /** what it is, for people: "native (C++, AVX-512) on AMD EPYC" */
  description: string;
  threads: number;
  /** webgpu: a program on the main processor plays the graphics processor */
  software?: boolean;
}

/** The device that runs the tensors. */
export interface Device extends Started {
  name: DeviceName;
}

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

/** What `auto` says of a device that it falls back to. */
const fallbacks: Record<DeviceName, string> = {
  webgpu: 'the webgpu device',
  native: 'the native device',
  tensorflow: 'the tensorflow device',
  wasm: 'WebAssembly instead, which trains some fifty times slower',
  cpu: 'the cpu device',
};

function start(name: DeviceName, options: OpenOptions): Promise<Started | { reason: string }> {
  switch (name) {
    case 'webgpu':
      // Loaded when asked for: it brings a library of tens of megabytes.
      return import('./webgpu/open.ts').then(({ startWebGpu }) => startWebGpu());
    case 'native':
      return Promise.resolve(startNative(options));
    case 'tensorflow':
      return startTensorFlow();
    case 'wasm':
      return startWasm();
    case 'cpu':
      return Promise.resolve({ description: `cpu (tfjs ${tf.version_core} in JavaScript)`, threads: 1 });
  }
}

/** Starts a device, makes it tfjs's current backend, and has it multiply once. */
async function tryDevice(name: DeviceName, options: OpenOptions): Promise<Device | { reason: string }> {
  try {
    const started = await start(name, options);
    if ('reason' in started) return started;
    if (!(await tf.setBackend(name))) return { reason: 'it is installed but did not start' };
    await tf.ready();
    const wrong = await checkProduct();
    return wrong === null ? { name, ...started } : { reason: wrong };
  } catch (error) {
    // A setting that cannot be had, as a BLAS of that name, is for the person who set it: no other device is taken.
    if (name === 'native' && error instanceof TrainerError) throw error;
    return { reason: `it did not start (${messageOf(error).split('\n')[0]})` };
  }
}

/** Whether `auto` tries WebGPU: `null`, or why it does not. A driver that crashes does so in a process of its own. */
async function refusalOfWebGpu(options: OpenOptions): Promise<string | null> {
  if (!mayHaveGpu()) return '';
  const probed = await probeDevice('webgpu', { ...options, measure: false });
  if ('reason' in probed) return probed.crashed ? probed.reason : '';
  return probed.software ? '' : null;
}

async function openFirst(options: OpenOptions): Promise<Device> {
  const causes: string[] = [];
  for (const name of deviceNames) {
    if (name === 'cpu') continue;
    const refusal = name === 'webgpu' ? await refusalOfWebGpu(options) : null;
    const opened = refusal === null ? await tryDevice(name, options) : { reason: refusal };
    if (!('reason' in opened)) {
      const say = options.say ?? ((line: string): void => console.error(line));
      if (causes.length > 0) say(`${causes.join(' ')} Using ${fallbacks[name]}.`);
      return opened;
    }
    // No GPU and no TensorFlow is how most machines are: nothing to tell.
    const usual = name === 'tensorflow' || opened.reason === '';
    if (!usual) causes.push(`The ${name} device is not there: ${opened.reason}.`);
  }
  throw new TrainerError(`No device can compute here. ${causes.join(' ')}`);
}

/**
 * Opens a device and makes it tfjs's current backend.
 * @param name `auto` takes the first that works: a graphics processor, the compiled kernels, TensorFlow where it is
 * installed, WebAssembly. It says so in one line when something that ought to work does not. TensorFlow comes after the
 * compiled kernels as its CPU build is slower than they are.
 * @throws TrainerError for an unknown device, or for one that is asked for by name and not there
 */
export async function openDevice(name: DeviceName | 'auto', options: OpenOptions = {}): Promise<Device> {
  if (options.threads !== undefined && !(Number.isInteger(options.threads) && options.threads > 0)) {
    throw new TrainerError(`The number of threads is ${options.threads}: expected a positive whole number.`);
  }
  if (name === 'auto') return openFirst(options);
  if (!deviceNames.includes(name)) {
    throw new TrainerError(`Unknown device "${String(name)}": expected auto, ${deviceNames.join(', ')}.`);
  }
  const opened = await tryDevice(name, options);
  if (!('reason' in opened)) return opened;
  throw new TrainerError(`The ${name} device is not there: ${opened.reason}.`);
}
