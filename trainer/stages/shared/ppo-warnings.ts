import type { RolloutMetrics } from './rollout-metrics.ts';

/** KL to the reference, in nats a token, beyond which the policy writes what the reference all but never would. */
const EXPLODED_KL = 1;
/** Share of the first iteration's entropy below which the policy has all but stopped to explore. */
const COLLAPSED_ENTROPY = 0.1;
/** Share of completions that end, below which nearly all get the score of a missing end. */
const LEAST_ENDING = 0.05;

/**
 * Notices the usual ways in which PPO goes wrong. Each is said once when it begins, and again only after it was gone.
 */
export class PpoWarnings {
  readonly #ongoing = new Set<string>();

  /**
   * @param firstEntropy nats per token in the run's first iteration
   * @returns a sentence for each thing that is wrong now and was not an iteration ago
   */
  check(iteration: number, metrics: RolloutMetrics, firstEntropy: number): string[] {
    const { klToReference, responseLength, entropy, eotRate } = metrics;
    const klPerToken = klToReference / responseLength;
    const wrong: [name: string, is: boolean, sentence: string][] = [
      [
        'kl',
        klPerToken > EXPLODED_KL,
        `the KL to the reference is ${klPerToken.toFixed(2)} nats a token: the policy leaves the text that the reward model knows; a larger beta or a lower learningRate keeps it near`,
      ],
      [
        'entropy',
        entropy < COLLAPSED_ENTROPY * firstEntropy,
        `the entropy fell to ${entropy.toFixed(3)} nats a token, from ${firstEntropy.toFixed(3)} at first: the policy all but repeats one answer; a larger beta or a lower learningRate keeps it open`,
      ],
      [
        'endOfText',
        eotRate < LEAST_ENDING,
        `only ${(100 * eotRate).toFixed(1)} % of completions ended within maxNewTokens: expected most of them to; more maxNewTokens give them room`,
      ],
    ];
    return wrong.flatMap(([name, is, sentence]) => {
      if (!is) {
        this.#ongoing.delete(name);
        return [];
      }
      if (this.#ongoing.has(name)) return [];
      this.#ongoing.add(name);
      return [`Warning, iteration ${iteration}: ${sentence}.`];
    });
  }
}
