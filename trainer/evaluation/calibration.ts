import { TrainerError } from '../errors.ts';
import { mean } from './intervals.ts';
import { pairPoints } from './pair-accuracy.ts';

/** Pairs of about the same predicted probability. */
export interface ReliabilityBin {
  /** The bin's bounds on the predicted probability; the upper one belongs to the last bin only. */
  from: number;
  to: number;
  pairs: number;
  /** Mean probability that the reward model gave to its favourite; NaN in an empty bin. */
  predicted: number;
  /** Share of pairs in which people preferred that favourite; NaN in an empty bin. */
  observed: number;
}

/** How far a reward model's probabilities can be believed. */
export interface Calibration {
  bins: ReliabilityBin[];
  /** Σ (pairs of the bin / all pairs) · |observed − predicted| (Naeini et al. 2015). */
  expectedError: number;
  /** Mean squared error of the probability of what people preferred (Brier 1950); 0.25 says nothing, 0 all. */
  brier: number;
  /** Mean −log of that probability, in nats: the reward model's own loss, pair by pair; ln 2 says nothing. */
  logLoss: number;
}

/**
 * Calibration of preferences P(better ≻ worse) = σ(Δ) (Bradley–Terry). A pair has no natural first, so it is read from the
 * model's favourite: predicted σ(|Δ|), from ½ to 1, against how often people agreed. Δ = 0 counts as half agreed.
 *
 * @param differences raw score of the completion that people preferred minus that of the other, a pair each; raw, as gain
 *   and bias of a normalised score change what σ(Δ) says
 * @param bins of equal width over ½ to 1
 * @throws TrainerError without a pair
 */
export function calibrationOf(differences: readonly number[], bins = 5): Calibration {
  if (differences.length === 0)
    throw new TrainerError('Calibration needs at least one ordered pair, got none.');
  const width = 0.5 / bins;
  const collected = Array.from({ length: bins }, () => ({ pairs: 0, predicted: 0, agreed: 0 }));
  for (const difference of differences) {
    const confidence = sigmoid(Math.abs(difference));
    const bin = collected[Math.min(bins - 1, Math.floor((confidence - 0.5) / width))];
    if (!bin) throw new TrainerError(`A pair's scores differ by ${difference}: expected a number.`);
    bin.pairs += 1;
    bin.predicted += confidence;
    bin.agreed += pairPoints(difference);
  }
  return {
    bins: collected.map(({ pairs, predicted, agreed }, index) => ({
      from: 0.5 + index * width,
      to: 0.5 + (index + 1) * width,
      pairs,
      predicted: predicted / pairs,
      observed: agreed / pairs,
    })),
    expectedError: collected.reduce(
      (sum, { predicted, agreed }) => sum + Math.abs(agreed - predicted) / differences.length,
      0,
    ),
    brier: mean(differences.map((difference) => (1 - sigmoid(difference)) ** 2)),
    logLoss: mean(
      differences.map((difference) => Math.log1p(Math.exp(-Math.abs(difference))) + Math.max(0, -difference)),
    ),
  };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
