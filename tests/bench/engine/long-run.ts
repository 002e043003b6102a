/**
 * Thousands of training steps of a small model in a process of their own: prints the tensors that were left and the
 * resident bytes gained between the second quarter and the last, garbage aside, as JSON. Usage:
 * node --expose-gc --import tsx long-run.ts steps threads.
 */
import { openDevice } from '@touchstone/trainer/engine/device.ts';
import { tf } from '@touchstone/trainer/engine/tf.ts';
import { median } from '../row.ts';
import { trainStep } from './tasks.ts';

const [steps = 0, threads = 1] = process.argv.slice(2).map(Number);
await openDevice('native', { threads });
const shape = { vocabulary: 128, width: 32, layers: 2, heads: 2, context: 32 };
const task = trainStep({ shape, rows: 4, columns: 32 });
await task.run();
const tensors = tf.memory().numTensors;
const resident: number[] = [];
for (let step = 1; step <= steps; step++) {
  await task.run();
  if (step % 100 !== 0) continue;
  globalThis.gc?.();
  resident.push(process.memoryUsage.rss());
}
const quarter = resident.length / 4;
console.log(
  JSON.stringify({
    tensors: tf.memory().numTensors - tensors,
    bytes: median(resident.slice(-quarter)) - median(resident.slice(quarter, 2 * quarter)),
  }),
);
