import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, TrainerError } from '../errors.ts';
import { WEIGHT_TYPES, type WeightType } from './element-types.ts';
import {
  SafetensorsFile,
  type StoredTensor,
  type TensorSource,
  tensorBytes,
  writeTensors,
} from './safetensors.ts';

export const WEIGHTS_FILE = 'model.safetensors';
const INDEX_FILE = `${WEIGHTS_FILE}.index.json`;

/** The largest shard where nothing else is asked: 5 GB, as transformers had it through version 4. */
export const DEFAULT_SHARD_BYTES = 5e9;

const indexSchema = z.looseObject({
  metadata: z.looseObject({ total_size: z.number().optional() }).optional(),
  weight_map: z.record(z.string(), z.string()),
});

/**
 * Writes a folder's weights: one `model.safetensors` where they fit into a shard, else
 * `model-00001-of-0000N.safetensors`, … in the tensors' order and `model.safetensors.index.json`, which says where
 * each is. A tensor larger than a shard gets one of its own.
 * @param shardBytes the most bytes of tensors in a file
 */
export async function writeWeights(
  folder: string,
  tensors: ReadonlyMap<string, TensorSource>,
  type: WeightType,
  shardBytes = DEFAULT_SHARD_BYTES,
): Promise<void> {
  const { stored } = WEIGHT_TYPES[type];
  const shards: Map<string, TensorSource>[] = [];
  let shard = new Map<string, TensorSource>();
  let filled = 0;
  let total = 0;
  for (const [name, tensor] of tensors) {
    const bytes = tensorBytes(tensor.shape, stored);
    total += bytes;
    if (shard.size > 0 && filled + bytes > shardBytes) {
      shards.push(shard);
      shard = new Map();
      filled = 0;
    }
    shard.set(name, tensor);
    filled += bytes;
  }
  shards.push(shard);
  if (shards.length === 1) {
    await writeTensors(join(folder, WEIGHTS_FILE), shard, stored);
    return;
  }
  const weightMap: Record<string, string> = {};
  for (const [index, part] of shards.entries()) {
    const file = `model-${fiveDigits(index + 1)}-of-${fiveDigits(shards.length)}.safetensors`;
    await writeTensors(join(folder, file), part, stored);
    for (const name of part.keys()) weightMap[name] = file;
  }
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  writeFileSync(join(folder, INDEX_FILE), `${JSON.stringify(index, null, 2)}\n`);
}

function fiveDigits(value: number): string {
  return String(value).padStart(5, '0');
}

/** The weights of a folder, in one file or in shards. Each tensor is read when it is asked for. */
export class Weights {
  readonly folder: string;
  readonly #files = new Map<string, SafetensorsFile>();
  /** the file of each tensor */
  readonly #places = new Map<string, SafetensorsFile>();

  /** @throws TrainerError that names the folder, and the shard or tensor that is not as the index says */
  constructor(folder: string) {
    this.folder = folder;
    try {
      if (existsSync(join(folder, WEIGHTS_FILE))) this.#openWhole();
      else if (existsSync(join(folder, INDEX_FILE))) this.#openShards();
      else {
        throw new TrainerError(
          `${folder} holds no weights: expected ${WEIGHTS_FILE} in it, or ${INDEX_FILE}.`,
        );
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get names(): string[] {
    return [...this.#places.keys()];
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  shape(name: string): number[] | undefined {
    return this.#places.get(name)?.shape(name);
  }

  /** A tensor, widened to float32. @throws TrainerError */
  read(name: string): StoredTensor {
    const file = this.#places.get(name);
    if (!file) throw new TrainerError(`${this.folder} holds no tensor ${name}.`);
    return file.read(name);
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #openWhole(): void {
    const file = this.#open(WEIGHTS_FILE);
    for (const name of file.names) this.#places.set(name, file);
  }

  #openShards(): void {
    const where = join(this.folder, INDEX_FILE);
    const { weight_map } = readIndex(where);
    for (const [name, shard] of Object.entries(weight_map)) {
      if (shard.includes('/') || shard.includes('\\')) {
        throw new TrainerError(
          `${where}: weight_map: ${name}: ${shard}: expected the name of a file beside it.`,
        );
      }
      if (!existsSync(join(this.folder, shard))) {
        throw new TrainerError(
          `${this.folder}: the shard ${shard}, which ${INDEX_FILE} names for the tensor ${name}, is missing.`,
        );
      }
      const file = this.#files.get(shard) ?? this.#open(shard);
      if (!file.shape(name)) {
        throw new TrainerError(
          `${this.folder}: the tensor ${name} is not in ${shard}, where ${INDEX_FILE} says that it is.`,
        );
      }
      this.#places.set(name, file);
    }
    for (const [shard, file] of this.#files) {
      const stray = file.names.find((name) => weight_map[name] !== shard);
      if (stray !== undefined) {
        throw new TrainerError(
          `${this.folder}: ${shard} holds the tensor ${stray}, which ${INDEX_FILE} ${weight_map[stray] === undefined ? 'does not name' : `expects in ${weight_map[stray]}`}.`,
        );
      }
    }
  }

  #open(name: string): SafetensorsFile {
    const file = new SafetensorsFile(join(this.folder, name));
    this.#files.set(name, file);
    return file;
  }
}

function readIndex(file: string): z.infer<typeof indexSchema> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new TrainerError(`Cannot read ${file} (${messageOf(cause)}).`, { cause });
  }
  const parsed = indexSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new TrainerError(
      `${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}: expected a weight_map of tensor names to files.`,
      { cause: parsed.error },
    );
  }
  return parsed.data;
}
