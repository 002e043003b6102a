import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDevice } from '@touchstone/trainer/engine/device.ts';
import { runStage } from '@touchstone/trainer/stages/index.ts';
import { z } from 'zod';
import { measurement } from '../row.ts';
import type { Suite } from '../suite.ts';

const CORPUS = fileURLToPath(new URL('../../../../shared/data/shakespeare.txt', import.meta.url));
const CONFIG = new URL('./shakespeare.json', import.meta.url);

/** What nanoGPT's README gives for a model of this size after as many steps of this batch. */
const PUBLISHED_LOSS = 1.88;

/** Whether the stages learn as well as published implementations do. */
export const suite: Suite = {
  async run({ threads, say }) {
    if (!existsSync(CORPUS)) {
      say(`Not measured: shakespeare-loss needs the corpus at ${CORPUS}.`);
      return [];
    }
    const config = z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(CONFIG, 'utf8')));
    const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
    try {
      await openDevice('auto', { threads });
      const began = performance.now();
      const { metrics } = await runStage(
        'pretrain',
        { ...config, sources: [{ path: CORPUS }] },
        {
          runFolder: folder,
          signal: new AbortController().signal,
          onMetrics({ step, values: { loss, validationLoss } }) {
            if (validationLoss !== undefined)
              say(`step ${step}: loss ${loss?.toFixed(3)}, held out ${validationLoss.toFixed(3)}`);
          },
          onSamples: () => {},
          onMessage: say,
        },
      );
      say(`shakespeare-loss: ${((performance.now() - began) / 1000).toFixed(0)} s.`);
      const ours = metrics.validationLoss ?? Number.NaN;
      return [measurement('shakespeare-loss', 'nats/character', 'lower', { ours, peer: PUBLISHED_LOSS })];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
