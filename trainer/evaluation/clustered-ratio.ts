import { TrainerError } from '../errors.ts';
import type { Interval } from './intervals.ts';
import { wilsonInterval } from './intervals.ts';

/** Below so many clusters their variance says too little, and the worst that clustering can do is assumed as well. */
const FEW_CLUSTERS = 10;
/** 97.5 % quantile of the standard normal. */
const Z = 1.959963984540054;

/**
 * Sums of a ratio Σa / Σn over clusters (the pairs of one prompt, say, which are not independent of each other), from which
 * its interval follows without keeping what was counted. Sums may be added and taken from one another.
 */
export interface RatioSums {
  clusters: number;
  a: number;
  n: number;
  aa: number;
  an: number;
  nn: number;
}

export const emptySums = (): RatioSums => ({ clusters: 0, a: 0, n: 0, aa: 0, an: 0, nn: 0 });

/** Adds one whole cluster: `n` things counted, `a` of them hits. One without anything counted is none. */
export function addCluster(sums: RatioSums, a: number, n: number): void {
  if (n === 0) return;
  sums.clusters += 1;
  sums.a += a;
  sums.n += n;
  sums.aa += a * a;
  sums.an += a * n;
  sums.nn += n * n;
}

/** Adds (or, with factor −1, takes away) sums of other clusters. */
export function addSums(sums: RatioSums, other: RatioSums, factor: 1 | -1 = 1): void {
  sums.clusters += factor * other.clusters;
  sums.a += factor * other.a;
  sums.n += factor * other.n;
  sums.aa += factor * other.aa;
  sums.an += factor * other.an;
  sums.nn += factor * other.nn;
}

/**
 * Standard error of Σa / Σn over clusters, linearised (Cochran 1977, section 6.4; the sandwich estimator with its m/(m−1)):
 * Var = m/(m−1) · Σ(a − r·n)² / (Σn)². NaN below two clusters.
 */
export function ratioError({ clusters, a, n, aa, an, nn }: RatioSums): number {
  if (clusters < 2) return Number.NaN;
  const ratio = a / n;
  const squares = Math.max(0, aa - 2 * ratio * an + ratio * ratio * nn);
  return Math.sqrt((clusters / (clusters - 1)) * squares) / n;
}

/**
 * 95 % interval of a share counted over clusters: Wilson's, for as many independent things as say as much (the design
 * effect of Kish 1965, at least 1). So it stays within 0..1, and shares near the ends and small counts are not taken
 * for certain. With few clusters each is also taken for no more than one thing.
 *
 * @throws TrainerError when nothing was counted
 */
export function shareInterval(sums: RatioSums): Interval {
  if (!(sums.n > 0)) throw new TrainerError('A share needs at least one thing counted, got none.');
  const share = Math.min(1, Math.max(0, sums.a / sums.n));
  const error = ratioError(sums);
  const simple = (share * (1 - share)) / sums.n;
  const measured = Number.isNaN(error) || simple === 0 ? 1 : error ** 2 / simple;
  // All pairs of a cluster alike: each counts for one.
  const worst = sums.nn / sums.n;
  const unsure = sums.clusters < FEW_CLUSTERS || simple === 0;
  const effect = Math.max(1, unsure ? Math.max(measured, worst) : measured);
  const effective = sums.n / effect;
  return { ...wilsonInterval(share * effective, effective), mean: share };
}

/**
 * 95 % interval of any other ratio of two sums over clusters, by the normal approximation.
 *
 * @throws TrainerError with fewer than two clusters
 */
export function ratioInterval(sums: RatioSums): Interval {
  const error = ratioError(sums);
  if (Number.isNaN(error)) {
    throw new TrainerError(
      `An interval needs two clusters or more that count something, got ${sums.clusters}.`,
    );
  }
  const mean = sums.a / sums.n;
  return { mean, low: mean - Z * error, high: mean + Z * error };
}
