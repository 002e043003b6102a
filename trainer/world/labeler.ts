import { demonstrationMixture } from './demonstrations.ts';
import { createRandom, type Random } from './random.ts';
import type { World } from './world.ts';

/**
 * Scale of the Gumbel noise on the gold score. With it two labelers agree on about three of four pairs that
 * neither ties, as people do (InstructGPT §3.4: 72.6 ± 1.5 %).
 */
export const DEFAULT_NOISE = 0.21;

/** Completions whose gold scores differ by less than this look equally good, most of the time. */
const TIE_WIDTH = 0.1;
const TIE_RATE = 0.8;

export interface LabelerOptions {
  /** Makes the labeler: the same seed writes and ranks the same. */
  seed: number;
  /** Scale of the noise, in units of the gold score; 0 ranks by the rubric alone. */
  noise?: number;
}

/**
 * A contractor who follows the gold rubric, imperfectly. Choices follow the Bradley–Terry model: gold score plus
 * Gumbel noise, so that P(a before b) = σ((gold_a − gold_b) / noise) before ties.
 */
export class SimulatedLabeler {
  readonly noise: number;
  readonly #world: World;
  readonly #random: Random;
  /** Factor of the share of plain, right demonstrations: people differ. */
  readonly #care: number;

  constructor(world: World, { seed, noise = DEFAULT_NOISE }: LabelerOptions) {
    this.#world = world;
    this.noise = noise;
    this.#random = createRandom(world.seed, 'labeler', seed);
    this.#care = 0.75 + 0.5 * this.#random.next();
  }

  /** A demonstration for a prompt of the world, of whatever quality this person manages today. */
  demonstrate(promptText: string): string {
    const mixture = demonstrationMixture(this.#world.kindOf(promptText));
    const quality = this.#random.weighted({ ...mixture, plain: mixture.plain * this.#care });
    return this.#world.demonstrate(promptText, quality, this.#random);
  }

  /**
   * Ranks completions: groups of indices into `completions`, best group first, ties together; every index once.
   */
  rank(promptText: string, completions: readonly string[]): number[][] {
    const perceived = completions.map((completion, index) => {
      const { score } = this.#world.gold(promptText, completion);
      return { index, score, utility: score + this.noise * this.#random.gumbel() };
    });
    perceived.sort((a, b) => b.utility - a.utility);
    const groups: number[][] = [];
    let previous: number | null = null;
    for (const { index, score } of perceived) {
      const near = previous !== null && Math.abs(previous - score) < TIE_WIDTH;
      const group = groups.at(-1);
      if (group !== undefined && near && (this.noise === 0 || this.#random.chance(TIE_RATE))) {
        group.push(index);
      } else {
        groups.push([index]);
      }
      previous = score;
    }
    return groups;
  }

  /** Overall quality from 1 (worst) to 7, as InstructGPT's Likert scale. */
  rate(promptText: string, completion: string): number {
    const { score } = this.#world.gold(promptText, completion);
    // A logistic's spread from two Gumbels would be the pair's; one rating carries one person's noise.
    const noisy = score + this.noise * (this.#random.gumbel() - 0.5772156649);
    return Math.min(7, Math.max(1, Math.round(1 + 6 * noisy)));
  }
}
