import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { tf } from '../engine/tf.ts';
import { messageOf, TrainerError } from '../errors.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { recoverFolder, replaceFolder } from './atomic-folder.ts';
import { type ModelConfig, parseHuggingFaceConfig, toHuggingFaceConfig, trunkConfig } from './config.ts';
import { WEIGHT_TYPES, type WeightType } from './element-types.ts';
import { familyOf, nameInFile } from './families.ts';
import { LanguageModel } from './language-model.ts';
import { METADATA_FILE, type TouchstoneMetadata, touchstoneMetadataSchema } from './metadata.ts';
import type { StoredTensor, TensorSource } from './safetensors.ts';
import { ScalarModel } from './scalar-model.ts';
import { WEIGHTS_FILE, Weights, writeWeights } from './weights.ts';

export { readMetadata, type TouchstoneMetadata, touchstoneMetadataSchema } from './metadata.ts';

const CONFIG_FILE = 'config.json';
const SCORE = 'score.weight';

/** A model and what belongs to it, as a checkpoint folder holds it. */
export interface Checkpoint {
  model: LanguageModel | ScalarModel;
  tokenizer: Tokenizer;
  /** null where nothing is known of it */
  metadata: TouchstoneMetadata | null;
}

/** How weights are stored. Whatever the type, they are computed with in float32. */
export interface StorageOptions {
  /** float32 if left out; bf16 and f16 round to nearest, ties to even */
  dtype?: WeightType | undefined;
  /** the most bytes of weights in a file; 5 GB if left out */
  shardBytes?: number | undefined;
}

/**
 * Writes a Hugging Face folder: config.json, model.safetensors (or shards and their index), tokenizer.json,
 * tokenizer_config.json, generation_config.json and touchstone.json. Everything is written and flushed under a
 * temporary name beside it and then renamed, so the folder is there whole or not at all; an older one of the name is
 * replaced.
 * @throws TrainerError when tokenizer and model do not match, a value does not fit the type, or the disk refuses
 */
export async function saveCheckpoint(
  folder: string,
  { model, tokenizer, metadata }: Checkpoint,
  { dtype = 'float32', shardBytes }: StorageOptions = {},
): Promise<void> {
  const target = resolve(folder);
  const trunk = model instanceof LanguageModel ? model : model.trunk;
  requireFittingTokenizer(target, tokenizer, trunk.config);
  const parsed = metadata && checkMetadata(join(target, METADATA_FILE), metadata);
  const family = familyOf(trunk.config);
  const tensors = new Map<string, TensorSource>();
  for (const [name, variable] of model.parameters) {
    tensors.set(model === trunk ? nameInFile(family, name) : name, sourceOf(variable));
  }
  const form = model instanceof LanguageModel ? 'language-model' : 'sequence-classification';
  const config = {
    ...toHuggingFaceConfig(trunk.config, form, tokenizer),
    bos_token_id: tokenizer.beginOfText ?? tokenizer.endOfText,
    // transformers reads `dtype` from 4.56 on, `torch_dtype` before.
    torch_dtype: WEIGHT_TYPES[dtype].torch,
    dtype: WEIGHT_TYPES[dtype].torch,
  };
  try {
    await replaceFolder(target, async (temporary) => {
      writeJson(temporary, CONFIG_FILE, config);
      await writeWeights(temporary, tensors, dtype, shardBytes);
      tokenizer.save(temporary);
      if (model instanceof LanguageModel) writeGenerationConfig(temporary, tokenizer);
      if (parsed) writeJson(temporary, METADATA_FILE, parsed);
    });
  } catch (cause) {
    if (cause instanceof TrainerError) throw cause;
    throw new TrainerError(`Cannot write the checkpoint ${target} (${messageOf(cause)}).`, { cause });
  }
}

/**
 * Loads a language model of one of the families, its tensors with or without the trunk's prefix, in one file or in
 * shards, float32, bf16 or f16. A reward model's trunk is not taken for one.
 * @throws TrainerError that names the folder, the tensor, and what was expected and found
 */
export async function loadLanguageModel(folder: string): Promise<LanguageModel> {
  return withWeights(folder, (config, weights) => {
    if (weights.has(SCORE)) {
      throw new TrainerError(
        `${folder} holds a reward model (it has the tensor ${SCORE}): expected a language model.`,
      );
    }
    return LanguageModel.fromValues(config, trunkOf(folder, config, weights));
  });
}

/**
 * Loads a reward or value model: the family's `…ForSequenceClassification` with one label.
 * @throws TrainerError that names the folder, the tensor, and what was expected and found
 */
export async function loadScalarModel(folder: string): Promise<ScalarModel> {
  return withWeights(folder, (stored, weights) => {
    const config = trunkConfig(stored);
    const shape = weights.shape(SCORE);
    if (!shape) {
      throw new TrainerError(
        `${folder} holds no reward model: expected the tensor ${SCORE} of shape [1, ${config.width}] in ${WEIGHTS_FILE}.`,
      );
    }
    checkShape(folder, SCORE, [1, config.width], shape);
    const trunk = LanguageModel.fromValues(config, trunkOf(folder, config, weights));
    return ScalarModel.fromParts(trunk, weights.read(SCORE).data);
  });
}

/** Whether a folder holds a reward or value model: its weights have a score head. */
export function holdsScalarModel(folder: string): boolean {
  return withWeights(folder, (_, weights) => weights.has(SCORE));
}

/** The tokenizer of a checkpoint folder. @throws TrainerError when it has more tokens than the model */
export function loadTokenizer(folder: string): Tokenizer {
  const config = readConfig(folder);
  const tokenizer = Tokenizer.load(folder);
  requireFittingTokenizer(folder, tokenizer, config);
  return tokenizer;
}

/** The shape of a checkpoint's model, without loading its weights. */
export function readConfig(folder: string): ModelConfig {
  recoverFolder(folder);
  if (!existsSync(folder)) {
    throw new TrainerError(
      `There is no checkpoint folder ${folder}: expected one with ${CONFIG_FILE} and ${WEIGHTS_FILE}.`,
    );
  }
  const file = join(folder, CONFIG_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TrainerError(`${folder} is no checkpoint: cannot read ${CONFIG_FILE} (${messageOf(cause)}).`, {
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TrainerError(`${file}: not JSON (${messageOf(cause)}).`, { cause });
  }
  return parseHuggingFaceConfig(value, file);
}

function withWeights<T>(folder: string, use: (config: ModelConfig, weights: Weights) => T): T {
  const config = readConfig(folder);
  const weights = new Weights(folder);
  try {
    return use(config, weights);
  } finally {
    weights.close();
  }
}

/** The trunk's values by name, each read when it is asked for; every tensor is there in its shape and none left over. */
function trunkOf(
  folder: string,
  config: ModelConfig,
  weights: Weights,
): { get(name: string): Float32Array | undefined } {
  const family = familyOf(config);
  const { prefix } = family;
  const specs = family.parameterSpecs();
  const stored = new Map<string, string>();
  for (const name of weights.names) {
    const plain = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (stored.has(plain)) {
      throw new TrainerError(`${folder}: the tensor ${plain} is there twice, with and without ${prefix}.`);
    }
    stored.set(plain, name);
  }
  for (const [name, { shape }] of specs) {
    const found = weights.shape(stored.get(name) ?? '');
    if (!found) {
      throw new TrainerError(
        `${folder}: the tensor ${name} is missing from ${WEIGHTS_FILE}: expected it with shape [${shape.join(', ')}].`,
      );
    }
    checkShape(folder, name, shape, found);
  }
  for (const [plain, name] of stored) {
    if (specs.has(plain) || plain === SCORE || family.isDerived(plain)) continue;
    if (
      plain === 'lm_head.weight' &&
      sameValues(weights.read(name), weights.read(stored.get(family.embedding) ?? ''))
    )
      continue;
    throw new TrainerError(
      `${folder}: ${WEIGHTS_FILE} holds the tensor ${plain} of shape [${weights.shape(name)?.join(', ')}], which a ${family.name} of this ${CONFIG_FILE} does not have.`,
    );
  }
  return { get: (name) => weights.read(stored.get(name) ?? '').data };
}

function sameValues(tensor: StoredTensor, other: StoredTensor | undefined): boolean {
  return (
    other !== undefined &&
    other.data.length === tensor.data.length &&
    tensor.data.every((value, index) => Object.is(value, other.data[index]))
  );
}

function checkShape(folder: string, name: string, expected: number[], found: number[]): void {
  if (expected.join() === found.join()) return;
  throw new TrainerError(
    `${folder}: the tensor ${name} has shape [${found.join(', ')}]: expected [${expected.join(', ')}] by its ${CONFIG_FILE}.`,
  );
}

function sourceOf(variable: tf.Variable): TensorSource {
  return { shape: variable.shape, values: async () => Float32Array.from(await variable.data()) };
}

function checkMetadata(file: string, metadata: TouchstoneMetadata): TouchstoneMetadata {
  const parsed = touchstoneMetadataSchema.safeParse(metadata);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TrainerError(`${file}: ${issue?.path.join('.')}: ${issue?.message}.`, { cause: parsed.error });
}

/** Rows by which files pad an embedding at most: Phi has 905 of them, Qwen2 up to 418. */
const MOST_SURPLUS_ROWS = 1023;

/**
 * A tokenizer has as many tokens as the embedding has rows, or fewer where the rows were padded to a multiple of 64 (as
 * Qwen2's 151,646 tokens in 151,936 rows), which no text encodes to and nothing samples.
 */
function requireFittingTokenizer(
  folder: string,
  tokenizer: Tokenizer,
  { vocabularySize }: ModelConfig,
): void {
  const surplus = vocabularySize - tokenizer.vocabularySize;
  if (surplus === 0 || (surplus > 0 && surplus <= MOST_SURPLUS_ROWS && vocabularySize % 64 === 0)) return;
  throw new TrainerError(
    `${folder}: the tokenizer has ${tokenizer.vocabularySize} tokens and the model ${vocabularySize}: expected the same number, or a model whose rows are padded to a multiple of 64. Does the tokenizer belong to the weights?`,
  );
}

function writeGenerationConfig(folder: string, tokenizer: Tokenizer): void {
  const [first, ...more] = tokenizer.stopTokens;
  writeJson(folder, 'generation_config.json', {
    bos_token_id: tokenizer.beginOfText ?? tokenizer.endOfText,
    eos_token_id: more.length > 0 ? tokenizer.stopTokens : first,
    pad_token_id: tokenizer.padding,
    do_sample: true,
  });
}

function writeJson(folder: string, name: string, value: unknown): void {
  writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
}
