import { messageOf, TrainerError } from '../../errors.ts';
import type { Addon } from './addon.ts';

/** How the numbers of a large matrix product are read: as they are, or rounded to bf16 and summed in float32. */
export type Precision = 'float32' | 'bf16';

const settled = new WeakMap<Addon, { request: string; name: string }>();

/**
 * Settles, once a process, whether the system's BLAS makes large matrix products. Another choice gives other bits: a
 * run that is resumed on another BLAS is right but not bit-equal.
 * @param request "off", the path of a library to use, or "" for the first that is found, if it is clearly faster than
 *   our kernels on this machine
 * @returns the library's name, "" where our own kernels do it
 * @throws TrainerError when the library that was named cannot be used
 */
export function settleBlas(addon: Addon, request: string): string {
  const held = settled.get(addon);
  if (held?.request === request) return held.name;
  try {
    const name = addon.chooseBlas(request);
    settled.set(addon, { request, name });
    return name;
  } catch (error) {
    throw new TrainerError(
      `TOUCHSTONE_BLAS is "${request}", which cannot be used (${messageOf(error)}): expected off, or the path of a library with cblas_sgemm.`,
    );
  }
}

/**
 * Sets how large matrix products read their inputs.
 * @throws TrainerError when there is no such precision, or this processor or the compiler lacks it
 */
export function setPrecision(addon: Addon, precision: string): void {
  if (precision !== 'float32' && precision !== 'bf16') {
    throw new TrainerError(`The precision is "${precision}": expected float32 or bf16.`);
  }
  if (!addon.setBf16(precision === 'bf16')) {
    throw new TrainerError(
      'The precision bf16 needs a processor with AVX-512 BF16, and kernels compiled for it: this machine has none.',
    );
  }
}
