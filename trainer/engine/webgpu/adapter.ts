import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { messageOf } from '../../errors.ts';

/** A graphics processor, or a program that plays one. */
export interface FoundAdapter {
  /** keeps Dawn alive: an adapter must not outlive it */
  gpu: GPU;
  adapter: GPUAdapter;
  /** for people: "NVIDIA GeForce RTX 4090" */
  name: string;
  /** a program on the main processor (SwiftShader, llvmpipe, WARP), slower than our own kernels there */
  software: boolean;
  /** of the npm package `webgpu`, which holds Dawn */
  version: string;
}

const softwareNames = /swiftshader|llvmpipe|lavapipe|softpipe|software|microsoft basic render/i;

/** Whether an adapter is a program on the main processor, by what it says of itself. */
export function isSoftware(info: Partial<GPUAdapterInfo>): boolean {
  if (info.isFallbackAdapter) return true;
  return softwareNames.test([info.vendor, info.architecture, info.device, info.description].join(' '));
}

/**
 * Whether this machine can have a graphics processor at all: asked before Dawn is, which on Linux complains on standard
 * error where there is no Vulkan. On Linux a driver shows its devices as files.
 */
export function mayHaveGpu(platform: NodeJS.Platform = process.platform, root = '/dev'): boolean {
  if (platform !== 'linux') return platform === 'darwin' || platform === 'win32';
  if (existsSync(`${root}/dxg`) || existsSync(`${root}/nvidiactl`)) return true;
  const cards = `${root}/dri`;
  return existsSync(cards) && readdirSync(cards).some((name) => name.startsWith('renderD'));
}

/**
 * Loads Dawn and asks it for the fastest adapter. A broken driver can end the process here: who only wants to know, asks
 * in a process of its own (device-listing.ts).
 */
export async function findAdapter(): Promise<FoundAdapter | { reason: string }> {
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (error) {
    return { reason: `the package webgpu cannot be loaded (${messageOf(error).split('\n')[0]})` };
  }
  // tfjs's backend reads GPUBufferUsage and the like from the global scope.
  Object.assign(globalThis, dawn.globals);
  try {
    const gpu = dawn.create([]);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter)
      return { reason: 'there is no graphics driver that WebGPU can use (Vulkan, Metal or D3D12)' };
    const { vendor, architecture, device, description } = adapter.info;
    const { version }: { version: string } = createRequire(import.meta.url)('webgpu/package.json');
    return {
      gpu,
      adapter,
      name: description || [vendor, architecture, device].filter(Boolean).join(' ') || 'an unnamed adapter',
      software: isSoftware(adapter.info),
      version,
    };
  } catch (error) {
    return { reason: `WebGPU did not start (${messageOf(error).split('\n')[0]})` };
  }
}
