import type { Ranking } from '../data/json-lines.ts';
import { type GroupRanking, pairwiseAgreement } from './agreement.ts';
import { type BootstrapOptions, bootstrapInterval, type Interval } from './intervals.ts';
import { groupByPrompt } from './pair-accuracy.ts';

/** How often people agree, beside which a reward model's accuracy is read. */
export interface LabelerAgreement {
  rate: Interval;
  /** pairs that two people both put in an order, counted once for each two people */
  pairs: number;
  /** pairs that at least one of the two called a tie; not in the rate */
  tied: number;
}

/**
 * How often two people order the same two texts alike, over all prompts that several people ranked (InstructGPT, section
 * 3.4: 72.6 ± 1.5 %). Rankings are matched by their texts, so that it does not matter in which order they name them, or
 * whether each of two rankings holds texts that the other lacks. Bootstrapped over prompts.
 *
 * @returns null when no pair was ordered by two named people
 */
export function labelerAgreement(
  rankings: readonly Ranking[],
  options: BootstrapOptions,
): LabelerAgreement | null {
  const prompts = groupByPrompt(rankings.filter(({ labeler }) => labeler !== undefined))
    .map((group) => pairwiseAgreement(matched(group)))
    .filter(({ pairs, tied }) => pairs + tied > 0);
  const sum = (drawn: typeof prompts, count: 'agreed' | 'pairs' | 'tied'): number =>
    drawn.reduce((total, prompt) => total + prompt[count], 0);
  if (sum(prompts, 'pairs') === 0) return null;
  const ordered = prompts.filter(({ pairs }) => pairs > 0);
  const rate = bootstrapInterval(ordered, (drawn) => sum([...drawn], 'agreed') / sum([...drawn], 'pairs'), {
    resamples: 1000,
    ...options,
  });
  return { rate, pairs: sum(prompts, 'pairs'), tied: sum(prompts, 'tied') };
}

/** For each two rankings of a prompt a group of its own, over the texts that both hold. */
function matched(rankings: readonly Ranking[]): GroupRanking[] {
  return rankings.flatMap((one, a) =>
    rankings.slice(a + 1).flatMap((other, b) => {
      const shared = one.completions.filter((text) => other.completions.includes(text));
      return [one, other].map(
        ({ completions, ranks, labeler = '' }): GroupRanking => ({
          group: `${a}, ${a + 1 + b}`,
          labeler,
          ranks: shared.map((text) => ranks[completions.indexOf(text)] ?? 0),
        }),
      );
    }),
  );
}
