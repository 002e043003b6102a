/**
 * `npx tsx tests/docs/shakespeare.ts RUN`: draws docs/shakespeare.svg from the metrics of the run that docs/shakespeare.md
 * describes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TrainerError } from '@touchstone/trainer/errors.ts';
import { chart } from '@touchstone/trainer/evaluation/report/chart.ts';
import { styles } from '@touchstone/trainer/evaluation/report/styles.ts';
import { z } from 'zod';

const PUBLISHED_LOSS = 1.88;

const run = process.argv[2];
if (run === undefined) throw new TrainerError('Which run? Give the folder of a finished one.');
const line = z.looseObject({ step: z.number(), loss: z.number(), validationLoss: z.number().optional() });
const reports = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((text) => line.parse(JSON.parse(text)));
const picture = chart({
  title: 'Loss in nats a character over 2,000 steps: training, held out, and the published 1.88',
  xLabel: 'step',
  width: 720,
  y: [1.4, 3],
  marks: [
    {
      label: 'nanoGPT',
      hue: 'base',
      form: 'dashed',
      points: [0, 2000].map((x) => ({ x, y: PUBLISHED_LOSS })),
    },
    {
      label: '',
      hue: 'base',
      form: 'raw',
      points: reports.map(({ step, loss }) => ({ x: step, y: Math.min(loss, 3) })),
    },
    {
      label: 'held out',
      hue: 'sft',
      form: 'line',
      points: reports.flatMap(({ step, validationLoss }) =>
        validationLoss === undefined ? [] : [{ x: step, y: validationLoss }],
      ),
    },
  ],
});
// A picture of its own: the page's styles go into it, and it says what it is made of.
const standalone = picture.text.replace(
  '<svg ',
  `<svg xmlns="http://www.w3.org/2000/svg" width="720" height="240" style="background: var(--ground)" `,
);
const scoped = styles.replaceAll('html {', 'svg {').replace('max-width: 34rem;', '');
writeFileSync(
  new URL('../../docs/shakespeare.svg', import.meta.url),
  `${standalone.replace('>', `><style>${scoped}</style>`)}\n`,
);
