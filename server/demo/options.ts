import { parseArgs } from 'node:util';
import { AppError } from '../errors.ts';

export interface DemoOptions {
  /** Leave when the round is done, instead of serving on. */
  once: boolean;
  /** Which world, and the seed of everything random in its round. */
  seed: number;
}

const USAGE = 'npm run demo [-- --once] [--seed N]';

/** @throws AppError, one sentence, for anything but `--once` and `--seed N` */
export function parseDemoOptions(args: string[]): DemoOptions {
  let values: { once?: boolean | undefined; seed?: string | undefined };
  try {
    ({ values } = parseArgs({ args, options: { once: { type: 'boolean' }, seed: { type: 'string' } } }));
  } catch (cause) {
    const what = cause instanceof Error ? cause.message.split('. ')[0] : String(cause);
    throw new AppError('BAD_INPUT', `${what}: expected ${USAGE}.`, { cause });
  }
  const seed = values.seed ?? '1';
  if (!/^\d{1,9}$/.test(seed)) {
    throw new AppError('BAD_INPUT', `--seed is "${seed}": expected a whole number from 0 to 999999999.`);
  }
  return { once: values.once ?? false, seed: Number(seed) };
}
