/** Our side of the duels: reads one request a line, answers each with the seconds of its repeats. See contender.ts. */
import { createInterface } from 'node:readline';
import { openDevice } from '@touchstone/trainer/engine/device.ts';
import { z } from 'zod';
import { makeTask, type Task } from './tasks.ts';

const requestSchema = z.object({
  task: z.string(),
  settings: z.record(z.string(), z.unknown()),
  repeats: z.int().positive(),
  threads: z.int().positive(),
});

const tasks = new Map<string, Task>();
const { description } = await openDevice('native', { threads: 1 });
console.log(description);
let threads = 1;
for await (const line of createInterface({ input: process.stdin })) {
  const request = requestSchema.parse(JSON.parse(line));
  if (request.threads !== threads) await openDevice('native', { threads: request.threads });
  threads = request.threads;
  const key = JSON.stringify([request.task, request.settings]);
  const task = tasks.get(key) ?? (await makeTask(request.task, request.settings));
  tasks.set(key, task);
  await task.run();
  const seconds: number[] = [];
  for (let repeat = 0; repeat < request.repeats; repeat++) {
    const began = performance.now();
    const own = await task.run();
    seconds.push(own ?? (performance.now() - began) / 1000);
  }
  console.log(JSON.stringify({ seconds }));
}
for (const task of tasks.values()) await task.close?.();
