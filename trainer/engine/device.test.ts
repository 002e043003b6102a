import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DeviceName, deviceNames, openDevice } from './device.ts';
import { loadAddon } from './native/addon.ts';
import { probeDevice } from './probe-device.ts';
import { checkProduct } from './self-check.ts';
import { allDevices } from './testing/devices.ts';
import { tf } from './tf.ts';
import { isSoftware, mayHaveGpu } from './webgpu/adapter.ts';

const build = fileURLToPath(new URL('./native/build.mjs', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchstone-kernels-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Builds into the temporary folder with another compiler; gives what was printed. A non-zero exit throws. */
function buildWith(compiler: string): string {
  return execFileSync(process.execPath, [build, folder], {
    env: { ...process.env, CXX: compiler },
    encoding: 'utf8',
  });
}

describe('a machine where the kernels cannot be compiled', () => {
  it('says in one line that there is no compiler, and installs all the same', async () => {
    const printed = buildWith('/nowhere/c++');
    expect(printed.trim().split('\n')).toHaveLength(1);
    expect(printed).toContain('no C++ compiler found (looked for "/nowhere/c++"');
    expect(existsSync(join(folder, 'kernels.node'))).toBe(false);

    const lines: string[] = [];
    const device = await openDevice('auto', { kernelFolder: folder, say: (line) => lines.push(line) });
    expect(device.name).toBe('wasm');
    expect(tf.getBackend()).toBe('wasm');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/no C\+\+ compiler found.*WebAssembly.*slower/);
    await expect(openDevice('native', { kernelFolder: folder })).rejects.toThrow(
      /The native device is not there: no C\+\+ compiler found/,
    );
    expect(await probeDevice('native', { measure: false, kernelFolder: folder })).toMatchObject({
      crashed: false,
      reason: expect.stringMatching(/^no C\+\+ compiler found .*[^.]$/),
    });
  });

  it('says that compiling failed, and takes away kernels that no longer match the sources', () => {
    writeFileSync(join(folder, 'kernels.node'), 'older kernels');
    expect(buildWith('false')).toContain('compiling failed: exit code 1');
    expect(readFileSync(join(folder, 'reason.txt'), 'utf8')).toBe('compiling failed: exit code 1\n');
    expect(existsSync(join(folder, 'kernels.node'))).toBe(false);
  });
});

describe('openDevice', () => {
  it('goes past a corrupt kernel with auto, and names it when native is asked for', async () => {
    writeFileSync(join(folder, 'kernels.node'), 'not a library');
    const lines: string[] = [];
    const device = await openDevice('auto', { kernelFolder: folder, say: (line) => lines.push(line) });
    expect(device.name).toBe('wasm');
    expect(lines[0]).toContain('the compiled kernels cannot be loaded');
    await expect(openDevice('native', { kernelFolder: folder })).rejects.toThrow(/cannot be loaded/);
  });

  it('refuses an unknown device by naming those that exist', async () => {
    await expect(openDevice('cuda' as DeviceName)).rejects.toThrow(
      'Unknown device "cuda": expected auto, webgpu, native, tensorflow, wasm, cpu.',
    );
  });

  it('refuses a number of threads that is none', async () => {
    await expect(openDevice('cpu', { threads: 0 })).rejects.toThrow(/threads is 0: expected a positive/);
  });

  it.each(allDevices)('opens $name and computes on it', async ({ name, open }) => {
    await open();
    expect(tf.getBackend()).toBe(name.split(' ')[0]);
    expect(deviceNames).toContain(tf.getBackend());
    expect(await checkProduct()).toBeNull();
  });

  it('finds a device that multiplies wrongly', async () => {
    await openDevice('cpu');
    const cpu = tf.findBackend('cpu');
    tf.copyRegisteredKernels('cpu', 'crooked');
    const stock = tf.getKernel('BatchMatMul', 'cpu');
    tf.unregisterKernel('BatchMatMul', 'crooked');
    tf.registerKernel({
      kernelName: 'BatchMatMul',
      backendName: 'crooked',
      kernelFunc: (parameters) => {
        const product = stock.kernelFunc(parameters) as tf.TensorInfo;
        return tf.getKernel('Neg', 'cpu').kernelFunc({ ...parameters, inputs: { x: product } });
      },
    });
    tf.registerBackend('crooked', () => cpu, 0);
    await tf.setBackend('crooked');
    expect(await checkProduct()).toMatch(/^it multiplies wrongly \(.* for .*\)$/);
    await openDevice('cpu');
    tf.removeBackend('crooked');
  });
});

/** Compiles an addon of one function, "open", whose loading runs `body` first. */
function compileAddon(name: string, body: string): string {
  const target = join(folder, name);
  mkdirSync(target);
  const headers: string = createRequire(import.meta.url)('node-api-headers').include_dir;
  const source = join(target, 'addon.cc');
  writeFileSync(
    source,
    `#include <node_api.h>
#include <stdlib.h>
static napi_value Open(napi_env, napi_callback_info) { return nullptr; }
NAPI_MODULE_INIT() {
  ${body}
  napi_value open;
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, Open, nullptr, &open);
  napi_set_named_property(env, exports, "open", open);
  return exports;
}
`,
  );
  const output = join(target, 'kernels.node');
  const [compiler = 'c++', ...first] = (process.env.CXX ?? 'c++').split(/\s+/);
  execFileSync(compiler, [...first, '-shared', '-fPIC', `-I${headers}`, source, '-o', output]);
  return target;
}

describe.runIf('addon' in loadAddon())('kernels that are damaged', () => {
  it('are not loaded when half of the file is missing', async () => {
    const built = fileURLToPath(new URL('./native/build/', import.meta.url));
    const half = join(folder, 'half');
    mkdirSync(half);
    const whole = readFileSync(join(built, 'kernels.node'));
    writeFileSync(join(half, 'kernels.node'), whole.subarray(0, whole.length >> 1));
    writeFileSync(join(half, 'kernels.sha256'), readFileSync(join(built, 'kernels.sha256')));
    await expect(openDevice('native', { kernelFolder: half })).rejects.toThrow(
      'The native device is not there: the compiled kernels are not what was built (run `npm rebuild @touchstone/trainer`).',
    );
  });

  it('are refused by the function that they lack', async () => {
    const older = compileAddon('older', '');
    await expect(openDevice('native', { kernelFolder: older })).rejects.toThrow(/lack the function gemm/);
    const lines: string[] = [];
    const device = await openDevice('auto', { kernelFolder: older, say: (line) => lines.push(line) });
    expect(device.name).toBe('wasm');
    expect(lines).toHaveLength(1);
  });

  it('end only the process that tries them when they crash', async () => {
    const crashing = compileAddon('crashing', 'abort();');
    expect(await probeDevice('native', { measure: false, kernelFolder: crashing })).toEqual({
      crashed: true,
      reason: 'it ended its process (SIGABRT)',
    });
  });
});

describe('probeDevice', () => {
  it('opens a device in a process of its own and measures it', async () => {
    const probed = await probeDevice('wasm', { measure: true });
    if ('reason' in probed) throw new Error(probed.reason);
    expect(probed.description).toMatch(/^wasm \(tfjs 4\.22\.0 on WebAssembly, SIMD\)$/);
    expect(probed.gflops).toBeGreaterThan(0.01);
    expect(probed.gflops).toBeLessThan(1000);
  });
});

describe('what auto knows of graphics processors', () => {
  it('tells programs from hardware by what an adapter says of itself', () => {
    const info = { vendor: '', architecture: '', device: '', description: '' };
    expect(isSoftware({ ...info, vendor: 'google', architecture: 'swiftshader' })).toBe(true);
    expect(isSoftware({ ...info, description: 'llvmpipe (LLVM 15.0.6, 256 bits)' })).toBe(true);
    expect(isSoftware({ ...info, description: 'Microsoft Basic Render Driver' })).toBe(true);
    expect(isSoftware({ ...info, vendor: 'unknown', isFallbackAdapter: true })).toBe(true);
    expect(isSoftware({ ...info, vendor: 'nvidia', description: 'NVIDIA GeForce RTX 4090' })).toBe(false);
    expect(isSoftware({ ...info, vendor: 'intel', architecture: 'gen-12lp' })).toBe(false);
  });

  it('looks for a driver before it starts Dawn', () => {
    const devices = join(folder, 'dev');
    mkdirSync(join(devices, 'dri'), { recursive: true });
    expect(mayHaveGpu('linux', devices)).toBe(false);
    writeFileSync(join(devices, 'dri', 'renderD128'), '');
    expect(mayHaveGpu('linux', devices)).toBe(true);
    expect(mayHaveGpu('linux', join(folder, 'nowhere'))).toBe(false);
    expect(mayHaveGpu('darwin')).toBe(true);
    expect(mayHaveGpu('freebsd')).toBe(false);
  });
});

describe.skipIf('reason' in loadAddon())('a setting of the native device that cannot be had', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is said, and auto takes no other device in its place', async () => {
    vi.stubEnv('TOUCHSTONE_BLAS', '/nowhere/blas.so');
    await expect(openDevice('auto')).rejects.toThrow('TOUCHSTONE_BLAS is "/nowhere/blas.so"');
    vi.stubEnv('TOUCHSTONE_BLAS', 'off');
    vi.stubEnv('TOUCHSTONE_PRECISION', 'half');
    await expect(openDevice('auto')).rejects.toThrow('The precision is "half": expected float32 or bf16.');
  });
});
