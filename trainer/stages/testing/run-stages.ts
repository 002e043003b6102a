/**
 * Runs stages side by side in one process, to be killed at any time; a line of standard output for each step. Usage:
 * node --import tsx run-stages.ts '[{ "stage": "sft", "config": {…}, "folder": "…" }, …]'
 */
import { z } from 'zod';
import { openDevice } from '../../engine/device.ts';
import { runStage } from '../index.ts';
import { stageNames } from '../types.ts';

const runs = z
  .array(
    z.strictObject({
      stage: z.enum(stageNames),
      config: z.record(z.string(), z.unknown()),
      folder: z.string(),
    }),
  )
  .parse(JSON.parse(process.argv[2] ?? ''));

await openDevice('auto');
await Promise.all(
  runs.map(({ stage, config, folder }) =>
    runStage(stage, config, {
      runFolder: folder,
      signal: new AbortController().signal,
      onMetrics({ step }) {
        process.stdout.write(`${stage} ${step}\n`);
        // A turn of the event loop: the stages take turns, and the line leaves this process.
        return new Promise((resolve) => setImmediate(resolve));
      },
      onSamples: () => undefined,
      onMessage: () => undefined,
    }),
  ),
);
