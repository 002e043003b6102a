import { Random } from '../engine/random.ts';
import type { Comparison } from './win-rate.ts';

/** What two models answered to a prompt. */
export interface AnswerPair {
  /** What comparisons of the same prompt share. */
  prompt: string;
  first: string;
  second: string;
}

/** Says which of two answers is better, or 'tie', without knowing which model wrote which. */
export type Judge = (prompt: string, left: string, right: string) => 'left' | 'right' | 'tie';

/**
 * Has a judge compare answers, each pair in an order drawn by the seed, so that a liking for one side costs both models
 * alike (Wang et al. 2023, "Large language models are not fair evaluators"). Equal texts are ties without asking.
 *
 * @returns the outcomes from the first model's side
 */
export function compareBlindly(pairs: readonly AnswerPair[], judge: Judge, seed: number): Comparison[] {
  const random = new Random(seed);
  return pairs.map(({ prompt, first, second }) => {
    const swapped = random.next() < 0.5;
    if (first === second) return { prompt, outcome: 'tie' };
    const choice = swapped ? judge(prompt, second, first) : judge(prompt, first, second);
    if (choice === 'tie') return { prompt, outcome: 'tie' };
    return { prompt, outcome: (choice === 'left') !== swapped ? 'win' : 'loss' };
  });
}
