import { TrainerError } from '../errors.ts';
import type { ModelForm, TokenRoles } from './config-file.ts';
import {
  type CompleteGpt2Config,
  completeGpt2Config,
  fromGpt2File,
  type Gpt2Config,
  type Gpt2File,
  gpt2FileSchema,
  toGpt2File,
} from './gpt2-config.ts';
import {
  type CompleteLlamaConfig,
  completeLlamaConfig,
  fromLlamaFile,
  LLAMA_MODEL_TYPES,
  type LlamaConfig,
  type LlamaFile,
  llamaFileSchema,
  toLlamaFile,
} from './llama-config.ts';

/** The shape of a transformer of one of the families. */
export type ModelConfig = Gpt2Config | LlamaConfig;

/** A shape with its defaults filled in. */
export type CompleteModelConfig = CompleteGpt2Config | CompleteLlamaConfig;

/** The configuration with its defaults filled in. @throws TrainerError when its numbers do not fit each other */
export function completeConfig(config: ModelConfig): CompleteModelConfig {
  return config.family === 'llama' ? completeLlamaConfig(config) : completeGpt2Config(config);
}

/** The same shape without an output layer of its own: what a head of another kind stands on. */
export function trunkConfig(config: ModelConfig): ModelConfig {
  return config.family === 'llama' ? { ...config, tiedHead: true } : config;
}

/** How many heads of queries share one of keys and values come from: H for keys and values. */
export function keyValueHeadsOf(config: CompleteModelConfig): number {
  return config.family === 'llama' ? config.keyValueHeads : config.heads;
}

/**
 * Reads a parsed `config.json`.
 * @param where the file, for the error
 * @throws TrainerError that names the file and the key
 */
export function parseHuggingFaceConfig(value: unknown, where: string): ModelConfig {
  const type = modelTypeOf(value);
  const known = ['gpt2', ...LLAMA_MODEL_TYPES];
  if (!known.includes(type ?? '')) {
    const found = type === null ? 'is missing' : `is "${type}"`;
    throw new TrainerError(`${where}: model_type ${found}: expected one of ${known.join(', ')}.`);
  }
  const parsed = type === 'gpt2' ? gpt2FileSchema.safeParse(value) : llamaFileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const key = issue?.path.join('.') || 'the file';
    throw new TrainerError(`${where}: ${key}: ${issue?.message ?? 'not a configuration'}`, {
      cause: parsed.error,
    });
  }
  try {
    return parsed.data.model_type === 'gpt2' ? fromGpt2File(parsed.data) : fromLlamaFile(parsed.data);
  } catch (cause) {
    if (cause instanceof TrainerError) throw new TrainerError(`${where}: ${cause.message}`, { cause });
    throw cause;
  }
}

function modelTypeOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('model_type' in value)) return null;
  return typeof value.model_type === 'string' ? value.model_type : null;
}

/** The `config.json` of a model of ours, as transformers reads it. */
export function toHuggingFaceConfig(
  config: ModelConfig,
  form: ModelForm,
  tokens: TokenRoles,
): Gpt2File | LlamaFile {
  return config.family === 'llama' ? toLlamaFile(config, form, tokens) : toGpt2File(config, form, tokens);
}
