/** What weights are stored as: safetensors' name, and the name that `config.json` uses. */
export const WEIGHT_TYPES = {
  float32: { stored: 'F32', torch: 'float32' },
  bf16: { stored: 'BF16', torch: 'bfloat16' },
  f16: { stored: 'F16', torch: 'float16' },
} as const;

export type WeightType = keyof typeof WEIGHT_TYPES;

/** The types that weights may have in a file. */
export type StoredType = (typeof WEIGHT_TYPES)[WeightType]['stored'];

/** Bytes of one element. */
export const ELEMENT_BYTES: Readonly<Record<StoredType, number>> = { F32: 4, F16: 2, BF16: 2 };

export function isStoredType(name: string): name is StoredType {
  return Object.hasOwn(ELEMENT_BYTES, name);
}

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * A file's elements as float32, every bit pattern of NaN included.
 * @param bytes little-endian elements, at any alignment
 * @param out as many values as there are elements
 */
export function widen(bytes: Uint8Array, type: StoredType, out: Float32Array): void {
  if (type === 'F32') {
    const target = Buffer.from(out.buffer, out.byteOffset, out.byteLength);
    target.set(bytes);
    if (!HOST_IS_LITTLE_ENDIAN) target.swap32();
    return;
  }
  // Bits, not numbers: a number that passes through a double loses the payload of a NaN.
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  const widenOne = type === 'BF16' ? (half: number) => half << 16 : halfToFloatBits;
  for (let i = 0; i < bits.length; i++) {
    bits[i] = widenOne((bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8));
  }
}

/**
 * float32 values as a file's little-endian elements, rounded to nearest, ties to even.
 * @returns the bytes, and the first index whose finite value is too large for the type, or -1
 */
export function narrow(values: Float32Array, type: StoredType): { bytes: Uint8Array; overflow: number } {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  if (type === 'F32') {
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return { bytes: HOST_IS_LITTLE_ENDIAN ? bytes : Buffer.from(bytes).swap32(), overflow: -1 };
  }
  const narrowOne = type === 'BF16' ? floatToBrainBits : floatToHalfBits;
  const infinity = type === 'BF16' ? 0x7f80 : 0x7c00;
  const bytes = new Uint8Array(2 * values.length);
  let overflow = -1;
  for (let i = 0; i < bits.length; i++) {
    const from = bits[i] ?? 0;
    const to = narrowOne(from);
    if ((to & 0x7fff) === infinity && (from & 0x7fffffff) !== 0x7f800000 && overflow < 0) overflow = i;
    bytes[2 * i] = to & 0xff;
    bytes[2 * i + 1] = to >>> 8;
  }
  return { bytes, overflow };
}

/** bfloat16 is the upper half of a float32; half of the last place kept decides, the even one on a tie. */
function floatToBrainBits(bits: number): number {
  const magnitude = bits & 0x7fffffff;
  // A NaN stays one: its quiet bit is set, as the payload may lie in the half that goes.
  if (magnitude > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** IEEE 754 binary32 to binary16. */
function floatToHalfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  // From 65520 on, the nearest half is infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // A subnormal: the value in units of 2^-24.
    const exponent = magnitude >>> 23;
    if (exponent < 102) return sign;
    return sign | roundShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
  }
  return sign | roundShift(magnitude - 0x38000000, 13);
}

/** value / 2^shift, to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & (2 ** shift - 1);
  const half = 2 ** (shift - 1);
  return kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0);
}

/** IEEE 754 binary16 to binary32. */
function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal half is a normal float: its leading bit becomes the implicit one.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
