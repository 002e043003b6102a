import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Measurement, measurement } from '../row.ts';
import type { BenchOptions, Suite } from '../suite.ts';
import { type Contenders, startContenders } from './contenders.ts';
import { type Limits, measureLimits } from './limits.ts';
import { matmulRows } from './matmul.ts';
import { memoryRows } from './memory.ts';
import { contextRows, scalingRows } from './scaling.ts';
import { generateRow, ppoRow, trainStepRow } from './speed.ts';

/** The trainer's engine against PyTorch eager and against the machine, on the reference model of 1.9 M parameters. */
export const suite: Suite = {
  async run(options) {
    const sides = await startContenders(options);
    try {
      const limits = await measureLimits(sides, options);
      const parts: Record<string, () => Promise<Measurement[]> | Measurement[]> = {
        'train-step': async () => [await trainStepRow(sides, limits, options)],
        generate: async () => [await generateRow(sides, limits, options)],
        'ppo-iteration': async () => [await ppoRow(sides, limits, options)],
        memory: () => memoryRows(sides, options),
        'context-scaling': () => contextRows(sides, limits, options),
        matmul: () => matmulRows(sides, limits, options),
        'the peer as found': () => rowsAsFound(sides, limits, options),
      };
      if (options.full) {
        parts.scaling = () => scalingRows(sides, limits, options);
        parts['long-run'] = () => [longRunRow(options)];
      }
      const rows: Measurement[] = [];
      for (const [name, measure] of Object.entries(parts)) {
        options.say(`Measuring ${name} …`);
        rows.push(...(await measure()));
      }
      if (!options.full) options.say('Not measured without --full: scaling of train-step, and long-run.');
      return rows;
    } finally {
      await sides.ours.stop();
      await sides.peer?.stop();
      await sides.peerAsFound?.stop();
    }
  },
};

/**
 * The three speed rows again, against PyTorch in the environment that it was found in: what somebody who changes nothing
 * compares. The other rows have it in the fastest of several environments.
 */
async function rowsAsFound(sides: Contenders, limits: Limits, options: BenchOptions): Promise<Measurement[]> {
  if (!sides.peerAsFound) return [];
  const found = { ...sides, peer: sides.peerAsFound };
  const rows: Measurement[] = [];
  for (const measure of [trainStepRow, generateRow, ppoRow]) rows.push(await measure(found, limits, options));
  return rows.map((row) => ({ ...row, name: `${row.name}/peer-as-found` }));
}

/** `long-run`: megabytes gained over 4,000 of 8,000 training steps. @throws Error when tensors are left behind */
function longRunRow({ threads, say }: BenchOptions): Measurement {
  const steps = 8000;
  const script = fileURLToPath(new URL('./long-run.ts', import.meta.url));
  const args = ['--expose-gc', '--import', 'tsx', script, String(steps), String(threads)];
  const printed: unknown = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  const { tensors, bytes } = z.object({ tensors: z.int(), bytes: z.number() }).parse(printed);
  if (tensors !== 0) throw new Error(`${steps} training steps left ${tensors} tensors behind.`);
  say(`long-run: ${steps} training steps left no tensor behind.`);
  return measurement('long-run', 'MB gained in 4,000 steps', 'lower', { ours: bytes / 1e6 });
}
