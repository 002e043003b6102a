import { addSums, emptySums } from '@touchstone/trainer/evaluation/clustered-ratio.ts';
import { type Alpha, RankAlpha } from './rank-alpha.ts';
import type { RankedLabel, RankedTask } from './ranked-tasks.ts';
import { OpenCluster, type Share, shareOf, Tally } from './tally.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
/** Monday, 1970-01-05: weeks begin on Mondays. */
const FIRST_MONDAY = 4 * DAY;
/** Days that are drawn one by one; a longer time is drawn by week. */
const MOST_DAYS = 42;
/** Fewer rankings a day than this, over two weeks or more, are drawn by week too: their intervals would say nothing. */
const LEAST_A_DAY = 60;

/** How far rankings agree. */
export interface AgreementFigures {
  /**
   * The share of pairs of completions that two people put in the same order, over all two people and all pairs that
   * neither calls a tie (InstructGPT, section 3.4). The interval takes the pairs of one prompt together.
   */
  rate: Share | null;
  /** Pairs left out because one of the two called a tie. */
  tied: number;
  alpha: Alpha | null;
}

export interface LabelerAgreement extends AgreementFigures {
  /** How far the others agree with each other. */
  others: Share | null;
}

export interface AgreementReport {
  /** Rankings that count. */
  rankings: number;
  overall: AgreementFigures;
  /** Rankings of each labeler, a revoked one's too. */
  rankingsOf: Map<string, number>;
  /** By labeler, each against the others. */
  byLabeler: Map<string, LabelerAgreement>;
  /** By guideline, both rankings made under it; the key is null where there was none. */
  byGuideline: Map<string | null, AgreementFigures & { rankings: number }>;
  /** By when the later of the two was made, oldest first. */
  overTime: { unit: 'day' | 'week'; points: (AgreementFigures & { from: Date; rankings: number })[] };
  /** By hour of the day (UTC) at which a ranking was made: how often it agrees with others. */
  byHour: { hour: number; rankings: number; rate: Share | null }[];
}

class Agreement {
  readonly pairs = new Tally();
  readonly ranks = new RankAlpha();
  tied = 0;
  rankings = 0;

  get figures(): AgreementFigures {
    return { rate: this.pairs.share, tied: this.tied, alpha: this.ranks.alpha };
  }
}

class OneLabeler extends Agreement {
  /** Of the prompts that this person ranked: what everybody came to, and what the others did among themselves. */
  readonly everybodyThere = new Tally();
  readonly othersThere = new Tally();
}

/**
 * Counts agreement while tasks go by. A revoked person's rankings count in their own figures only, so that the project's
 * figures speak of the labels that are used.
 */
export class AgreementCount {
  readonly #overall = new Agreement();
  readonly #labelers = new Map<string, OneLabeler>();
  readonly #guidelines = new Map<string | null, Agreement>();
  readonly #times = new Map<number, Agreement>();
  readonly #hours = Array.from({ length: 24 }, () => ({ pairs: new Tally(), rankings: 0 }));
  readonly #cluster = new OpenCluster();
  readonly #here = new Set<OneLabeler>();
  readonly #revoked: ReadonlySet<string>;
  readonly #unit: 'day' | 'week';
  #prompt = 0;

  /** @param extent milliseconds from the oldest ranking to the newest, and about how many there are */
  constructor(revoked: ReadonlySet<string>, extent: { span: number; rankings: number }) {
    this.#revoked = revoked;
    const days = extent.span / DAY;
    const sparse = days >= 14 && extent.rankings < days * LEAST_A_DAY;
    this.#unit = days > MOST_DAYS || sparse ? 'week' : 'day';
  }

  add(task: RankedTask): void {
    const counted = task.labels.filter((label) => !this.#revoked.has(label.labelerId));
    for (const label of counted) {
      this.#overall.rankings++;
      at(this.#guidelines, label.guidelineId, Agreement).rankings++;
      at(this.#times, this.#timeOf(label.at), Agreement).rankings++;
      const hour = this.#hours[hourOf(label)];
      if (hour) hour.rankings++;
    }
    for (const label of task.labels) at(this.#labelers, label.labelerId, OneLabeler).rankings++;
    for (let x = 0; x < task.labels.length; x++) {
      for (let y = x + 1; y < task.labels.length; y++) {
        const one = task.labels[x];
        const other = task.labels[y];
        if (one && other) this.#addTwo(one, other, task.labels.length, counted);
      }
    }
  }

  #addTwo(one: RankedLabel, other: RankedLabel, all: number, counted: RankedLabel[]): void {
    const { agreed, pairs, tied } = compareRanks(one.ranks, other.ranks);
    const add = (to: Agreement, weight: number) => {
      this.#cluster.add(to.pairs, agreed, pairs);
      to.ranks.add(this.#prompt, one.ranks, other.ranks, weight);
      to.tied += tied;
    };
    const revokedOne = this.#revoked.has(one.labelerId);
    const revokedOther = this.#revoked.has(other.labelerId);
    for (const [label, otherRevoked] of [
      [one, revokedOther],
      [other, revokedOne],
    ] as const) {
      // A person is held against labels that are used.
      if (otherRevoked) continue;
      const labeler = at(this.#labelers, label.labelerId, OneLabeler);
      add(labeler, 1 / (all - 1));
      this.#here.add(labeler);
    }
    if (revokedOne || revokedOther) return;
    add(this.#overall, 1 / (counted.length - 1));
    if (one.guidelineId === other.guidelineId) {
      const together = counted.filter((label) => label.guidelineId === one.guidelineId).length;
      add(at(this.#guidelines, one.guidelineId, Agreement), 1 / (together - 1));
    }
    const later = Math.max(one.at, other.at);
    add(at(this.#times, this.#timeOf(later), Agreement), 1 / (counted.length - 1));
    for (const label of [one, other]) {
      const hour = this.#hours[hourOf(label)];
      if (hour) this.#cluster.add(hour.pairs, agreed, pairs);
    }
  }

  /** The prompt's last task was added. */
  endPrompt(): void {
    const { a, n } = this.#overall.pairs;
    for (const labeler of this.#here) {
      this.#cluster.add(labeler.everybodyThere, a, n);
      this.#cluster.add(labeler.othersThere, a - labeler.pairs.a, n - labeler.pairs.n);
    }
    this.#here.clear();
    this.#cluster.close();
    this.#prompt++;
  }

  report(): AgreementReport {
    const sorted = <K, V>(map: Map<K, V>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      rankings: this.#overall.rankings,
      overall: this.#overall.figures,
      rankingsOf: new Map([...this.#labelers].map(([id, { rankings }]) => [id, rankings])),
      byLabeler: new Map(
        [...this.#labelers].map(([id, labeler]) => [
          id,
          { ...labeler.figures, others: this.#othersOf(id, labeler) },
        ]),
      ),
      byGuideline: new Map(
        [...this.#guidelines].map(([id, one]) => [id, { ...one.figures, rankings: one.rankings }]),
      ),
      overTime: {
        unit: this.#unit,
        points: sorted(this.#times).map(([from, one]) => ({
          from: new Date(from),
          rankings: one.rankings,
          ...one.figures,
        })),
      },
      byHour: this.#hours.map(({ pairs, rankings }, hour) => ({ hour, rankings, rate: pairs.share })),
    };
  }

  /** Everything, less what came of the prompts that this person ranked, and again what the others did there. */
  #othersOf(id: string, labeler: OneLabeler): Share | null {
    const sums = emptySums();
    addSums(sums, this.#overall.pairs.sums);
    if (!this.#revoked.has(id)) {
      addSums(sums, labeler.everybodyThere.sums, -1);
      addSums(sums, labeler.othersThere.sums);
    }
    return shareOf(sums);
  }

  #timeOf(moment: number): number {
    if (this.#unit === 'day') return Math.floor(moment / DAY) * DAY;
    return Math.floor((moment - FIRST_MONDAY) / WEEK) * WEEK + FIRST_MONDAY;
  }
}

function hourOf(label: RankedLabel): number {
  return Math.floor(label.at / HOUR) % 24;
}

/** Pairs of completions that two people both put in an order, and on how many they agree. */
export function compareRanks(
  one: readonly number[],
  other: readonly number[],
): { agreed: number; pairs: number; tied: number } {
  let agreed = 0;
  let pairs = 0;
  let tied = 0;
  for (let i = 0; i < one.length; i++) {
    for (let j = i + 1; j < one.length; j++) {
      const first = (one[i] ?? 0) - (one[j] ?? 0);
      const second = (other[i] ?? 0) - (other[j] ?? 0);
      if (first === 0 || second === 0) tied++;
      else {
        pairs++;
        if (first < 0 === second < 0) agreed++;
      }
    }
  }
  return { agreed, pairs, tied };
}

/** The value at a key, made when it is not there. */
export function at<K, V>(map: Map<K, V>, key: K, make: new () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = new make();
    map.set(key, value);
  }
  return value;
}
