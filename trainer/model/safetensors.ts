import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, TrainerError } from '../errors.ts';

/** A tensor as a file holds it, widened to float32. */
export interface StoredTensor {
  shape: number[];
  data: Float32Array;
}

const BYTES_PER_ELEMENT = { F32: 4, F16: 2, BF16: 2 } as const;
type StoredType = keyof typeof BYTES_PER_ELEMENT;

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/** A header of more bytes than this is taken for a damaged file (the format's own limit). */
const LONGEST_HEADER = 100_000_000;

/**
 * Writes tensors as float32: 8 bytes of header length, the header in JSON padded with spaces to 8 bytes, the data in
 * the order given. The file is flushed to the disk; it is not written under a temporary name.
 */
export function writeSafetensors(file: string, tensors: ReadonlyMap<string, StoredTensor>): void {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const size = shape.reduce((product, length) => product * length, 1);
    if (size !== data.length) {
      throw new TrainerError(
        `${file}: the tensor ${name} of shape [${shape.join(', ')}] has ${data.length} values: expected ${size}.`,
      );
    }
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  const descriptor = openSync(file, 'w');
  try {
    writeAll(descriptor, length);
    writeAll(descriptor, Buffer.from(json));
    for (const { data } of tensors.values()) writeAll(descriptor, littleEndian(data));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads every tensor of a file, F16 and BF16 widened to float32.
 * @throws TrainerError that names the file, the tensor, and what was expected
 */
export function readSafetensors(file: string): Map<string, StoredTensor> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new TrainerError(`Cannot read the weights ${file} (${messageOf(cause)}).`, { cause });
  }
  const damaged = (what: string, cause?: unknown): TrainerError =>
    new TrainerError(`${file} is not a whole safetensors file: ${what}.`, { cause });
  if (bytes.length < 8) throw damaged(`it has ${bytes.length} bytes, and the header's length alone takes 8`);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  if (headerLength > LONGEST_HEADER || 8 + headerLength > bytes.length) {
    throw damaged(`it announces a header of ${headerLength} bytes, and has ${bytes.length} in all`);
  }
  let header: unknown;
  try {
    header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength));
  } catch (cause) {
    throw damaged(`its header is not JSON (${messageOf(cause)})`, cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw damaged('its header is not an object');
  }
  const data = bytes.subarray(8 + headerLength);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success)
      throw damaged(`its entry for ${name} lacks dtype, shape or data_offsets`, entry.error);
    const { dtype, shape, data_offsets } = entry.data;
    if (!isStoredType(dtype)) {
      throw new TrainerError(`${file}: the tensor ${name} is of type ${dtype}: expected F32, F16 or BF16.`);
    }
    const [from, to] = data_offsets;
    const size = shape.reduce((product, length) => product * length, 1);
    if (to - from !== size * BYTES_PER_ELEMENT[dtype]) {
      throw damaged(`the tensor ${name} of shape [${shape.join(', ')}] takes ${to - from} bytes of ${dtype}`);
    }
    if (to > data.length) throw damaged(`the tensor ${name} ends at byte ${to} of ${data.length}`);
    tensors.set(name, { shape, data: widen(data.subarray(from, to), dtype) });
  }
  return tensors;
}

function isStoredType(name: string): name is StoredType {
  return Object.hasOwn(BYTES_PER_ELEMENT, name);
}

/** Copies, as a file's data need not be aligned to its elements. */
function widen(bytes: Buffer, type: StoredType): Float32Array {
  const values = new Float32Array(bytes.length / BYTES_PER_ELEMENT[type]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (type === 'F32') {
    for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
  } else if (type === 'F16') {
    for (let i = 0; i < values.length; i++) values[i] = halfToNumber(view.getUint16(2 * i, true));
  } else {
    // bfloat16 is the upper half of a float32.
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < values.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  }
  return values;
}

/** IEEE 754 binary16. */
function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function littleEndian(data: Float32Array): Buffer {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return HOST_IS_LITTLE_ENDIAN ? bytes : Buffer.from(bytes).swap32();
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(descriptor, bytes, written, bytes.length - written);
  }
}
