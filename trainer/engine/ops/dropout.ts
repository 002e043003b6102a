import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';
import { fused } from './native-gradient.ts';

/** Finaliser of MurmurHash3; the native kernel computes the same. */
function mix(value: number): number {
  let z = value >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** What multiplies each element: 0 with probability `rate`, else 1 / (1 - rate). A function of seed and index alone. */
export function dropoutMask(size: number, rate: number, seed: number): Float32Array {
  const key = mix((seed >>> 0) ^ 0x9e3779b9);
  const threshold = Math.floor(rate * 4294967296);
  const scale = 1 / (1 - rate);
  const mask = new Float32Array(size);
  for (let i = 0; i < size; i++) mask[i] = mix((mix(i + 1) ^ key) >>> 0) < threshold ? 0 : scale;
  return mask;
}

/** What `dropout` means, in tfjs ops. */
export function dropoutComposition<T extends tf.Tensor>(x: T, rate: number, seed: number): T {
  return tf.tidy(() => x.mul(tf.tensor(dropoutMask(x.size, rate, seed), x.shape)) as T);
}

function dropoutNative<T extends tf.Tensor>(native: NativeBackend, x: T, rate: number, seed: number): T {
  const drop = (from: tf.Tensor): T => {
    const out = native.output<T>(from.shape);
    native.addon.dropout(from.size, native.floats(from), rate, seed >>> 0, out.values);
    return out.tensor;
  };
  // The gradient passes through the same mask, which is made again from the seed.
  return fused<T>([x], { forward: () => drop(x), backward: (dy) => [drop(dy)] });
}

/** @throws RangeError when the rate is not one */
export function checkDropoutRate(rate: number): void {
  if (!(rate >= 0 && rate < 1))
    throw new RangeError(`dropout rate is ${rate}: expected 0 or more and below 1.`);
}

/**
 * Zeroes each element with probability `rate` and scales the others by 1 / (1 - rate) (Srivastava et al. 2014).
 * The same seed and shape drop the same elements on every device.
 * @param rate in [0, 1); 0 returns x unchanged
 * @param seed an integer, taken modulo 2^32
 */
export function dropout<T extends tf.Tensor>(x: T, rate: number, seed: number): T {
  checkDropoutRate(rate);
  if (rate === 0) return x;
  const native = nativeBackend();
  return native ? dropoutNative(native, x, rate, seed) : dropoutComposition(x, rate, seed);
}
