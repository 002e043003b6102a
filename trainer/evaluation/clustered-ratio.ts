import { TrainerError } from '../errors.ts';
import type { Interval } from './intervals.ts';
import { wilsonInterval } from './intervals.ts';

/** Below so many clusters their variance says nothing, and the worst that clustering can do is assumed. */
const FEW_CLUSTERS = 4;
/** 97.5 % quantile of the standard normal. */
const Z = 1.959963984540054;

/** 97.5 % quantile of Student's t (Cornish–Fisher expansion, Abramowitz and Stegun 26.7.5; too small below 3). */
function studentT(freedom: number): number {
  return Z + (Z ** 3 + Z) / (4 * freedom) + (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / (96 * freedom ** 2);
}

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
 * effect of Kish 1965, at least 1), with Student's t for the clusters that it was estimated from. So it stays within 0..1,
 * and shares near the ends and small counts are not taken for certain. Where all is alike, or there are fewer than four
 * clusters, each cluster is taken for one thing.
 *
 * @throws TrainerError when nothing was counted
 */
export function shareInterval(sums: RatioSums): Interval {
  if (!(sums.n > 0)) throw new TrainerError('A share needs at least one thing counted, got none.');
  const share = Math.min(1, Math.max(0, sums.a / sums.n));
  const simple = (share * (1 - share)) / sums.n;
  const known = sums.clusters >= FEW_CLUSTERS && simple > 0;
  const effect = known ? ratioError(sums) ** 2 / simple : sums.nn / sums.n;
  const effective = sums.n / Math.max(1, effect);
  const quantile = known ? studentT(sums.clusters - 1) : Z;
  return { ...wilsonInterval(share * effective, effective, quantile), mean: share };
}

/**
 * 95 % interval of a mean score between 0 and 1, for scores that are more than hit or miss: Student's t, where a score of 0
 * and one of 1 are added to the variance (as Agresti and Coull 1998 add to counts), so that a few equal scores are not
 * taken for certain.
 *
 * @throws TrainerError when nothing was counted
 */
export function scoreInterval(sums: RatioSums): Interval {
  if (!(sums.n > 0)) throw new TrainerError('A mean score needs at least one score, got none.');
  const { clusters, a, n, aa, an, nn } = sums;
  const mean = Math.min(1, Math.max(0, a / n));
  const squares = Math.max(0, aa - 2 * mean * an + mean * mean * nn);
  const size = n / clusters;
  const added = (mean ** 2 + (1 - mean) ** 2) * size ** 2;
  const error = Math.sqrt(((clusters + 2) / (clusters + 1)) * (squares + added)) / (n + 2 * size);
  const arm = studentT(clusters + 1) * error;
  return { mean, low: Math.max(0, mean - arm), high: Math.min(1, mean + arm) };
}
