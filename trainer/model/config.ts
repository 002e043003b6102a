import { z } from 'zod';
import { TrainerError } from '../errors.ts';

/** The shape of a GPT-2 transformer. */
export interface ModelConfig {
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
export type CompleteModelConfig = { [Key in keyof ModelConfig]-?: NonNullable<ModelConfig[Key]> };

const count = z.int().positive();

/**
 * A Hugging Face `config.json` of GPT-2. What changes the computation must have the one value that we compute; what
 * only describes training or the file is accepted and not kept.
 */
export const huggingFaceConfigSchema = z.strictObject({
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
  num_labels: z.literal(1).optional(),
  id2label: z.record(z.string(), z.string()).optional(),
  label2id: z.record(z.string(), z.int()).optional(),
  problem_type: z.string().nullish(),
  architectures: z.array(z.string()).nullish(),
  bos_token_id: z.int().nullish(),
  eos_token_id: z.int().nullish(),
  pad_token_id: z.int().nullish(),
  n_ctx: count.optional(),
  attn_pdrop: z.number().optional(),
  embd_pdrop: z.number().optional(),
  resid_pdrop: z.number().optional(),
  initializer_range: z.number().optional(),
  reorder_and_upcast_attn: z.boolean().optional(),
  use_cache: z.boolean().optional(),
  gradient_checkpointing: z.boolean().optional(),
  summary_activation: z.string().nullish(),
  summary_first_dropout: z.number().optional(),
  summary_proj_to_labels: z.boolean().optional(),
  summary_type: z.string().optional(),
  summary_use_proj: z.boolean().optional(),
  task_specific_params: z.unknown().optional(),
  torch_dtype: z.string().nullish(),
  dtype: z.string().nullish(),
  transformers_version: z.string().nullish(),
  output_past: z.boolean().optional(),
  _name_or_path: z.string().optional(),
});

export type HuggingFaceConfig = z.infer<typeof huggingFaceConfigSchema>;

/** The configuration with its defaults filled in. @throws TrainerError when heads do not divide the width */
export function completeConfig(config: ModelConfig): CompleteModelConfig {
  if (config.width % config.heads !== 0) {
    throw new TrainerError(
      `A model of width ${config.width} cannot have ${config.heads} heads: the number of heads must divide the width.`,
    );
  }
  return {
    ...config,
    innerWidth: config.innerWidth ?? 4 * config.width,
    layerNormEpsilon: config.layerNormEpsilon ?? 1e-5,
  };
}

/**
 * Reads a parsed `config.json`.
 * @param where the file, for the error
 * @throws TrainerError that names the file and the key
 */
export function parseHuggingFaceConfig(value: unknown, where: string): ModelConfig {
  const parsed = huggingFaceConfigSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const key = issue?.path.join('.') || 'the file';
    throw new TrainerError(`${where}: ${key}: ${issue?.message ?? 'not a GPT-2 configuration'}`, {
      cause: parsed.error,
    });
  }
  const c = parsed.data;
  return completeConfig({
    vocabularySize: c.vocab_size,
    contextLength: c.n_positions,
    width: c.n_embd,
    layers: c.n_layer,
    heads: c.n_head,
    innerWidth: c.n_inner ?? undefined,
    layerNormEpsilon: c.layer_norm_epsilon,
  });
}

/** The `config.json` of a model of ours, as transformers reads it. */
export function toHuggingFaceConfig(
  config: ModelConfig,
  form: 'language-model' | 'sequence-classification',
  tokens: { endOfText: number; padding: number },
): HuggingFaceConfig {
  const c = completeConfig(config);
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
    bos_token_id: tokens.endOfText,
    eos_token_id: tokens.endOfText,
    pad_token_id: tokens.padding,
    torch_dtype: 'float32',
    // num_labels is derived from id2label by transformers; written as well for those who read the file.
    ...(form === 'sequence-classification'
      ? { num_labels: 1 as const, id2label: { '0': 'reward' }, label2id: { reward: 0 } }
      : {}),
  };
}
