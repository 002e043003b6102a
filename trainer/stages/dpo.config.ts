import { z } from 'zod';
import * as field from './shared/fields.ts';

/** Settings of direct preference optimization (Rafailov et al. 2023): a policy from rankings, without a reward model. */
export const dpoConfig = z
  .strictObject({
    seed: field.seed,
    model: field.path.describe('Checkpoint folder of the SFT model that the policy starts from.'),
    reference: field.path
      .nullable()
      .default(null)
      .describe('Checkpoint folder of the reference; null: the model that the policy starts from.'),
    rankings: field.path.describe(
      'JSON lines of { prompt, completions[], ranks[] (1 = best, equal = tie), split? } or { prompt, chosen, rejected }.',
    ),
    validation: field.path
      .nullable()
      .default(null)
      .describe('Held-out rankings; null splits them off by prompt.'),
    validationFraction: field
      .validationFraction(0.1)
      .describe('Share of prompts held out where no validation file is given and no line names its split.'),

    beta: field.positive
      .default(0.1)
      .describe('Price of leaving the reference: an implicit reward is β times a log-ratio. Rafailov: 0.1.'),
    loss: z
      .enum(['sigmoid', 'ipo'])
      .default('sigmoid')
      .describe(
        'Of a pair with difference Δ: −log σ(Δ) (DPO), or (Δ/β − 1/(2β))², which has a target (IPO, Azar et al. 2023).',
      ),
    labelSmoothing: z
      .number()
      .min(0)
      .lt(0.5)
      .default(0)
      .describe('Share of labels taken to be the wrong way round, for the sigmoid loss (cDPO). Rafailov: 0.'),

    epochs: field.positiveInteger.default(1).describe('Passes over the rankings. TRL: 3.'),
    batchSize: field.positiveInteger
      .default(64)
      .describe('Rankings in one step; all pairs of a ranking are one element. Rafailov: 64 pairs.'),
    microBatchSize: field.microBatch('Rankings', 16),
    learningRate: field.learningRate(5e-5).describe('Peak learning rate. Rafailov: 1e-6 at 6B parameters.'),
    ...field.schedule('cosine', 0, 0.1),
    weightDecay: field.weightDecay(0),
    ...field.optimizer,

    validateEvery: field.positiveInteger
      .default(10)
      .describe('Steps between two measurements on held-out rankings.'),
    checkpointEvery: field.checkpointEvery(25),
    keepCheckpointEvery: field.keepCheckpointEvery,
    ...field.samples(25, 48),
    lineage: field.lineage,
  })
  .superRefine((config, context) => {
    if (config.loss === 'ipo' && config.labelSmoothing > 0) {
      context.addIssue({
        code: 'custom',
        path: ['labelSmoothing'],
        message: "is for the loss 'sigmoid': expected 0 with 'ipo'",
      });
    }
  });

export type DpoConfig = z.output<typeof dpoConfig>;
export type DpoInput = z.input<typeof dpoConfig>;
