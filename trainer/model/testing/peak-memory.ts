/**
 * Peak resident memory of training steps on the native device above what the process held before the model was made,
 * in bytes, as JSON on one line. Usage: node --expose-gc --import tsx peak-memory.ts '{"config": …, "rows": 16,
 * "columns": 128, "threads": 2}', with "gradientCheckpointing" and "rank" (of adapters) if wanted. Linux only counts from here on; elsewhere the peak of the whole process has to do.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { emptyTrainingBatch } from '../../data/batch.ts';
import { openDevice } from '../../engine/device.ts';
import { Random } from '../../engine/random.ts';
import { tf } from '../../engine/tf.ts';
import { countedWeight, summedLoss } from '../../stages/shared/language-model-loss.ts';
import { Learner } from '../../stages/shared/learner.ts';
import { LanguageModel } from '../language-model.ts';

const count = z.int().positive();
const shape = { vocabularySize: count, contextLength: count, width: count, layers: count, heads: count };
const { config, rows, columns, threads, gradientCheckpointing, rank } = z
  .strictObject({
    config: z.union([
      z.strictObject(shape),
      z.strictObject({ family: z.literal('llama'), ...shape, keyValueHeads: count, tiedHead: z.boolean() }),
    ]),
    rows: count,
    columns: count,
    threads: count,
    gradientCheckpointing: z.boolean().default(false),
    /** of adapters on all linear layers; 0 trains every weight */
    rank: z.int().nonnegative().default(0),
  })
  .parse(JSON.parse(process.argv[2] ?? ''));

function resident(field: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line?.[1]) * 1024;
}

/** Resident bytes now, and a function that gives the peak from now on. */
function forgetPeak(): { before: number; peak: () => number } {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return { before: resident('VmRSS'), peak: () => resident('VmHWM') };
  } catch {
    const peak = (): number => process.resourceUsage().maxRSS * 1024;
    return { before: peak(), peak };
  }
}

await openDevice('native', { threads });
globalThis.gc?.();
const { before, peak } = forgetPeak();
const base = LanguageModel.create(config, 1);
const model = rank > 0 ? base.adapt({ rank, alpha: 16, targets: 'all-linear' }, 2) : base;
model.gradientCheckpointing = gradientCheckpointing;
const learner = new Learner('model', model.trainable, {
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  epsilonForm: 'pytorch',
  weightDecay: 0.1,
  gradientClip: 1,
});
const random = new Random(1);
const batch = emptyTrainingBatch(rows, columns, 0);
for (let cell = 0; cell < rows * columns; cell++) {
  batch.tokens[cell] = random.integer(config.vocabularySize);
  batch.targets[cell] = random.integer(config.vocabularySize);
  batch.positions[cell] = cell % columns;
}
batch.segments.fill(1);
batch.weights.fill(1);
const divisor = countedWeight(batch);
for (let step = 0; step < 3; step++) {
  await learner.step([() => tf.div(summedLoss(model, batch), divisor)], 1e-3);
}
console.log(JSON.stringify({ bytes: peak() - before }));
