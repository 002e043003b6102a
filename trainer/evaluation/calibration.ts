import { TrainerError } from '../errors.ts';
import { pairPoints } from './pair-accuracy.ts';

/** Pairs whose predicted probability lies in one stretch. */
export interface CalibrationBin {
  /** bounds of the predicted probability */
  from: number;
  to: number;
  pairs: number;
  /** mean predicted probability that people prefer the higher-scored completion; null without pairs */
  predicted: number | null;
  /** share of pairs in which they did; null without pairs */
  observed: number | null;
}

export interface Calibration {
  bins: CalibrationBin[];
  /** Σ (pairs of the bin / all pairs) · |observed − predicted| (Guo et al. 2017) */
  expectedCalibrationError: number;
  /** mean of (1 − σ(Δ))², from 0 (sure and right) to 1; 0.25 for scores that say nothing (Brier 1950) */
  brier: number;
}

/**
 * Whether a reward model is as right as it is sure. A pair's predicted probability is σ(|Δ|), that of the higher-scored
 * completion being the preferred one, so it lies between ½ and 1.
 *
 * @param differences raw score of the preferred completion minus the other's, one a pair: the scale that the loss −log
 *   σ(Δ) was fitted on, not the normalised one
 * @param bins stretches of equal width
 */
export function calibrate(differences: readonly number[], bins = 10): Calibration {
  if (differences.length === 0) throw new TrainerError('Calibration needs at least one pair, got none.');
  const sums = Array.from({ length: bins }, () => ({ pairs: 0, predicted: 0, observed: 0 }));
  let brier = 0;
  for (const difference of differences) {
    const predicted = 1 / (1 + Math.exp(-Math.abs(difference)));
    brier += (1 / (1 + Math.exp(difference))) ** 2;
    const bin = sums[Math.min(bins - 1, Math.floor((predicted - 0.5) * 2 * bins))];
    if (!bin) continue;
    bin.pairs += 1;
    bin.predicted += predicted;
    bin.observed += pairPoints(difference);
  }
  const error = sums.reduce((sum, { predicted, observed }) => sum + Math.abs(observed - predicted), 0);
  return {
    bins: sums.map(({ pairs, predicted, observed }, i) => ({
      from: 0.5 + i / (2 * bins),
      to: 0.5 + (i + 1) / (2 * bins),
      pairs,
      predicted: pairs > 0 ? predicted / pairs : null,
      observed: pairs > 0 ? observed / pairs : null,
    })),
    expectedCalibrationError: error / differences.length,
    brier: brier / differences.length,
  };
}
