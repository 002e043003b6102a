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

    family: z
      .enum(['gpt2', 'llama', 'qwen2'])
      .default('gpt2')
      .describe(
        'What the model is: GPT-2, Llama, or Qwen2 (a Llama with biases of queries, keys and values).',
      ),
    context: field.positiveInteger.default(128).describe('Longest sequence of the model, in tokens.'),
    width: field.positiveInteger.default(192).describe('Width of the residual stream.'),
    layers: field.positiveInteger.default(4).describe('Transformer blocks.'),
    heads: field.positiveInteger.default(6).describe('Attention heads; must divide the width.'),
    keyValueHeads: field.positiveInteger
      .nullable()
      .default(null)
      .describe(
        'Heads of keys and values, which heads of queries share; must divide `heads`. null: as many. GPT-2 shares none.',
      ),
    innerWidth: field.positiveInteger
      .nullable()
      .default(null)
      .describe(
        'Width of the feed-forward layer. null: 4 times the width in a GPT-2, 8/3 times, in whole 32s, in a Llama.',
      ),
    ropeTheta: field.positive
      .nullable()
      .default(null)
      .describe(
        'Base of the rotary frequencies of a Llama. null: 10,000 (Su et al. 2021). A GPT-2 learns its positions.',
      ),
    tiedHead: z
      .boolean()
      .nullable()
      .default(null)
      .describe(
        'Whether the token embedding is the output layer as well. null: yes, as in small Llamas and every GPT-2.',
      ),

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
    const refuse = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (config.family === 'gpt2') {
      if (config.keyValueHeads !== null)
        refuse('keyValueHeads', 'a GPT-2 has none of their own: expected null');
      if (config.ropeTheta !== null) refuse('ropeTheta', 'a GPT-2 learns its positions: expected null');
      if (config.tiedHead === false)
        refuse('tiedHead', "a GPT-2's head is its token embedding: expected true or null");
      return;
    }
    if (config.heads % (config.keyValueHeads ?? config.heads) !== 0) {
      refuse('keyValueHeads', `must divide the heads (${config.heads}), ${config.keyValueHeads} does not`);
    }
    if ((config.width / config.heads) % 2 !== 0) {
      refuse(
        'heads',
        `must leave heads of an even size, to be turned in pairs, ${config.width / config.heads} is not`,
      );
    }
    if (config.ropeTheta !== null && config.ropeTheta <= 1) refuse('ropeTheta', 'expected more than 1');
  });

export type PretrainConfig = z.output<typeof pretrainConfig>;
export type PretrainInput = z.input<typeof pretrainConfig>;
