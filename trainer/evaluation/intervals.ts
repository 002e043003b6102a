import { Random } from '../engine/random.ts';
import { TrainerError } from '../errors.ts';

/** An estimate and the bounds of its interval (95 % unless told otherwise). */
export interface Interval {
  mean: number;
  low: number;
  high: number;
}

export interface BootstrapOptions {
  seed: number;
  /** How many times the items are drawn anew. */
  resamples?: number;
  /** Coverage of the interval, from 0 to 1. */
  level?: number;
}

/**
 * Percentile bootstrap (Efron 1979): the statistic of as many items, drawn with replacement, again and again; the
 * interval holds the middle `level` of these values. `mean` is the statistic of the items themselves.
 *
 * @throws TrainerError when there are no items
 */
export function bootstrapInterval<Item>(
  items: readonly Item[],
  statistic: (items: readonly Item[]) => number,
  { seed, resamples = 2000, level = 0.95 }: BootstrapOptions,
): Interval {
  if (items.length === 0) throw new TrainerError('A bootstrap interval needs at least one item, got none.');
  const random = new Random(seed);
  const drawn: Item[] = [...items];
  const values = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    for (let i = 0; i < drawn.length; i++) drawn[i] = items[random.integer(items.length)] as Item;
    values[resample] = statistic(drawn);
  }
  values.sort();
  return {
    mean: statistic(items),
    low: quantile(values, (1 - level) / 2),
    high: quantile(values, (1 + level) / 2),
  };
}

/** Bootstrap interval of the mean. */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions): Interval {
  return bootstrapInterval(values, mean, options);
}

/**
 * Wilson's score interval of a proportion (Wilson 1927): stays inside 0..1 and holds for small counts.
 *
 * @param z normal quantile; 1.959964 covers 95 %
 * @throws TrainerError when total is 0 or successes lie outside 0..total
 */
export function wilsonInterval(successes: number, total: number, z = 1.959963984540054): Interval {
  if (!(total > 0) || successes < 0 || successes > total) {
    throw new TrainerError(
      `A proportion needs 0 ≤ successes ≤ total and total > 0, got ${successes} of ${total}.`,
    );
  }
  const proportion = successes / total;
  const denominator = 1 + z ** 2 / total;
  const centre = (proportion + z ** 2 / (2 * total)) / denominator;
  const half =
    (z / denominator) * Math.sqrt((proportion * (1 - proportion)) / total + z ** 2 / (4 * total ** 2));
  return { mean: proportion, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Arithmetic mean; NaN for no values. */
export function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Quantile of sorted values, linear between neighbours. */
export function quantile(sorted: ArrayLike<number>, at: number): number {
  const position = at * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
  return low + (high - low) * (position - below);
}
