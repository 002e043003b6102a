import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeviceName, deviceNames, listDevices, openDevice } from './device.ts';
import { tf } from './tf.ts';

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
    const native = listDevices({ kernelFolder: folder }).find(({ name }) => name === 'native');
    expect(native).toMatchObject({ present: false, reason: expect.stringContaining('no C++ compiler') });
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
      'Unknown device "cuda": expected auto, native, wasm, cpu.',
    );
  });

  it('refuses a number of threads that is none', async () => {
    await expect(openDevice('cpu', { threads: 0 })).rejects.toThrow(/threads is 0: expected a positive/);
  });

  it.each(listDevices().filter(({ present }) => present))(
    'opens $name and computes on it',
    async ({ name }) => {
      const device = await openDevice(name);
      expect(tf.getBackend()).toBe(name);
      expect(device.threads).toBeGreaterThanOrEqual(1);
      const product = tf.tidy(() => tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync()[0]);
      expect(product).toBe(11);
      expect(deviceNames).toContain(device.name);
    },
  );
});
