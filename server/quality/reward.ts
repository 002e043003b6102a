import type { RankedTask } from './ranked-tasks.ts';
import { OpenCluster, type Share, Tally } from './tally.ts';

/** Lower ends of the margins' ranges, in the reward model's normalised units (standard deviations of its scores). */
const MARGINS = [0, 0.25, 0.5, 1, 2] as const;

/** Pairs between whose completions the reward model's scores differ by `from` to `to`. */
export interface MarginFigures {
  from: number;
  /** Null for the last, which has no end. */
  to: number | null;
  /** Strictly ordered pairs on which the reward model agrees with the labeler; equal scores count half. */
  model: Share | null;
  /** Of the same pairs, how often two people who both ordered one agree: what a model can reach at most, about. */
  people: Share | null;
}

export interface RewardReport {
  /** Reward models whose scores were used. */
  modelIds: string[];
  model: Share | null;
  people: Share | null;
  byMargin: MarginFigures[];
}

/** Holds reward models against labelers, on pairs of completions that one model scored both. */
export class RewardCount {
  readonly #models = new Set<string>();
  readonly #all = { model: new Tally(), people: new Tally() };
  readonly #margins = MARGINS.map((from) => ({ from, model: new Tally(), people: new Tally() }));
  readonly #cluster = new OpenCluster();

  add({ labels, completions }: RankedTask): void {
    for (let i = 0; i < completions.length; i++) {
      for (let j = i + 1; j < completions.length; j++) {
        const one = completions[i];
        const other = completions[j];
        if (!one || !other || one.reward === null || other.reward === null) continue;
        if (one.rewardModelId === null || one.rewardModelId !== other.rewardModelId) continue;
        this.#models.add(one.rewardModelId);
        const margin = one.reward - other.reward;
        let forOne = 0;
        let forOther = 0;
        for (const { ranks } of labels) {
          const better = (ranks[j] ?? 0) - (ranks[i] ?? 0);
          if (better > 0) forOne++;
          else if (better < 0) forOther++;
        }
        this.#addPair(margin, forOne, forOther);
      }
    }
  }

  #addPair(margin: number, forOne: number, forOther: number): void {
    const votes = forOne + forOther;
    if (votes === 0) return;
    const agreed = margin === 0 ? votes / 2 : margin > 0 ? forOne : forOther;
    const twos = (votes * (votes - 1)) / 2;
    const alike = (forOne * (forOne - 1) + forOther * (forOther - 1)) / 2;
    const size = Math.abs(margin);
    const range = this.#margins.findLast(({ from }) => size >= from);
    for (const to of range ? [this.#all, range] : [this.#all]) {
      this.#cluster.add(to.model, agreed, votes);
      this.#cluster.add(to.people, alike, twos);
    }
  }

  endPrompt(): void {
    this.#cluster.close();
  }

  /** Null when no completion has a score. */
  report(): RewardReport | null {
    if (this.#models.size === 0) return null;
    return {
      modelIds: [...this.#models].sort(),
      model: this.#all.model.share,
      people: this.#all.people.share,
      byMargin: this.#margins.map(({ from, model, people }, index) => ({
        from,
        to: MARGINS[index + 1] ?? null,
        model: model.share,
        people: people.share,
      })),
    };
  }
}
