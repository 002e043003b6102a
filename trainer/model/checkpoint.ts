import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { firstNotFinite } from '../engine/finite.ts';
import type { tf } from '../engine/tf.ts';
import { messageOf, TrainerError } from '../errors.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type ModelConfig, parseHuggingFaceConfig, toHuggingFaceConfig } from './config.ts';
import { writeFolder, writeJson } from './folder.ts';
import { LanguageModel, parameterSpecs } from './language-model.ts';
import { METADATA_FILE, type TouchstoneMetadata, touchstoneMetadataSchema } from './metadata.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';
import { ScalarModel, TRUNK_PREFIX } from './scalar-model.ts';

export { readMetadata, type TouchstoneMetadata, touchstoneMetadataSchema } from './metadata.ts';

const WEIGHTS_FILE = 'model.safetensors';
const CONFIG_FILE = 'config.json';
const SCORE = 'score.weight';

/** A model and what belongs to it, as a checkpoint folder holds it. */
export interface Checkpoint {
  model: LanguageModel | ScalarModel;
  tokenizer: Tokenizer;
  metadata: TouchstoneMetadata;
}

/**
 * Writes a Hugging Face folder: config.json, model.safetensors (float32), tokenizer.json, tokenizer_config.json,
 * generation_config.json and touchstone.json. Everything is written and flushed under a temporary name beside it and
 * then renamed, so the folder is there whole or not at all; an older one of the name is replaced.
 * @throws TrainerError when tokenizer and model do not match or the disk refuses
 */
export async function saveCheckpoint(
  folder: string,
  { model, tokenizer, metadata }: Checkpoint,
): Promise<void> {
  const target = resolve(folder);
  const trunk = model instanceof LanguageModel ? model : model.trunk;
  if (tokenizer.vocabularySize !== trunk.config.vocabularySize) {
    throw new TrainerError(
      `${target}: the tokenizer has ${tokenizer.vocabularySize} tokens and the model ${trunk.config.vocabularySize}: expected the same number.`,
    );
  }
  const parsed = touchstoneMetadataSchema.safeParse(metadata);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new TrainerError(`${join(target, METADATA_FILE)}: ${issue?.path.join('.')}: ${issue?.message}.`, {
      cause: parsed.error,
    });
  }
  const prefix = model instanceof LanguageModel ? TRUNK_PREFIX : '';
  const tensors = new Map<string, StoredTensor>();
  for (const [name, variable] of model.parameters) tensors.set(prefix + name, await stored(variable));

  await writeFolder(target, (temporary) => {
    const form = model instanceof LanguageModel ? 'language-model' : 'sequence-classification';
    writeJson(temporary, CONFIG_FILE, toHuggingFaceConfig(trunk.config, form, tokenizer));
    writeSafetensors(join(temporary, WEIGHTS_FILE), tensors);
    tokenizer.save(temporary);
    if (model instanceof LanguageModel) {
      writeJson(temporary, 'generation_config.json', {
        bos_token_id: tokenizer.endOfText,
        eos_token_id: tokenizer.endOfText,
        pad_token_id: tokenizer.padding,
        do_sample: true,
      });
    }
    writeJson(temporary, METADATA_FILE, parsed.data);
  });
}

/**
 * Loads a language model: `GPT2LMHeadModel`, its tensors with or without the prefix "transformer.". A reward model's
 * trunk is not taken for one.
 * @throws TrainerError that names the folder, the tensor, and what was expected and found
 */
export async function loadLanguageModel(folder: string): Promise<LanguageModel> {
  const { config, tensors } = readFolder(folder);
  if (tensors.has(SCORE)) {
    throw new TrainerError(
      `${folder} holds a reward model (it has the tensor ${SCORE}): expected a language model.`,
    );
  }
  return LanguageModel.fromValues(config, takeTrunk(folder, config, tensors));
}

/**
 * Loads a reward or value model: `GPT2ForSequenceClassification` with one label.
 * @throws TrainerError that names the folder, the tensor, and what was expected and found
 */
export async function loadScalarModel(folder: string): Promise<ScalarModel> {
  const { config, tensors } = readFolder(folder);
  const score = tensors.get(SCORE);
  if (!score) {
    throw new TrainerError(
      `${folder} holds no reward model: expected the tensor ${SCORE} of shape [1, ${config.width}] in ${WEIGHTS_FILE}.`,
    );
  }
  checkShape(folder, SCORE, [1, config.width], score.shape);
  requireFinite(folder, SCORE, score);
  tensors.delete(SCORE);
  return ScalarModel.fromParts(
    LanguageModel.fromValues(config, takeTrunk(folder, config, tensors)),
    score.data,
  );
}

/** The tokenizer of a checkpoint folder. @throws TrainerError when its vocabulary is not the model's size */
export function loadTokenizer(folder: string): Tokenizer {
  const tokenizer = Tokenizer.load(folder);
  const { vocabularySize } = readConfig(folder);
  if (tokenizer.vocabularySize !== vocabularySize) {
    throw new TrainerError(
      `${folder}: the tokenizer has ${tokenizer.vocabularySize} tokens and the model ${vocabularySize}: expected the same number.`,
    );
  }
  return tokenizer;
}

/** The shape of a checkpoint's model, without loading its weights. */
export function readConfig(folder: string): ModelConfig {
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

function readFolder(folder: string): { config: ModelConfig; tensors: Map<string, StoredTensor> } {
  const config = readConfig(folder);
  const file = join(folder, WEIGHTS_FILE);
  if (!existsSync(file)) {
    throw new TrainerError(`${folder} holds no weights: expected ${WEIGHTS_FILE} in it.`);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of readSafetensors(file)) {
    const plain = name.startsWith(TRUNK_PREFIX) ? name.slice(TRUNK_PREFIX.length) : name;
    if (tensors.has(plain)) {
      throw new TrainerError(
        `${file}: the tensor ${plain} is there twice, with and without ${TRUNK_PREFIX}.`,
      );
    }
    tensors.set(plain, tensor);
  }
  return { config, tensors };
}

/** The trunk's values, every tensor there in its shape and none left over. */
function takeTrunk(
  folder: string,
  config: ModelConfig,
  tensors: ReadonlyMap<string, StoredTensor>,
): Map<string, Float32Array> {
  const specs = parameterSpecs(config);
  const values = new Map<string, Float32Array>();
  for (const [name, { shape }] of specs) {
    const tensor = tensors.get(name);
    if (!tensor) {
      throw new TrainerError(
        `${folder}: the tensor ${name} is missing from ${WEIGHTS_FILE}: expected it with shape [${shape.join(', ')}].`,
      );
    }
    checkShape(folder, name, shape, tensor.shape);
    requireFinite(folder, name, tensor);
    values.set(name, tensor.data);
  }
  for (const [name, tensor] of tensors) {
    if (specs.has(name) || isDerived(name)) continue;
    if (name === 'lm_head.weight' && sameValues(tensor, tensors.get('wte.weight'))) continue;
    throw new TrainerError(
      `${folder}: ${WEIGHTS_FILE} holds the tensor ${name} of shape [${tensor.shape.join(', ')}], which a GPT-2 of this ${CONFIG_FILE} does not have.`,
    );
  }
  return values;
}

/** Causal masks that older files carry along: no weights. */
function isDerived(name: string): boolean {
  return /^h\.\d+\.attn\.(masked_)?bias$/.test(name);
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

function requireFinite(folder: string, name: string, { data }: StoredTensor): void {
  const index = firstNotFinite(data);
  if (index < 0) return;
  throw new TrainerError(
    `${folder}: the tensor ${name} of ${WEIGHTS_FILE} holds ${data[index]} at place ${index}: expected finite numbers; its training went wrong, or the file is damaged.`,
  );
}

/** A tensor's values as a file takes them. */
export async function stored(variable: tf.Variable): Promise<StoredTensor> {
  return { shape: variable.shape, data: Float32Array.from(await variable.data()) };
}
