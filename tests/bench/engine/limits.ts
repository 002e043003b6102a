import { duel } from '../duel.ts';
import type { BenchOptions } from '../suite.ts';
import type { Contenders } from './contenders.ts';

/** What the machine itself can do, measured in the same run on the same threads. */
export interface Limits {
  /** floating-point operations a second of a large matrix product */
  flops: number;
}

/** The best of our own and the BLAS library's rate on a product of 1024³. */
export async function measureLimits(sides: Contenders, { threads, say }: BenchOptions): Promise<Limits> {
  const size = 1024;
  const settings = { shapes: [[size, size, size, false, false]] };
  const { ours, peer } = await duel(
    sides.ours,
    sides.peer,
    { task: 'matmul', settings, repeats: 10, threads },
    4,
  );
  const rate = (seconds: number[]): number => (2 * size ** 3) / Math.min(...seconds);
  const rates = { ours: rate(ours), peer: peer && rate(peer) };
  const gigaflops = (value: number): string => `${(value / 1e9).toFixed(0)} GFLOP/s`;
  say(
    `Limit: sgemm of ${size}³ reaches ${gigaflops(rates.ours)} by our kernel${rates.peer === null ? '' : `, ${gigaflops(rates.peer)} by PyTorch's BLAS`}; the better one counts.`,
  );
  return { flops: Math.max(rates.ours, rates.peer ?? 0) };
}

/** Bytes a second at which all threads read this many bytes again and again. */
export async function readRate({ ours }: Contenders, bytes: number, threads: number): Promise<number> {
  const floats = Math.ceil(bytes / 4);
  const seconds = await ours.measure({ task: 'read', settings: { floats }, repeats: 20, threads });
  return (4 * floats) / Math.min(...seconds);
}
