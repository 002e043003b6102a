import {
  addCluster,
  emptySums,
  type RatioSums,
  scoreInterval,
  shareInterval,
} from '@touchstone/trainer/evaluation/clustered-ratio.ts';
import type { Interval } from '@touchstone/trainer/evaluation/intervals.ts';

/** A share with its 95 % interval, and what it was counted over. */
export interface Share extends Interval {
  /** Things counted: pairs, rankings, verdicts. */
  n: number;
  /** Independent groups that they fall in: prompts, mostly. */
  clusters: number;
}

/** A share as its sums say it; null when nothing was counted. */
export function shareOf(sums: RatioSums): Share | null {
  return sums.n > 0 ? { ...shareInterval(sums), n: sums.n, clusters: sums.clusters } : null;
}

/** A mean score from 0 to 1 as its sums say it; null when nothing was scored. */
export function meanScoreOf(sums: RatioSums): Share | null {
  return sums.n > 0 ? { ...scoreInterval(sums), n: sums.n, clusters: sums.clusters } : null;
}

/** Counts hits among things that fall in clusters, one cluster after the other. */
export class Tally {
  readonly sums: RatioSums = emptySums();
  /** What the cluster that is being counted holds so far. */
  a = 0;
  n = 0;
  open = false;

  get share(): Share | null {
    return shareOf(this.sums);
  }
}

/** The cluster that is being counted (a prompt), over all the tallies that it touches. */
export class OpenCluster {
  #touched: Tally[] = [];

  add(tally: Tally, a: number, n: number): void {
    if (!tally.open) {
      tally.open = true;
      this.#touched.push(tally);
    }
    tally.a += a;
    tally.n += n;
  }

  /** Ends the cluster: what was added since the last one becomes one in each tally. */
  close(): void {
    for (const tally of this.#touched) {
      addCluster(tally.sums, tally.a, tally.n);
      tally.open = false;
      tally.a = 0;
      tally.n = 0;
    }
    this.#touched = [];
  }
}
