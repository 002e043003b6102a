/**
 * Runs tfjs-core's own specs on one device, and writes what happens to a file (record.ts). A process of its own, made
 * into one bundle by bundle.ts: the specs import tfjs's modules one by one, and every import of it, the device's too,
 * must come to the same ones.
 *
 * Arguments: the record's file, the device, the kernels' variant ('' for the CPU backend), threads, the folder of the
 * compiled kernels, and a part of the names of the specs to run ('' for all).
 */
import { openSync, writeSync } from 'node:fs';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import { openDevice } from '@touchstone/trainer/engine/device.ts';
import { loadAddon } from '@touchstone/trainer/engine/native/addon.ts';
import { BufferPool } from '@touchstone/trainer/engine/native/buffer-pool.ts';
import { tf } from '@touchstone/trainer/engine/tf.ts';
import jasmineRequire from 'jasmine-core/lib/jasmine-core/jasmine.js';
import { z } from 'zod';
import type { RecordLine } from './record.ts';

const Arguments = z.tuple([
  z.string(),
  z.enum(['cpu', 'native']),
  z.enum(['', 'avx512', 'avx2', 'portable']),
  z.coerce.number().int().positive(),
  z.string(),
  z.string(),
]);
const [file, device, wanted, threads, kernelFolder, filter] = Arguments.parse(process.argv.slice(2));
const handle = openSync(file, 'a');
const write = (line: RecordLine): void => {
  writeSync(handle, `${JSON.stringify(line)}\n`);
};

/** Arrays of the pool hold NaN, so that a kernel that leaves a cell unwritten, or reads a freed one, is found out. */
function poisonPool(): void {
  const { take, give } = BufferPool.prototype;
  BufferPool.prototype.take = function (length) {
    return take.call(this, length).fill(Number.NaN);
  };
  BufferPool.prototype.give = function (array) {
    give.call(this, array.fill(Number.NaN));
  };
}

async function open(): Promise<void> {
  poisonPool();
  await openDevice(device, { threads, kernelFolder });
  if (wanted === '') return;
  const loaded = loadAddon(kernelFolder);
  const got = 'addon' in loaded ? loaded.addon.open(wanted, 0) : loaded.reason;
  if (got !== wanted) throw new Error(`The native device was to run its ${wanted} kernels: ${got}.`);
}

/** How many tensors' data the device still holds; asking `tf.backend()` without looking first would open one. */
function dataHeld(): number {
  return tf.getBackend() === device ? tf.backend().numDataIds() : 0;
}

async function runSpecs(): Promise<void> {
  const jasmine = jasmineRequire.core(jasmineRequire);
  const env = jasmine.getEnv();
  Object.assign(globalThis, { jasmine }, jasmineRequire.interface(jasmine, env));
  // The asynchronous specs wait for nothing long: this is for machines that are busy.
  jasmine.DEFAULT_TIMEOUT_INTERVAL = 60_000;
  setTestEnvs([{ name: device, backendName: device, isDataSync: true, flags: {} }]);
  await import('@tensorflow/tfjs-core/dist/tests.js');

  // jasmine_util puts device and flags after the name of each of its suites: "matmul native {} A x B".
  const nameOf = (fullName: string): string => fullName.replaceAll(` ${device} {}`, '');
  const tell = (expectations: { message: string }[]): string =>
    expectations.map(({ message }) => message.split('\n')[0]).join('; ');
  env.configure({
    random: false,
    specFilter: (spec) => nameOf(spec.getFullName()).toLowerCase().includes(filter.toLowerCase()),
  });
  env.addReporter({
    specStarted: ({ fullName }) => write({ event: 'start', spec: nameOf(fullName) }),
    specDone: ({ fullName, status, failedExpectations }) => {
      if (status === 'excluded') return;
      const message = tell(failedExpectations);
      write({ event: 'done', spec: nameOf(fullName), status, message, held: dataHeld() });
    },
    suiteDone: ({ fullName, failedExpectations }) => {
      if (failedExpectations.length === 0) return;
      write({ event: 'problem', where: nameOf(fullName), message: tell(failedExpectations) });
    },
    jasmineDone: ({ failedExpectations }) => {
      if (failedExpectations.length === 0) return;
      write({ event: 'problem', where: 'the whole run', message: tell(failedExpectations) });
    },
  });
  await env.execute();
}

await open();
await runSpecs();
write({ event: 'end' });
// A spec may have left a timer behind.
process.exit(0);
