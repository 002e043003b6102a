import { z } from 'zod';
import * as field from './shared/fields.ts';

/** Settings of pretraining: next-token prediction on a mixture of documents. */
export const pretrainConfig = z
  .strictObject({
    seed: field.seed,
    sources: z
      .array(
        z.strictObject({
          path: field.path.describe(
            'JSON lines of { text, source? }, or a .txt file that counts as one document.',
          ),
          weight: field.positive
            .default(1)
            .describe('Share of rows drawn from it, relative to the other sources.'),
        }),
      )
      .min(1)
      .describe('The data mixture.'),
    validationFraction: field
      .validationFraction(0.05)
      .describe('Share of documents (of one document: its end) held out.'),

    tokenizer: field.path
      .nullable()
      .default(null)
      .describe('Folder of a tokenizer.json to use; null trains one on the sources.'),
    tokenizerKind: z
      .enum(['bpe', 'characters'])
      .default('bpe')
      .describe('What to train: byte-level BPE, or one token a character (as nanoGPT does on Shakespeare).'),
    vocabularySize: z
      .int()
      .min(258)
      .default(512)
      .describe('Tokens of the BPE trained here: 256 bytes, 2 special tokens, the rest merges.'),

    context: field.positiveInteger.default(128).describe('Longest sequence of the model, in tokens.'),
    width: field.positiveInteger.default(192).describe('Width of the residual stream.'),
    layers: field.positiveInteger.default(4).describe('Transformer blocks.'),
    heads: field.positiveInteger.default(6).describe('Attention heads; must divide the width.'),

    steps: field.positiveInteger.default(1000).describe('Optimizer steps.'),
    batchSize: field.positiveInteger.default(16).describe('Rows of `context` tokens in one step.'),
    microBatchSize: field.microBatch('Rows'),
    gradientCheckpointing: field.gradientCheckpointing,
    learningRate: field.learningRate(1e-3),
    ...field.schedule('cosine', 50, 0.1),
    weightDecay: field.weightDecay(0.1),
    ...field.optimizer,
    dropout: field.dropout(0, 'GPT-3: none in pretraining on fresh data.'),

    validateEvery: field.positiveInteger
      .default(100)
      .describe('Steps between two measurements on held-out text.'),
    validationRows: field.positiveInteger
      .default(32)
      .describe('Held-out rows measured; always the same ones.'),
    checkpointEvery: field.checkpointEvery(100),
    keepCheckpointEvery: field.keepCheckpointEvery,
    ...field.samples(100, 48),
    lineage: field.lineage,
  })
  .superRefine((config, context) => {
    if (config.width % config.heads !== 0) {
      context.addIssue({
        code: 'custom',
        path: ['heads'],
        message: `must divide the width (${config.width}), ${config.heads} does not`,
      });
    }
  });

export type PretrainConfig = z.output<typeof pretrainConfig>;
export type PretrainInput = z.input<typeof pretrainConfig>;
