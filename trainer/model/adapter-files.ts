import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, TrainerError } from '../errors.ts';
import { replaceFolder } from './atomic-folder.ts';
import { familyOf } from './families.ts';
import type { LanguageModel } from './language-model.ts';
import { factorName, type LoraSettings, layerKinds } from './lora.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';

const CONFIG_FILE = 'adapter_config.json';
const WEIGHTS_FILE = 'adapter_model.safetensors';
/** What PEFT puts before a model's own names. */
const PEFT_PREFIX = 'base_model.model.';

const empty = z.union([z.record(z.string(), z.never()), z.null()]).optional();
const off = z.literal(false).nullish();

/**
 * PEFT's `adapter_config.json` for LoRA. What changes the computation must have a value that we compute; what only
 * describes training or the file is accepted and not kept.
 */
const adapterConfigSchema = z.looseObject({
  peft_type: z.literal('LORA'),
  r: z.int().positive(),
  lora_alpha: z.number(),
  lora_dropout: z.number().min(0).lt(1).nullish(),
  bias: z.literal('none').nullish(),
  target_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  base_model_name_or_path: z.string().nullish(),
  use_rslora: z.boolean().nullish(),
  use_dora: off,
  lora_bias: off,
  modules_to_save: z.array(z.string()).length(0).nullish(),
  rank_pattern: empty,
  alpha_pattern: empty,
  trainable_token_indices: z.null().optional(),
});

/**
 * Writes a model's adapters as a folder that PEFT loads: adapter_config.json and adapter_model.safetensors, whole or not
 * at all. Without the weights that they belong to they mean nothing.
 * @param base where these are, as `base_model_name_or_path` is to say
 * @throws TrainerError when the model has no adapters or the disk refuses
 */
export async function saveAdapter(folder: string, model: LanguageModel, base: string | null): Promise<void> {
  const { adapter } = model;
  if (!adapter) throw new TrainerError('The model has no adapters to write: expected one that was adapted.');
  const tensors = new Map<string, StoredTensor>();
  for (const [name, variable] of adapter.parameters) {
    tensors.set(`${PEFT_PREFIX}${familyOf(model.config).prefix}${name}`, {
      shape: variable.shape,
      data: Float32Array.from(await variable.data()),
    });
  }
  const [first] = model.targets(adapter.settings.targets).values();
  const config = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base,
    r: adapter.settings.rank,
    lora_alpha: adapter.settings.alpha,
    lora_dropout: adapter.settings.dropout ?? 0,
    target_modules: layerKinds(adapter.layers),
    // GPT-2's linear layers are "Conv1D": their weights are [in, out].
    fan_in_fan_out: first?.transposed !== true,
    bias: 'none',
    modules_to_save: null,
    init_lora_weights: true,
    use_rslora: false,
    use_dora: false,
    rank_pattern: {},
    alpha_pattern: {},
    inference_mode: true,
  };
  try {
    await replaceFolder(folder, (temporary) => {
      writeSafetensors(join(temporary, WEIGHTS_FILE), tensors);
      writeFileSync(join(temporary, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`);
    });
  } catch (cause) {
    if (cause instanceof TrainerError) throw cause;
    throw new TrainerError(`Cannot write the adapter ${folder} (${messageOf(cause)}).`, { cause });
  }
}

/**
 * A model seen through the adapters of a folder in PEFT's format. The weights stay the model's.
 * @throws TrainerError that names the file, the key or tensor, and what was expected
 */
export function loadAdapter(folder: string, model: LanguageModel): LanguageModel {
  const config = readAdapterConfig(folder);
  const file = join(folder, WEIGHTS_FILE);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of readSafetensors(file))
    tensors.set(plainName(name, familyOf(model.config).prefix), tensor);
  const all = [...model.targets('all-linear').keys()];
  const adapted = all.filter((layer) => tensors.has(factorName(layer, 'A')));
  const wanted = new Set(adapted.flatMap((layer) => [factorName(layer, 'A'), factorName(layer, 'B')]));
  const unknown = [...tensors.keys()].find((name) => !wanted.has(name));
  if (unknown !== undefined || adapted.length === 0) {
    throw new TrainerError(
      `${file} ${unknown === undefined ? 'holds no tensor' : `holds the tensor ${unknown}, which belongs to no linear layer of the model`}: expected lora_A and lora_B of ${layerKinds(all).join(', ')}.`,
    );
  }
  const settings: LoraSettings = {
    rank: config.r,
    alpha: config.lora_alpha,
    dropout: config.lora_dropout ?? 0,
    targets: adapted,
  };
  const values = new Map<string, Float32Array>();
  for (const [layer, { inputs, outputs }] of model.targets(adapted)) {
    for (const [factor, shape] of [
      ['A', [config.r, inputs]],
      ['B', [outputs, config.r]],
    ] as const) {
      const name = factorName(layer, factor);
      const tensor = tensors.get(name);
      if (tensor?.shape.join() !== shape.join()) {
        throw new TrainerError(
          `${file}: the tensor ${name} ${tensor ? `has shape [${tensor.shape.join(', ')}]` : 'is missing'}: expected [${shape.join(', ')}] by ${CONFIG_FILE} and the model.`,
        );
      }
      values.set(name, tensor.data);
    }
  }
  // "Rank-stabilised" adapters count α / √r (Kalajdzievski 2023).
  const scale = config.lora_alpha / (config.use_rslora ? Math.sqrt(config.r) : config.r);
  return model.adaptWith(settings, values, scale);
}

function readAdapterConfig(folder: string): z.infer<typeof adapterConfigSchema> {
  const file = join(folder, CONFIG_FILE);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new TrainerError(`${folder} is no adapter: cannot read ${CONFIG_FILE} (${messageOf(cause)}).`, {
      cause,
    });
  }
  const parsed = adapterConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TrainerError(
    `${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}; plain LoRA is what can be merged.`,
    { cause: parsed.error },
  );
}

/** A tensor's name without what PEFT and the family put before it. */
function plainName(name: string, prefix: string): string {
  const own = name.startsWith(PEFT_PREFIX) ? name.slice(PEFT_PREFIX.length) : name;
  return own.startsWith(prefix) ? own.slice(prefix.length) : own;
}
