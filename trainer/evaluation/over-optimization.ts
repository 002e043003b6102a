import { TrainerError } from '../errors.ts';
import { mean } from './intervals.ts';

/** How far a policy has moved from the one it began as, and what became of the gold reward. */
export interface GoldPoint {
  /** d = √KL(policy ‖ initial), KL in nats per completion. */
  distance: number;
  /** Gold reward minus that of the initial policy, which lies at 0. */
  gold: number;
}

/** A fitted course of the gold reward over d. */
export interface GoldFit {
  /** 'rl': d (α − β ln d); 'best-of-n': d (α − β d). */
  form: 'rl' | 'best-of-n';
  alpha: number;
  beta: number;
  /** 1 − Σ residual² / Σ (gold − mean)²; NaN when all gold rewards are the same. */
  r2: number;
  /** Where the curve is highest, and the KL there: beyond it, more optimisation makes it worse; null if it rises for good. */
  peak: { distance: number; kl: number; gold: number } | null;
}

/**
 * Least squares of the two forms of Gao, Schulman and Hilton (2022), "Scaling laws for reward model overoptimization":
 * R(d) = d (α − β ln d) for reinforcement learning, R(d) = d (α − β d) for best-of-n, with R(0) = 0 and d = √KL. Both are
 * linear in α and β. Points at d = 0 say nothing and are passed over.
 *
 * @throws TrainerError for fewer than 3 points, or points that all lie at the same distance
 */
export function fitGoldReward(points: readonly GoldPoint[], form: GoldFit['form']): GoldFit {
  const used = points.filter(({ distance }) => distance > 0);
  if (used.length < 3) {
    throw new TrainerError(
      `A course of the gold reward needs at least 3 policies that have moved from the first, got ${used.length}.`,
    );
  }
  // R = α x + β z
  let xx = 0;
  let xz = 0;
  let zz = 0;
  let xy = 0;
  let zy = 0;
  for (const { distance: d, gold } of used) {
    const z = form === 'rl' ? -d * Math.log(d) : -d * d;
    xx += d * d;
    xz += d * z;
    zz += z * z;
    xy += d * gold;
    zy += z * gold;
  }
  const determinant = xx * zz - xz * xz;
  if (!(determinant > 1e-12 * xx * zz)) {
    throw new TrainerError(
      'All policies have moved equally far: a course of the gold reward needs different KLs.',
    );
  }
  const alpha = (xy * zz - zy * xz) / determinant;
  const beta = (zy * xx - xy * xz) / determinant;
  const average = mean(used.map(({ gold }) => gold));
  let residual = 0;
  let total = 0;
  for (const { distance, gold } of used) {
    residual += (gold - goldAt({ form, alpha, beta }, distance)) ** 2;
    total += (gold - average) ** 2;
  }
  return {
    form,
    alpha,
    beta,
    r2: total > 0 ? 1 - residual / total : Number.NaN,
    peak: peakOf({ form, alpha, beta }),
  };
}

/** The fitted gold reward at a distance. */
export function goldAt(
  { form, alpha, beta }: Pick<GoldFit, 'form' | 'alpha' | 'beta'>,
  distance: number,
): number {
  if (distance === 0) return 0;
  return distance * (alpha - beta * (form === 'rl' ? Math.log(distance) : distance));
}

/** dR/dd = 0: ln d = α/β − 1, or d = α / 2β. */
function peakOf(fit: Pick<GoldFit, 'form' | 'alpha' | 'beta'>): GoldFit['peak'] {
  if (!(fit.beta > 0)) return null;
  const distance = fit.form === 'rl' ? Math.exp(fit.alpha / fit.beta - 1) : fit.alpha / (2 * fit.beta);
  return distance > 0 && Number.isFinite(distance)
    ? { distance, kl: distance ** 2, gold: goldAt(fit, distance) }
    : null;
}

/** KL of best-of-n from the policy that is sampled, in nats: ln n − (n − 1)/n, its upper bound (Beirami et al. 2024). */
export function bestOfNKl(n: number): number {
  return Math.log(n) - (n - 1) / n;
}

/**
 * The expected value of the best of k out of n samples of one prompt, for every k from 1 to n, without bias: the mean over
 * all subsets of k (Nakano et al. 2021, WebGPT, appendix I). Of subsets of k, C(i−1, k−1) have the i-th lowest proxy on top.
 *
 * @param proxy what the best is chosen by
 * @param values what is reported of the chosen one: the proxy itself, or a gold reward
 */
export function bestOfNValues(proxy: readonly number[], values: readonly number[]): number[] {
  const n = proxy.length;
  const order = proxy.map((_, index) => index).sort((a, b) => (proxy[a] ?? 0) - (proxy[b] ?? 0));
  return Array.from({ length: n }, (_, index) => {
    const k = index + 1;
    // weight of the i-th lowest (from 0): C(i, k−1) / C(n, k), from the top down
    let weight = k / n;
    let sum = 0;
    for (let i = n - 1; i >= k - 1; i--) {
      sum += weight * (values[order[i] ?? 0] ?? 0);
      weight *= (i - k + 1) / i;
    }
    return sum;
  });
}
