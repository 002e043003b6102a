import type { Prompt } from '../data/template.ts';
import { type BootstrapOptions, bootstrapInterval, type Interval } from './intervals.ts';

/** A ranking whose completions have scores. */
export interface ScoredRanking {
  prompt: Prompt;
  /** [better, worse] as indices of `scores`; ties are no pairs */
  pairs: readonly (readonly [number, number])[];
  scores: readonly number[];
}

/** The score of each pair's better completion minus the worse one's. */
export function pairDifferences({ pairs, scores }: Omit<ScoredRanking, 'prompt'>): number[] {
  return pairs.map(([better, worse]) => (scores[better] ?? Number.NaN) - (scores[worse] ?? Number.NaN));
}

/** How right a score is about a pair with this difference: 1, 0, or ½ where the scores are equal. */
export function pairPoints(difference: number): number {
  return difference > 0 ? 1 : difference === 0 ? 0.5 : 0;
}

/** Share of ordered pairs whose better completion has the higher score; an equal score counts half. */
export function pairAccuracy(rankings: readonly Omit<ScoredRanking, 'prompt'>[]): number {
  return share([countPairs(rankings)]);
}

/** `pairAccuracy` with its interval, bootstrapped over prompts: pairs of one prompt are not independent. */
export function accuracyInterval(rankings: readonly ScoredRanking[], options: BootstrapOptions): Interval {
  return bootstrapInterval(groupByPrompt(rankings).map(countPairs), share, { resamples: 1000, ...options });
}

interface PairCount {
  right: number;
  pairs: number;
}

function countPairs(rankings: readonly Omit<ScoredRanking, 'prompt'>[]): PairCount {
  const differences = rankings.flatMap(pairDifferences);
  return {
    right: differences.reduce((sum, difference) => sum + pairPoints(difference), 0),
    pairs: differences.length,
  };
}

function share(counts: readonly PairCount[]): number {
  let right = 0;
  let pairs = 0;
  for (const count of counts) {
    right += count.right;
    pairs += count.pairs;
  }
  return right / pairs;
}

/** Items in groups of one prompt, in the order in which the prompts come. */
export function groupByPrompt<Item extends { prompt: Prompt }>(items: readonly Item[]): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = JSON.stringify(item.prompt);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}
