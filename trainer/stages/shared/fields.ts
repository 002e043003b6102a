import { z } from 'zod';

/**
 * The fields that stages have in common, each with its meaning, unit and source. Sources: "IG" is the InstructGPT paper
 * (Ouyang et al. 2022, appendix C), "LMHP" openai/lm-human-preferences, "GPT-3" Brown et al. 2020 (appendix B).
 */

export const positiveInteger = z.int().positive();
export const wholeNumber = z.int().nonnegative();
export const positive = z.number().positive();
export const nonNegative = z.number().nonnegative();
/** From 0 to 1, both included. */
export const fraction = z.number().min(0).max(1);
export const path = z.string().min(1);

export const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)
  .default(1)
  .describe('Seed of every random draw of the run. Same seed, device and threads: the same bits.');

/** Where a checkpoint came from; kept in its touchstone.json. */
export const lineage = z
  .strictObject({
    parent: z
      .string()
      .nullable()
      .default(null)
      .describe('Identifier of the parent model, as the caller names it.'),
    dataset: z
      .strictObject({ version: z.string(), hash: z.string() })
      .nullable()
      .default(null)
      .describe('The dataset version that was used, and the hash of its content.'),
  })
  .prefault({})
  .describe(
    'Names that the caller gives to parent and data; written into the checkpoint, not used in training.',
  );

export const weightDecay = (value: number) =>
  nonNegative
    .default(value)
    .describe(
      'Decoupled weight decay of matrices; biases, norms and embeddings of positions have none. GPT-3: 0.1.',
    );

export const optimizer = {
  beta1: z.number().min(0).lt(1).default(0.9).describe('AdamW: decay of the mean of gradients. IG: 0.9.'),
  beta2: z
    .number()
    .min(0)
    .lt(1)
    .default(0.95)
    .describe('AdamW: decay of the mean of squared gradients. IG: 0.95.'),
  epsilon: positive
    .default(1e-8)
    .describe('AdamW: added to the root of the second moment, after bias correction. GPT-3: 1e-8.'),
  epsilonForm: z
    .enum(['pytorch', 'tensorflow'])
    .default('pytorch')
    .describe(
      'Where epsilon is added: after the bias correction (PyTorch), or before it (TensorFlow; LMHP).',
    ),
  gradientClip: positive
    .default(1)
    .describe('Largest global norm of a step’s gradient; a longer one is scaled to it. GPT-3, LMHP: 1.'),
};

export const learningRate = (value: number) =>
  positive
    .default(value)
    .describe('Peak learning rate, per optimizer step. Small models need larger ones than published.');

export const schedule = (shape: 'cosine' | 'constant', warmup: number, final: number) => ({
  schedule: z
    .enum(['cosine', 'constant'])
    .default(shape)
    .describe('Course of the learning rate after warm-up: cosine to the final fraction, or constant.'),
  warmupSteps: wholeNumber
    .default(warmup)
    .describe('Optimizer steps of linear rise from 0 to the peak. IG (SFT, reward): 0.'),
  finalLearningRateFraction: fraction
    .default(final)
    .describe('Cosine only: the fraction of the peak that the last step has. IG: 0.1.'),
});

export const checkpointEvery = (value: number) =>
  positiveInteger
    .default(value)
    .describe(
      'Steps between two saves of the full state (weights, moments, cursors). A kill costs at most these.',
    );

export const keepCheckpointEvery = wholeNumber
  .default(0)
  .describe('Steps between two Hugging Face folders kept under checkpoints/; 0 keeps only the final one.');

export const samples = (every: number, tokens: number) => ({
  samplePrompts: z
    .array(z.string())
    .default([])
    .describe('Fixed prompts that the model completes during training, so that one sees it change.'),
  sampleEvery: positiveInteger.default(every).describe('Steps between two rounds of samples.'),
  sampleTokens: positiveInteger.default(tokens).describe('Longest sample, in tokens.'),
  sampleTemperature: nonNegative
    .default(0.7)
    .describe('Temperature of samples; 0 takes the likeliest token.'),
});

export const dropout = (value: number, source: string) =>
  z
    .number()
    .min(0)
    .lt(1)
    .default(value)
    .describe(`Residual dropout while training: the share of cells set to zero. ${source}`);

export const validationFraction = (value: number) =>
  z
    .number()
    .min(0)
    .max(0.5)
    .default(value)
    .describe('Share of the data held out where no validation file is given; split by a hash of the prompt.');

export const microBatch = (unit: string, value: number | null = null) =>
  positiveInteger
    .nullable()
    .default(value)
    .describe(`${unit} computed at once; null: the whole step. Changes memory, not the result.`);
