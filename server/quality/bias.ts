import { chiSquareTail } from '@touchstone/trainer/evaluation/chi-square.ts';
import { at } from './agreement.ts';
import type { RankedTask } from './ranked-tasks.ts';
import { OpenCluster, type Share, Tally } from './tally.ts';

/** Fewer expected at each place, and χ² says nothing (Cochran 1954). */
const LEAST_EXPECTED = 5;

/** How often what stands at a place of the page is ranked first. */
export interface PlaceFigures {
  /** From 0: what is shown as A. */
  place: number;
  /** Share of rankings that put it first; a shared first place counts its part. */
  first: Share;
  /** The share that chance gives: the order shown is shuffled for each labeler. */
  chance: number;
}

export interface PositionFigures {
  places: PlaceFigures[];
  /** Rankings with a first place that is not shared by all. */
  rankings: number;
  /** Probability of such a difference from chance or more when the place does not matter (χ²); null for too few. */
  p: number | null;
}

/** Whether the place at which a completion is shown moves its rank. */
class Positions {
  /** For each number of completions, how often each place came first. */
  readonly #firsts = new Map<number, { rankings: number; counts: number[] }>();
  readonly #places: { first: Tally; chance: number }[] = [];
  #rankings = 0;

  add(cluster: OpenCluster, ranks: readonly number[], places: readonly number[]): void {
    const size = ranks.length;
    const best = Math.min(...ranks);
    const sharing = ranks.filter((rank) => rank === best).length;
    if (sharing === size) return;
    this.#rankings++;
    const row = this.#firsts.get(size) ?? { rankings: 0, counts: new Array<number>(size).fill(0) };
    this.#firsts.set(size, row);
    row.rankings++;
    for (const [index, place] of places.entries()) {
      const share = ranks[index] === best ? 1 / sharing : 0;
      row.counts[place] = (row.counts[place] ?? 0) + share;
      let one = this.#places[place];
      if (!one) {
        one = { first: new Tally(), chance: 0 };
        this.#places[place] = one;
      }
      one.chance += 1 / size;
      cluster.add(one.first, share, 1);
    }
  }

  get figures(): PositionFigures {
    return {
      rankings: this.#rankings,
      places: this.#places.flatMap(({ first, chance }, place) =>
        first.share ? [{ place, first: first.share, chance: chance / first.share.n }] : [],
      ),
      p: this.#p(),
    };
  }

  #p(): number | null {
    let statistic = 0;
    let freedom = 0;
    for (const [size, { rankings, counts }] of this.#firsts) {
      const expected = rankings / size;
      if (expected < LEAST_EXPECTED) continue;
      for (const count of counts) statistic += (count - expected) ** 2 / expected;
      freedom += size - 1;
    }
    return freedom === 0 ? null : chiSquareTail(statistic, freedom);
  }
}

class OneLabeler {
  readonly positions = new Positions();
  readonly longer = new Tally();
}

export interface BiasFigures {
  position: PositionFigures;
  /** Of strictly ordered pairs of different length, how often the longer completion was preferred. */
  longer: Share | null;
}

export interface BiasReport extends BiasFigures {
  byLabeler: Map<string, BiasFigures>;
}

/** Counts what should not matter to a ranking: where a completion stood, and how long it is. */
export class BiasCount {
  readonly #everybody = new OneLabeler();
  readonly #labelers = new Map<string, OneLabeler>();
  readonly #cluster = new OpenCluster();

  add({ labels, completions }: RankedTask): void {
    for (const { labelerId, ranks, places } of labels) {
      const labeler = at(this.#labelers, labelerId, OneLabeler);
      let pairs = 0;
      let longer = 0;
      for (let i = 0; i < ranks.length; i++) {
        for (let j = i + 1; j < ranks.length; j++) {
          const better = (ranks[j] ?? 0) - (ranks[i] ?? 0);
          const length = (completions[i]?.characters ?? 0) - (completions[j]?.characters ?? 0);
          if (better === 0 || length === 0) continue;
          pairs++;
          if (better > 0 === length > 0) longer++;
        }
      }
      for (const one of [this.#everybody, labeler]) {
        this.#cluster.add(one.longer, longer, pairs);
        if (places) one.positions.add(this.#cluster, ranks, places);
      }
    }
  }

  endPrompt(): void {
    this.#cluster.close();
  }

  report(): BiasReport {
    const figures = ({ positions, longer }: OneLabeler): BiasFigures => ({
      position: positions.figures,
      longer: longer.share,
    });
    return {
      ...figures(this.#everybody),
      byLabeler: new Map([...this.#labelers].map(([id, one]) => [id, figures(one)])),
    };
  }
}
