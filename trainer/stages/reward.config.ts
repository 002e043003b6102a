import { z } from 'zod';
import * as field from './shared/fields.ts';

/** Settings of reward modelling: a score that orders completions as people did. */
export const rewardConfig = z
  .strictObject({
    seed: field.seed,
    model: field.path.describe(
      'Checkpoint folder of the SFT model that the reward model starts from. IG: the 6B SFT model.',
    ),
    rankings: field.path.describe(
      'JSON lines of { prompt, completions[], ranks[] (1 = best, equal = tie), strength?, labeler?, split? } or { prompt, chosen, rejected, margin? }.',
    ),
    validation: field.path
      .nullable()
      .default(null)
      .describe('Held-out rankings; null splits them off by prompt.'),
    validationFraction: field
      .validationFraction(0.1)
      .describe('Share of prompts held out where no validation file is given and no line names its split.'),
    heldOutLabelerFraction: field.fraction
      .default(0)
      .describe(
        'Share of labelers, by a hash of their names, who are not learned from but measured on. IG: 0.2, five times.',
      ),

    epochs: field.positiveInteger.default(1).describe('Passes over the rankings. IG: 1 (more overfits).'),
    batchSize: field.positiveInteger
      .default(64)
      .describe('Rankings in one step; all pairs of a ranking are one element. IG: 64 prompts.'),
    microBatchSize: field.microBatch('Rankings', 16),
    learningRate: field.learningRate(1e-4).describe('Peak learning rate. IG: 9e-6 at 6B parameters.'),
    ...field.schedule('cosine', 0, 0.1),
    weightDecay: field.weightDecay(0),
    ...field.optimizer,
    dropout: field.dropout(0, 'IG names none for the reward model.'),
    centering: field.nonNegative
      .default(0)
      .describe(
        'Coefficient of mean((r_w + r_l)²), which keeps scores near 0 (Eisenstein et al. 2023: 0.01).',
      ),

    margin: z
      .enum(['none', 'strength'])
      .default('none')
      .describe(
        "By how much a pair's scores should differ: nothing, or a line's margin, or by its strength from 1 to 4: 0, 1/3, 2/3, 1 (Llama 2, table 27).",
      ),

    normalization: z
      .enum(['completions', 'samples', 'demonstrations', 'none'])
      .default('completions')
      .describe(
        'Afterwards: mean 0 and std 1 over the ranked completions, or over new samples of the SFT model (LMHP), or demonstrations at mean 0 (IG), or neither.',
      ),
    demonstrations: field.path
      .nullable()
      .default(null)
      .describe("JSON lines of demonstrations; needed for normalization 'demonstrations'."),
    normalizationSamples: z
      .int()
      .min(2)
      .default(256)
      .describe("Samples of the SFT model for normalization 'samples', over the prompts in turn. LMHP: 256."),
    normalizationTokens: field.positiveInteger.default(48).describe('Longest of these samples, in tokens.'),

    validateEvery: field.positiveInteger
      .default(10)
      .describe('Steps between two measurements on held-out rankings.'),
    checkpointEvery: field.checkpointEvery(25),
    keepCheckpointEvery: field.keepCheckpointEvery,
    lineage: field.lineage,
  })
  .superRefine((config, context) => {
    if (config.normalization === 'demonstrations' && config.demonstrations === null) {
      context.addIssue({
        code: 'custom',
        path: ['demonstrations'],
        message: "is needed when normalization is 'demonstrations'",
      });
    }
  });

export type RewardConfig = z.output<typeof rewardConfig>;
export type RewardInput = z.input<typeof rewardConfig>;
