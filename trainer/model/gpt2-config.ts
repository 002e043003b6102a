import { z } from 'zod';
import { TrainerError } from '../errors.ts';
import { commonFields, count, describingKeys, type ModelForm, type TokenRoles } from './config-file.ts';

/** The shape of a GPT-2 transformer. */
export interface Gpt2Config {
  /** may be left out */
  family?: 'gpt2' | undefined;
  /** V: rows of the token embedding, which is the head as well */
  vocabularySize: number;
  /** the longest sequence: rows of the learned position embedding */
  contextLength: number;
  /** D */
  width: number;
  layers: number;
  /** H; divides D */
  heads: number;
  /** width of the feed-forward layer; 4 D if left out */
  innerWidth?: number | undefined;
  /** 1e-5 if left out */
  layerNormEpsilon?: number | undefined;
}

/** A shape with its defaults filled in. */
export type CompleteGpt2Config = { [Key in keyof Gpt2Config]-?: NonNullable<Gpt2Config[Key]> };

/**
 * A Hugging Face `config.json` of GPT-2. What changes the computation must have the one value that we compute; what
 * only describes training or the file is accepted and not kept.
 */
export const gpt2FileSchema = z.strictObject({
  model_type: z.literal('gpt2'),
  vocab_size: count,
  n_positions: count,
  n_embd: count,
  n_layer: count,
  n_head: count,
  n_inner: count.nullish(),
  activation_function: z.enum(['gelu_new', 'gelu_pytorch_tanh']),
  layer_norm_epsilon: z.number().positive(),
  scale_attn_weights: z.literal(true).optional(),
  scale_attn_by_inverse_layer_idx: z.literal(false).optional(),
  add_cross_attention: z.literal(false).optional(),
  tie_word_embeddings: z.literal(true).optional(),
  ...describingKeys,
  n_ctx: count.optional(),
  attn_pdrop: z.number().optional(),
  embd_pdrop: z.number().optional(),
  resid_pdrop: z.number().optional(),
  reorder_and_upcast_attn: z.boolean().optional(),
  gradient_checkpointing: z.boolean().optional(),
  summary_activation: z.string().nullish(),
  summary_first_dropout: z.number().optional(),
  summary_proj_to_labels: z.boolean().optional(),
  summary_type: z.string().optional(),
  summary_use_proj: z.boolean().optional(),
  output_past: z.boolean().optional(),
});

export type Gpt2File = z.infer<typeof gpt2FileSchema>;

/** The configuration with its defaults filled in. @throws TrainerError when heads do not divide the width */
export function completeGpt2Config(config: Gpt2Config): CompleteGpt2Config {
  if (config.width % config.heads !== 0) {
    throw new TrainerError(
      `A model of width ${config.width} cannot have ${config.heads} heads: the number of heads must divide the width.`,
    );
  }
  return {
    ...config,
    family: 'gpt2',
    innerWidth: config.innerWidth ?? 4 * config.width,
    layerNormEpsilon: config.layerNormEpsilon ?? 1e-5,
  };
}

/** A model's shape from its file. */
export function fromGpt2File(file: Gpt2File): Gpt2Config {
  return completeGpt2Config({
    vocabularySize: file.vocab_size,
    contextLength: file.n_positions,
    width: file.n_embd,
    layers: file.n_layer,
    heads: file.n_head,
    innerWidth: file.n_inner ?? undefined,
    layerNormEpsilon: file.layer_norm_epsilon,
  });
}

/** The `config.json` of a model of this shape, as transformers reads it. */
export function toGpt2File(config: Gpt2Config, form: ModelForm, tokens: TokenRoles): Gpt2File {
  const c = completeGpt2Config(config);
  return {
    architectures: [form === 'language-model' ? 'GPT2LMHeadModel' : 'GPT2ForSequenceClassification'],
    model_type: 'gpt2',
    vocab_size: c.vocabularySize,
    n_positions: c.contextLength,
    n_embd: c.width,
    n_layer: c.layers,
    n_head: c.heads,
    n_inner: c.innerWidth,
    activation_function: 'gelu_new',
    layer_norm_epsilon: c.layerNormEpsilon,
    initializer_range: 0.02,
    tie_word_embeddings: true,
    // transformers' own defaults are 0.1; ours is trained with dropout off unless a stage says otherwise.
    attn_pdrop: 0,
    embd_pdrop: 0,
    resid_pdrop: 0,
    ...commonFields(form, tokens),
  };
}
