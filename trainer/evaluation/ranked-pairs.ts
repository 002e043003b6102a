import { orderedPairs } from '../data/comparisons.ts';
import type { Ranking } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';
import { type Calibration, calibrationOf } from './calibration.ts';
import { type BootstrapOptions, bootstrapInterval, type Interval } from './intervals.ts';
import { pairPoints } from './pair-accuracy.ts';

/** Rankings of one kind, and how well scores order their pairs. */
export interface Accuracy {
  accuracy: Interval;
  pairs: number;
  rankings: number;
  prompts: number;
}

/** What rankings say of a reward model. */
export interface RewardAccuracy extends Accuracy {
  /** By how much better people said it was: 1 (slight) to 4; pairs of neighbouring groups only. Empty where nobody said. */
  byStrength: ({ strength: number } & Accuracy)[];
  /** By how many groups lie between the two, 1 for neighbours. */
  byDistance: ({ distance: number } & Accuracy)[];
  /** By who ranked. Empty where no line names a labeler. */
  byLabeler: ({ labeler: string } & Accuracy)[];
  calibration: Calibration;
}

/** An ordered pair of a ranking, and what the scores make of it. */
interface ScoredPair {
  ranking: number;
  /** what rankings of the same prompt share */
  prompt: string;
  /** raw score of the better completion minus that of the worse */
  difference: number;
  distance: number;
  strength: number | null;
  labeler: string | undefined;
}

/**
 * How well a reward model orders rankings: the share of ordered pairs whose better completion has the higher score (equal
 * scores count half; ties of the ranking give no pair), with an interval bootstrapped over prompts, as pairs of one prompt
 * are not independent.
 *
 * @param scores of each ranking's completions, raw (without gain and bias)
 * @throws TrainerError when no ranking orders anything
 */
export function rewardAccuracy(
  rankings: readonly Ranking[],
  scores: readonly (readonly number[])[],
  options: BootstrapOptions,
): RewardAccuracy {
  const pairs = rankings.flatMap((ranking, index) => scoredPairs(ranking, index, scores[index] ?? []));
  if (pairs.length === 0) {
    throw new TrainerError(
      `None of the ${rankings.length} rankings orders a pair: expected ranks that are not all tied.`,
    );
  }
  const by = <Key>(keyOf: (pair: ScoredPair) => Key | null | undefined): [Key, Accuracy][] => {
    const groups = new Map<Key, ScoredPair[]>();
    for (const pair of pairs) {
      const key = keyOf(pair);
      if (key === null || key === undefined) continue;
      const group = groups.get(key);
      if (group) group.push(pair);
      else groups.set(key, [pair]);
    }
    return [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, group]) => [key, accuracyOf(group, options)]);
  };
  return {
    ...accuracyOf(pairs, options),
    byStrength: by((pair) => pair.strength).map(([strength, rest]) => ({ strength, ...rest })),
    byDistance: by((pair) => pair.distance).map(([distance, rest]) => ({ distance, ...rest })),
    byLabeler: by((pair) => pair.labeler).map(([labeler, rest]) => ({ labeler, ...rest })),
    calibration: calibrationOf(pairs.map(({ difference }) => difference)),
  };
}

function scoredPairs(
  { prompt, ranks, strength, labeler }: Ranking,
  ranking: number,
  scores: readonly number[],
): ScoredPair[] {
  // `strength` stands between one group of equal ranks and the next; ranks may have gaps.
  const groups = [...new Set(ranks)].sort((a, b) => a - b);
  return orderedPairs(ranks).map(([better, worse]) => {
    const upper = groups.indexOf(ranks[better] ?? 0);
    const distance = groups.indexOf(ranks[worse] ?? 0) - upper;
    return {
      ranking,
      prompt: JSON.stringify(prompt),
      difference: (scores[better] ?? Number.NaN) - (scores[worse] ?? Number.NaN),
      distance,
      strength: distance === 1 ? (strength?.[upper] ?? null) : null,
      labeler,
    };
  });
}

function accuracyOf(pairs: readonly ScoredPair[], options: BootstrapOptions): Accuracy {
  const byPrompt = new Map<string, { right: number; pairs: number }>();
  for (const { prompt, difference } of pairs) {
    const entry = byPrompt.get(prompt) ?? { right: 0, pairs: 0 };
    entry.right += pairPoints(difference);
    entry.pairs += 1;
    byPrompt.set(prompt, entry);
  }
  const accuracy = bootstrapInterval(
    [...byPrompt.values()],
    (drawn) => {
      let right = 0;
      let count = 0;
      for (const entry of drawn) {
        right += entry.right;
        count += entry.pairs;
      }
      return right / count;
    },
    options,
  );
  const rankings = new Set(pairs.map(({ ranking }) => ranking)).size;
  return { accuracy, pairs: pairs.length, rankings, prompts: byPrompt.size };
}
