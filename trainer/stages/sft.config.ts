import { z } from 'zod';
import * as field from './shared/fields.ts';

/** Settings of supervised fine-tuning: the model learns to write what people demonstrated. */
export const sftConfig = z.strictObject({
  seed: field.seed,
  model: field.path.describe('Checkpoint folder to start from.'),
  demonstrations: field.path.describe('JSON lines of { prompt, completion } or { messages }.'),
  validation: field.path
    .nullable()
    .default(null)
    .describe('Held-out demonstrations; null splits them off by prompt.'),
  validationFraction: field.validationFraction(0.05),

  epochs: field.positiveInteger
    .default(16)
    .describe('Passes over the demonstrations. IG: 16 (reward keeps rising after validation loss turns).'),
  batchSize: field.positiveInteger.default(32).describe('Demonstrations in one step. IG: 32.'),
  microBatchSize: field.microBatch('Packed rows'),
  gradientCheckpointing: field.gradientCheckpointing,
  lora: field.lora,
  learningRate: field
    .learningRate(3e-4)
    .describe('Peak learning rate. IG: 9.65e-6 at 1.3B and 6B parameters.'),
  ...field.schedule('cosine', 0, 0.1),
  weightDecay: field.weightDecay(0),
  ...field.optimizer,
  dropout: field.dropout(0.2, 'IG: 0.2.'),

  validateEvery: field.positiveInteger
    .default(25)
    .describe('Steps between two measurements on held-out demonstrations.'),
  checkpointEvery: field.checkpointEvery(50),
  keepCheckpointEvery: field.keepCheckpointEvery,
  ...field.samples(25, 48),
  lineage: field.lineage,
});

export type SftConfig = z.output<typeof sftConfig>;
export type SftInput = z.input<typeof sftConfig>;
