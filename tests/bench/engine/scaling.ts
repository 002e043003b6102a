import { duel } from '../duel.ts';
import { type Measurement, measurement, median } from '../row.ts';
import type { BenchOptions } from '../suite.ts';
import type { Contenders } from './contenders.ts';
import { referenceShape, type Shape, trainingFlops } from './flops.ts';
import type { Limits } from './limits.ts';

const TOKENS = 2048;

/**
 * `context-scaling`: how many times longer a token takes at 1024 cells a row than at 256, the tokens of a step being the
 * same. The limit is what the counted operations predict. A row for each length tells microseconds a token.
 */
export async function contextRows(
  sides: Contenders,
  limits: Limits,
  { threads }: BenchOptions,
): Promise<Measurement[]> {
  const shape = { ...referenceShape, context: 1024 };
  const lengths = [128, 256, 512, 1024];
  const times = new Map<number, { ours: number; peer: number | null }>();
  const rows = [];
  for (const columns of lengths) {
    const settings = { shape, rows: TOKENS / columns, columns };
    const { ours, peer } = await duel(
      sides.ours,
      sides.peer,
      { task: 'train-step', settings, repeats: 2, threads },
      3,
    );
    const time = (seconds: number[]): number => (1e6 * median(seconds)) / TOKENS;
    const figures = { ours: time(ours), peer: peer && time(peer) };
    times.set(columns, figures);
    const limit = (1e6 * trainingFlops(shape, columns)) / limits.flops;
    rows.push(measurement(`context-scaling/T=${columns}`, 'µs/token', 'lower', { ...figures, limit }));
  }
  const [short, long] = [times.get(256), times.get(1024)];
  if (!short || !long) throw new Error('The lengths that context-scaling compares were not measured.');
  const growth = measurement('context-scaling', 'time at 1024 over 256', 'lower', {
    ours: long.ours / short.ours,
    peer: long.peer !== null && short.peer !== null ? long.peer / short.peer : null,
    limit: trainingFlops(shape, 1024) / trainingFlops(shape, 256),
  });
  return [growth, ...rows];
}

/** `train-step/…`: our tokens a second over width, batch and threads, beside the limit of each. */
export async function scalingRows(
  { ours }: Contenders,
  limits: Limits,
  { threads }: BenchOptions,
): Promise<Measurement[]> {
  const measure = async (name: string, shape: Shape, rows: number, count = threads): Promise<Measurement> => {
    const settings = { shape, rows, columns: 128 };
    const seconds = await ours.measure({ task: 'train-step', settings, repeats: 3, threads: count });
    return measurement(`train-step/${name}`, 'tokens/s', 'higher', {
      ours: (rows * 128) / median(seconds),
      limit: (limits.flops * count) / threads / trainingFlops(shape, 128),
    });
  };
  const rows = [];
  for (const width of [64, 128, 256, 512]) {
    rows.push(await measure(`width=${width}`, { ...referenceShape, width, heads: width / 32 }, 16));
  }
  for (const batch of [1, 4, 64]) rows.push(await measure(`batch=${batch}`, referenceShape, batch));
  for (let count = 1; count <= threads; count *= 2) {
    rows.push(await measure(`threads=${count}`, referenceShape, 16, count));
  }
  return rows;
}
