import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { mayHaveGpu } from '../webgpu/adapter.ts';

/** Of glibc's and musl's dlfcn.h; Node does not name it. */
const RTLD_NODELETE = 0x1000;

/** Chromium's folder, which holds SwiftShader (a GPU in software) and a Vulkan loader; null where there is none. */
function chromiumFolder(): string | null {
  const browser = process.env.CHROMIUM_PATH;
  const folders = [
    ...(browser ? [dirname(browser)] : []),
    '/usr/lib/chromium',
    '/usr/lib/chromium-browser',
    '/usr/lib64/chromium-browser',
    '/opt/google/chrome',
  ];
  return folders.find((folder) => existsSync(join(folder, 'vk_swiftshader_icd.json'))) ?? null;
}

/**
 * Lets WebGPU find SwiftShader where there is no graphics processor. Call it before the webgpu device is opened, in this
 * process or in one that inherits its environment.
 */
export function offerSwiftShader(): void {
  if (mayHaveGpu() || process.env.VK_DRIVER_FILES) return;
  const folder = chromiumFolder();
  if (!folder) return;
  process.env.VK_DRIVER_FILES = join(folder, 'vk_swiftshader_icd.json');
  process.env.LD_LIBRARY_PATH = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  // The line above is for processes started from here. In this one the loader has to be in memory before Dawn looks for
  // it; it is no addon, so Node refuses it, but it stays.
  try {
    process.dlopen(
      { exports: {} },
      join(folder, 'libvulkan.so.1'),
      constants.dlopen.RTLD_NOW | RTLD_NODELETE,
    );
  } catch {
    return;
  }
}
