import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, TrainerError } from '../errors.ts';
import { ELEMENT_BYTES, isStoredType, narrow, type StoredType, widen } from './element-types.ts';

/** A tensor as a file holds it, widened to float32. */
export interface StoredTensor {
  shape: number[];
  data: Float32Array;
}

/** Where a tensor lies in a file. */
interface Entry {
  dtype: string;
  shape: number[];
  /** first byte, and the one after the last, counted from the end of the header */
  data_offsets: [number, number];
}

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/** A header of more bytes than this is taken for a damaged file (the format's own limit). */
const LONGEST_HEADER = 100_000_000;
/** Bytes read or written at once: what a tensor's two-byte elements take beside the values. */
const CHUNK = 1 << 22;

/** A tensor to write: its values are asked for when its turn comes, so that one at a time is in memory. */
export interface TensorSource {
  shape: readonly number[];
  values(): Float32Array | Promise<Float32Array>;
}

/** Bytes of a tensor of this shape. */
export function tensorBytes(shape: readonly number[], type: StoredType): number {
  return sizeOf(shape) * ELEMENT_BYTES[type];
}

/**
 * Writes tensors as float32: 8 bytes of header length, the header in JSON padded with spaces to 8 bytes, the data in
 * the order given. The file is flushed to the disk; it is not written under a temporary name.
 */
export function writeSafetensors(file: string, tensors: ReadonlyMap<string, StoredTensor>): void {
  const writer = new SafetensorsWriter(file, tensors, 'F32');
  try {
    for (const { data } of tensors.values()) writer.write(data);
    writer.finish();
  } finally {
    writer.close();
  }
}

/** `writeSafetensors` of any type, tensor by tensor. @throws TrainerError for a value that the type cannot hold */
export async function writeTensors(
  file: string,
  tensors: ReadonlyMap<string, TensorSource>,
  type: StoredType,
): Promise<void> {
  const writer = new SafetensorsWriter(file, tensors, type);
  try {
    for (const { values } of tensors.values()) writer.write(await values());
    writer.finish();
  } finally {
    writer.close();
  }
}

/** Writes the header, then the tensors in its order. */
class SafetensorsWriter {
  readonly #file: string;
  readonly #type: StoredType;
  readonly #waiting: [name: string, shape: readonly number[]][];
  readonly #descriptor: number;

  constructor(
    file: string,
    tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
    type: StoredType,
  ) {
    this.#file = file;
    this.#type = type;
    this.#waiting = [...tensors].map(([name, { shape }]) => [name, shape]);
    const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
    let offset = 0;
    for (const [name, shape] of this.#waiting) {
      const end = offset + tensorBytes(shape, type);
      header[name] = { dtype: type, shape, data_offsets: [offset, end] };
      offset = end;
    }
    let json = JSON.stringify(header);
    json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
    this.#descriptor = openSync(file, 'w');
    writeAll(this.#descriptor, length);
    writeAll(this.#descriptor, Buffer.from(json));
  }

  write(values: Float32Array): void {
    const [name, shape] = this.#waiting.shift() ?? ['', []];
    const size = sizeOf(shape);
    if (size !== values.length) {
      throw new TrainerError(
        `${this.#file}: the tensor ${name} of shape [${shape.join(', ')}] has ${values.length} values: expected ${size}.`,
      );
    }
    for (let from = 0; from < size; from += CHUNK / 2) {
      const part = values.subarray(from, from + CHUNK / 2);
      const { bytes, overflow } = narrow(part, this.#type);
      if (overflow >= 0) {
        throw new TrainerError(
          `${this.#file}: the tensor ${name} holds ${part[overflow]} (element ${from + overflow}), which is too large for ${this.#type}: expected a type of more range, such as float32.`,
        );
      }
      writeAll(this.#descriptor, bytes);
    }
  }

  finish(): void {
    fsyncSync(this.#descriptor);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/**
 * An open file of tensors. The header is read at once, each tensor when it is asked for: no more than one, and a few
 * megabytes, are in memory beside what the caller keeps.
 */
export class SafetensorsFile {
  readonly file: string;
  readonly #descriptor: number;
  readonly #entries = new Map<string, Entry>();
  readonly #dataStart: number;

  /** @throws TrainerError that names the file, the tensor, and what was expected */
  constructor(file: string) {
    this.file = file;
    try {
      this.#descriptor = openSync(file, 'r');
    } catch (cause) {
      throw new TrainerError(`Cannot read the weights ${file} (${messageOf(cause)}).`, { cause });
    }
    try {
      this.#dataStart = this.#readHeader();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** A tensor's shape; undefined when the file does not hold it. */
  shape(name: string): number[] | undefined {
    return this.#entries.get(name)?.shape;
  }

  /** A tensor, F16 and BF16 widened to float32. @throws TrainerError for another type, or a name that is not there */
  read(name: string): StoredTensor {
    const entry = this.#entries.get(name);
    if (!entry) throw new TrainerError(`${this.file} holds no tensor ${name}.`);
    const { dtype, shape, data_offsets } = entry;
    if (!isStoredType(dtype)) {
      throw new TrainerError(
        `${this.file}: the tensor ${name} is of type ${dtype}: expected F32, F16 or BF16.`,
      );
    }
    const data = new Float32Array(sizeOf(shape));
    const bytes = ELEMENT_BYTES[dtype];
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, data.length * bytes));
    for (let from = 0; from < data.length; from += CHUNK / bytes) {
      const part = data.subarray(from, from + CHUNK / bytes);
      const read = chunk.subarray(0, part.length * bytes);
      this.#readAll(read, this.#dataStart + data_offsets[0] + from * bytes);
      widen(read, dtype, part);
    }
    return { shape, data };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #readHeader(): number {
    const size = fstatSync(this.#descriptor).size;
    if (size < 8) throw this.#damaged(`it has ${size} bytes, and the header's length alone takes 8`);
    const length = Buffer.alloc(8);
    this.#readAll(length, 0);
    const headerLength = Number(length.readBigUInt64LE(0));
    if (headerLength > LONGEST_HEADER || 8 + headerLength > size) {
      throw this.#damaged(`it announces a header of ${headerLength} bytes, and has ${size} in all`);
    }
    const json = Buffer.alloc(headerLength);
    this.#readAll(json, 8);
    let header: unknown;
    try {
      header = JSON.parse(json.toString('utf8'));
    } catch (cause) {
      throw this.#damaged(`its header is not JSON (${messageOf(cause)})`, cause);
    }
    if (typeof header !== 'object' || header === null || Array.isArray(header)) {
      throw this.#damaged('its header is not an object');
    }
    for (const [name, value] of Object.entries(header)) {
      if (name !== '__metadata__') this.#addEntry(name, value, size - 8 - headerLength);
    }
    this.#checkOverlaps();
    return 8 + headerLength;
  }

  #addEntry(name: string, value: unknown, dataBytes: number): void {
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) {
      throw this.#damaged(`its entry for ${name} lacks dtype, shape or data_offsets`, parsed.error);
    }
    const { dtype, shape, data_offsets } = parsed.data;
    const [from, to] = data_offsets;
    if (isStoredType(dtype) && to - from !== tensorBytes(shape, dtype)) {
      throw this.#damaged(
        `the tensor ${name} of shape [${shape.join(', ')}] takes ${to - from} bytes of ${dtype}`,
      );
    }
    if (to > dataBytes) throw this.#damaged(`the tensor ${name} ends at byte ${to} of ${dataBytes}`);
    this.#entries.set(name, parsed.data);
  }

  #checkOverlaps(): void {
    let end = 0;
    let before = '';
    const sorted = [...this.#entries].sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
    for (const [name, { data_offsets }] of sorted) {
      if (data_offsets[0] === data_offsets[1]) continue;
      if (data_offsets[0] < end) throw this.#damaged(`the tensors ${before} and ${name} overlap`);
      end = data_offsets[1];
      before = name;
    }
  }

  #readAll(into: Buffer, position: number): void {
    for (let read = 0; read < into.length; ) {
      const count = readSync(this.#descriptor, into, read, into.length - read, position + read);
      if (count === 0) throw this.#damaged(`it ends at byte ${position + read}`);
      read += count;
    }
  }

  #damaged(what: string, cause?: unknown): TrainerError {
    return new TrainerError(`${this.file} is not a whole safetensors file: ${what}.`, { cause });
  }
}

/**
 * Reads every tensor of a file, F16 and BF16 widened to float32.
 * @throws TrainerError that names the file, the tensor, and what was expected
 */
export function readSafetensors(file: string): Map<string, StoredTensor> {
  const open = new SafetensorsFile(file);
  try {
    return new Map(open.names.map((name) => [name, open.read(name)]));
  } finally {
    open.close();
  }
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(descriptor, bytes, written, bytes.length - written);
  }
}
