import { type BootstrapOptions, bootstrapInterval, type Interval } from './intervals.ts';

/** One comparison of two models' answers to a prompt, from the first model's side. */
export interface Comparison {
  /** What comparisons of the same prompt share: they are drawn together. */
  prompt: string;
  outcome: 'win' | 'tie' | 'loss';
}

const points = { win: 1, tie: 0.5, loss: 0 } as const;

/** The outcome for the first of two answers by their ranks (1 = best). */
export function outcomeOfRanks(first: number, second: number): Comparison['outcome'] {
  if (first === second) return 'tie';
  return first < second ? 'win' : 'loss';
}

/**
 * Share of comparisons that the first model wins, a tie counting as half a win. The interval is bootstrapped over
 * prompts, not over votes: several votes on one prompt are not independent.
 */
export function winRate(comparisons: readonly Comparison[], options: BootstrapOptions): Interval {
  const byPrompt = new Map<string, { points: number; count: number }>();
  for (const { prompt, outcome } of comparisons) {
    const entry = byPrompt.get(prompt) ?? { points: 0, count: 0 };
    entry.points += points[outcome];
    entry.count += 1;
    byPrompt.set(prompt, entry);
  }
  return bootstrapInterval(
    [...byPrompt.values()],
    (prompts) => {
      let won = 0;
      let count = 0;
      for (const prompt of prompts) {
        won += prompt.points;
        count += prompt.count;
      }
      return won / count;
    },
    options,
  );
}
