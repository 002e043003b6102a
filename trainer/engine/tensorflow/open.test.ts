import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openDevice } from '../device.ts';
import { checkProduct } from '../self-check.ts';
import { tf } from '../tf.ts';
import { startTensorFlow } from './open.ts';

// libtensorflow cannot be installed without a download, so a package of the same form stands in for it: it registers
// tfjs's CPU kernels under the name "tensorflow", with the tfjs that it finds, as tfjs-node does with its own.
const folder = mkdtempSync(join(tmpdir(), 'touchstone-tensorflow-'));
afterAll(() => rmSync(folder, { recursive: true }));

function install(name: string, program: string): void {
  const place = join(folder, 'node_modules', name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name, version: '4.22.0', main: 'index.js' }));
  writeFileSync(join(place, 'index.js'), program);
}

describe('the tensorflow device', () => {
  const from = join(folder, 'trainer.js');

  it('says that no package is installed', async () => {
    expect(await startTensorFlow(from)).toEqual({
      reason: 'neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed',
    });
  });

  it('names a package that cannot be loaded, or that came with another tfjs', async () => {
    install('@tensorflow/tfjs-node-gpu', 'throw new Error("libcudart.so.11.0: cannot open\\nmore");');
    install('@tensorflow/tfjs-node', 'module.exports = {};');
    expect(await startTensorFlow(from)).toEqual({
      reason:
        '@tensorflow/tfjs-node-gpu cannot be loaded (libcudart.so.11.0: cannot open); @tensorflow/tfjs-node is installed for another copy of tfjs: expected 4.22.0',
    });
  });

  it('starts with the package that is installed, and computes', async () => {
    const ours = createRequire(import.meta.url).resolve('@tensorflow/tfjs');
    const cpu = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-cpu');
    install(
      '@tensorflow/tfjs-node-gpu',
      `const tf = require(${JSON.stringify(ours)});
const { MathBackendCPU } = require(${JSON.stringify(cpu)});
tf.copyRegisteredKernels('cpu', 'tensorflow');
tf.registerBackend('tensorflow', () => new MathBackendCPU(), 3);
exports.version = { 'tfjs-node': '4.22.0' };`,
    );
    // Node keeps what it has loaded from a file, failures too: another folder.
    const second = join(folder, 'second');
    mkdirSync(second);
    const name = join('node_modules', '@tensorflow', 'tfjs-node-gpu');
    mkdirSync(join(second, name), { recursive: true });
    for (const file of ['package.json', 'index.js'])
      copyFileSync(join(folder, name, file), join(second, name, file));
    expect(await startTensorFlow(join(second, 'trainer.js'))).toEqual({
      description: 'tensorflow (libtensorflow through @tensorflow/tfjs-node-gpu 4.22.0)',
      threads: 1,
    });
    await tf.setBackend('tensorflow');
    expect(await checkProduct()).toBeNull();
    await openDevice('cpu');
  });
});
