import { z } from 'zod';
import { TrainerError } from '../errors.ts';
import { commonFields, count, describingKeys, type ModelForm, type TokenRoles } from './config-file.ts';
import { checkRotary, type Rotary, type RotaryScaling } from './rotary-frequencies.ts';

/** Hugging Face's model types that are a Llama: they differ in biases and in what their files leave out. */
export const LLAMA_MODEL_TYPES = ['llama', 'qwen2', 'mistral'] as const;
export type LlamaModelType = (typeof LLAMA_MODEL_TYPES)[number];

/** The shape of a Llama transformer (Touvron et al. 2023), and of those made like it. */
export interface LlamaConfig {
  family: 'llama';
  /** what transformers calls it; llama if left out */
  modelType?: LlamaModelType | undefined;
  vocabularySize: number;
  /** the longest sequence */
  contextLength: number;
  /** D */
  width: number;
  layers: number;
  /** H, heads of queries */
  heads: number;
  /** G, heads of keys and values, each read by H / G heads of queries (Ainslie et al. 2023); H if left out */
  keyValueHeads?: number | undefined;
  /** S; D / H if left out */
  headSize?: number | undefined;
  /** width of the gated feed-forward layer; 8/3 D, rounded up to whole 32s, if left out: as many weights as 4 D has without a gate */
  innerWidth?: number | undefined;
  /** 1e-6 if left out */
  normEpsilon?: number | undefined;
  /** theta 10,000 without scaling if left out */
  rotary?: Rotary | undefined;
  /** whether queries, keys and values have biases; a Qwen2 has them, the others do not */
  qkvBias?: boolean | undefined;
  /** whether the token embedding is the output layer as well; false if left out, as in transformers */
  tiedHead?: boolean | undefined;
}

/** A shape with its defaults filled in. */
export type CompleteLlamaConfig = { [Key in keyof LlamaConfig]-?: NonNullable<LlamaConfig[Key]> };

/** The configuration with its defaults filled in. @throws TrainerError when its numbers do not fit each other */
export function completeLlamaConfig(config: LlamaConfig): CompleteLlamaConfig {
  const { width, heads, modelType = 'llama', keyValueHeads = heads } = config;
  const headSize = config.headSize ?? width / heads;
  if (!Number.isInteger(headSize)) {
    throw new TrainerError(
      `A model of width ${width} cannot have ${heads} heads: the number of heads must divide the width, or the size of a head be given.`,
    );
  }
  if (heads % keyValueHeads !== 0) {
    throw new TrainerError(
      `A model of ${heads} heads of queries cannot have ${keyValueHeads} of keys and values: the second must divide the first.`,
    );
  }
  const biased = modelType === 'qwen2';
  const { qkvBias = biased } = config;
  if (qkvBias !== biased) {
    throw new TrainerError(
      `A model of type ${modelType} ${biased ? 'has' : 'has no'} biases of queries, keys and values: ${biased ? 'llama is the type without' : 'qwen2 is the type with'} them.`,
    );
  }
  const rotary = config.rotary ?? { theta: 10_000, scaling: null };
  checkRotary(rotary, headSize);
  return {
    ...config,
    modelType,
    keyValueHeads,
    headSize,
    innerWidth: config.innerWidth ?? 32 * Math.ceil((8 * width) / 3 / 32),
    normEpsilon: config.normEpsilon ?? 1e-6,
    rotary,
    qkvBias,
    tiedHead: config.tiedHead ?? false,
  };
}

const positive = z.number().positive();

const scalingKeys = {
  rope_type: z.enum(['default', 'linear', 'llama3', 'yarn']).optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: count.optional(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  attention_factor: positive.nullish(),
  truncate: z.boolean().optional(),
};

/**
 * A Hugging Face `config.json` of a Llama, Qwen2 or Mistral. What changes the computation must have a value that we
 * compute; what only describes training or the file is accepted and not kept.
 */
export const llamaFileSchema = z.strictObject({
  model_type: z.enum(LLAMA_MODEL_TYPES),
  vocab_size: count,
  max_position_embeddings: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  intermediate_size: count,
  hidden_act: z.literal('silu').optional(),
  rms_norm_eps: positive.optional(),
  tie_word_embeddings: z.boolean().optional(),
  attention_bias: z.literal(false).optional(),
  mlp_bias: z.literal(false).optional(),
  pretraining_tp: z.literal(1).optional(),
  rope_theta: positive.optional(),
  rope_scaling: z
    .strictObject({ ...scalingKeys, type: scalingKeys.rope_type, rope_theta: positive.optional() })
    .nullish(),
  // transformers 5 writes theta and scaling in one place.
  rope_parameters: z.strictObject({ ...scalingKeys, rope_theta: positive.optional() }).nullish(),
  rope_interleaved: z.literal(false).optional(),
  partial_rotary_factor: z.literal(1).optional(),
  sliding_window: count.nullish(),
  use_sliding_window: z.literal(false).optional(),
  max_window_layers: z.int().optional(),
  layer_types: z.array(z.literal('full_attention')).nullish(),
  use_mrope: z.literal(false).optional(),
  is_llama_config: z.boolean().optional(),
  attention_dropout: z.number().optional(),
  'transformers.js_config': z.unknown().optional(),
  ...describingKeys,
});

export type LlamaFile = z.infer<typeof llamaFileSchema>;

/** A model's shape from its file. @throws TrainerError that names the key */
export function fromLlamaFile(file: LlamaFile): LlamaConfig {
  checkWindow(file);
  const { model_type: modelType } = file;
  if (modelType !== 'llama' && file.num_key_value_heads === undefined) {
    throw new TrainerError(
      `num_key_value_heads is missing: a ${modelType} must say how many heads of keys it has.`,
    );
  }
  return completeLlamaConfig({
    family: 'llama',
    modelType,
    vocabularySize: file.vocab_size,
    contextLength: file.max_position_embeddings,
    width: file.hidden_size,
    layers: file.num_hidden_layers,
    heads: file.num_attention_heads,
    keyValueHeads: file.num_key_value_heads ?? undefined,
    headSize: file.head_dim ?? undefined,
    innerWidth: file.intermediate_size,
    normEpsilon: file.rms_norm_eps,
    rotary: rotaryOf(file),
    tiedHead: file.tie_word_embeddings ?? false,
  });
}

/** A window as long as the context hides nothing; a Mistral's is 4096 where its file does not say. */
function checkWindow({
  model_type,
  sliding_window = model_type === 'mistral' ? 4096 : null,
  max_position_embeddings,
}: LlamaFile): void {
  // A Qwen2 names a window and uses it only with use_sliding_window, which must be false.
  if (model_type !== 'mistral' || sliding_window === null || sliding_window >= max_position_embeddings)
    return;
  throw new TrainerError(
    `sliding_window is ${sliding_window}: expected null, or at least the ${max_position_embeddings} of max_position_embeddings.`,
  );
}

/** Both spellings: `rope_parameters`, or `rope_theta` with `rope_scaling`, which may be there for older readers. */
function rotaryOf({ rope_theta, rope_scaling, rope_parameters, max_position_embeddings }: LlamaFile): Rotary {
  const given = [rope_parameters?.rope_theta, rope_theta, rope_scaling?.rope_theta].filter(
    (theta) => theta !== undefined,
  );
  const theta = given[0] ?? 10_000;
  const other = given.find((value) => value !== theta);
  if (other !== undefined) {
    throw new TrainerError(
      `rope_theta is ${theta} in one place and ${other} in another: expected one value.`,
    );
  }
  const older = rope_scaling ? scalingOf(rope_scaling, 'rope_scaling', max_position_embeddings) : null;
  if (!rope_parameters) return { theta, scaling: older };
  const newer = scalingOf(rope_parameters, 'rope_parameters', max_position_embeddings);
  if (rope_scaling && JSON.stringify(older) !== JSON.stringify(newer)) {
    throw new TrainerError(
      'rope_parameters and rope_scaling differ: expected one of them, or the same in both.',
    );
  }
  return { theta, scaling: newer };
}

type ScalingFile = NonNullable<LlamaFile['rope_scaling']>;

function scalingOf(file: ScalingFile, key: string, contextLength: number): RotaryScaling | null {
  const type = file.rope_type ?? file.type ?? 'default';
  const needed = (name: 'factor' | 'low_freq_factor' | 'high_freq_factor'): number => {
    const value = file[name];
    if (value === undefined) throw new TrainerError(`${key}.${name} is missing: ${type} scaling needs it.`);
    return value;
  };
  switch (type) {
    case 'default':
      return null;
    case 'linear':
      return { type, factor: needed('factor') };
    case 'llama3':
      if (file.original_max_position_embeddings === undefined) {
        throw new TrainerError(
          `${key}.original_max_position_embeddings is missing: llama3 scaling needs it.`,
        );
      }
      return {
        type,
        factor: needed('factor'),
        lowFrequencyFactor: needed('low_freq_factor'),
        highFrequencyFactor: needed('high_freq_factor'),
        originalContext: file.original_max_position_embeddings,
      };
    case 'yarn':
      return {
        type,
        factor: needed('factor'),
        originalContext: file.original_max_position_embeddings ?? contextLength,
        betaFast: file.beta_fast ?? 32,
        betaSlow: file.beta_slow ?? 1,
        attentionFactor: file.attention_factor ?? null,
        truncate: file.truncate ?? true,
      };
  }
}

function scalingFile(scaling: RotaryScaling): ScalingFile {
  switch (scaling.type) {
    case 'linear':
      return { rope_type: 'linear', factor: scaling.factor };
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalContext,
      };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalContext,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        ...(scaling.attentionFactor === null ? {} : { attention_factor: scaling.attentionFactor }),
        ...(scaling.truncate ? {} : { truncate: false }),
      };
  }
}

const CLASS_NAMES: Record<LlamaModelType, string> = { llama: 'Llama', qwen2: 'Qwen2', mistral: 'Mistral' };

/** The `config.json` of a model of this shape, in the older spelling, which every transformers reads. */
export function toLlamaFile(config: LlamaConfig, form: ModelForm, tokens: TokenRoles): LlamaFile {
  const c = completeLlamaConfig(config);
  const name = CLASS_NAMES[c.modelType];
  return {
    architectures: [form === 'language-model' ? `${name}ForCausalLM` : `${name}ForSequenceClassification`],
    model_type: c.modelType,
    vocab_size: c.vocabularySize,
    max_position_embeddings: c.contextLength,
    hidden_size: c.width,
    num_hidden_layers: c.layers,
    num_attention_heads: c.heads,
    num_key_value_heads: c.keyValueHeads,
    head_dim: c.headSize,
    intermediate_size: c.innerWidth,
    hidden_act: 'silu',
    rms_norm_eps: c.normEpsilon,
    rope_theta: c.rotary.theta,
    rope_scaling: c.rotary.scaling && scalingFile(c.rotary.scaling),
    initializer_range: 0.02,
    tie_word_embeddings: c.tiedHead,
    attention_dropout: 0,
    ...(c.modelType === 'llama' ? { attention_bias: false as const, mlp_bias: false as const } : {}),
    ...(c.modelType === 'qwen2' ? { use_sliding_window: false as const } : {}),
    ...(c.modelType === 'mistral' ? { sliding_window: null } : {}),
    ...commonFields(form, tokens),
  };
}
