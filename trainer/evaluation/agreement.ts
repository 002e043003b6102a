import type { Ranking } from '../data/json-lines.ts';
import { TrainerError } from '../errors.ts';

/** One person's ranks (1 = best, equal = tie) of the completions of a group, in an order that the group fixes. */
export interface GroupRanking {
  group: string;
  labeler: string;
  ranks: readonly number[];
}

/**
 * Rankings that name their group and labeler, each group's completions in the order of their texts: people may have seen
 * them in different orders.
 */
export function rankingsByText(rankings: readonly Ranking[]): GroupRanking[] {
  return rankings.flatMap(({ completions, ranks, group_id, labeler }) => {
    if (group_id === undefined || labeler === undefined) return [];
    const order = completions
      .map((_, i) => i)
      .sort((a, b) => ((completions[a] ?? '') < (completions[b] ?? '') ? -1 : 1));
    return [{ group: group_id, labeler, ranks: order.map((i) => ranks[i] ?? 0) }];
  });
}

/** Ranks as units for `krippendorffAlpha`: one unit for every completion of every group, with the rank that each person gave. */
export function rankUnits(rankings: readonly GroupRanking[]): number[][] {
  const units = new Map<string, number[]>();
  for (const { group, ranks } of rankings) {
    for (const [index, rank] of ranks.entries()) {
      const key = JSON.stringify([group, index]);
      const unit = units.get(key);
      if (unit) unit.push(rank);
      else units.set(key, [rank]);
    }
  }
  return [...units.values()];
}

export interface PairwiseAgreement {
  /** Pairs of completions that two labelers ordered alike. */
  agreed: number;
  /** Pairs that both of two labelers put in an order. */
  pairs: number;
  /** Pairs left out because at least one of the two called a tie. */
  tied: number;
  /** agreed / pairs; NaN when there is no such pair. */
  rate: number;
}

/**
 * How often two people who ranked the same completions put a pair in the same order, over all groups, all two people and
 * all pairs that neither called a tie (InstructGPT, section 3.4, reports it as 72.6 ± 1.5 %).
 *
 * @throws TrainerError when two rankings of one group have different lengths
 */
export function pairwiseAgreement(rankings: readonly GroupRanking[]): PairwiseAgreement {
  const groups = new Map<string, GroupRanking[]>();
  for (const ranking of rankings) {
    const members = groups.get(ranking.group);
    if (members) members.push(ranking);
    else groups.set(ranking.group, [ranking]);
  }
  const total = { agreed: 0, pairs: 0, tied: 0 };
  for (const [group, members] of groups) {
    for (let a = 0; a < members.length; a++) {
      for (let b = a + 1; b < members.length; b++) {
        const first = members[a];
        const second = members[b];
        if (!first || !second || first.labeler === second.labeler) continue;
        if (first.ranks.length !== second.ranks.length) {
          throw new TrainerError(
            `Group ${group}: ${first.labeler} ranked ${first.ranks.length} completions, ${second.labeler} ${second.ranks.length}; expected the same ones.`,
          );
        }
        countAgreement(first.ranks, second.ranks, total);
      }
    }
  }
  return { ...total, rate: total.agreed / total.pairs };
}

function countAgreement(
  first: readonly number[],
  second: readonly number[],
  total: { agreed: number; pairs: number; tied: number },
): void {
  for (let i = 0; i < first.length; i++) {
    for (let j = i + 1; j < first.length; j++) {
      const one = Math.sign((first[i] ?? 0) - (first[j] ?? 0));
      const other = Math.sign((second[i] ?? 0) - (second[j] ?? 0));
      if (one === 0 || other === 0) total.tied += 1;
      else {
        total.pairs += 1;
        if (one === other) total.agreed += 1;
      }
    }
  }
}

/**
 * Krippendorff's α = 1 − observed / expected disagreement, from the coincidence matrix (Krippendorff 2011, "Computing
 * Krippendorff's Alpha-Reliability"). Units with fewer than two values do not count.
 *
 * @param units for every unit the values that its observers gave; null for a missing one
 * @param level 'nominal': values are the same or not; 'ordinal': the distance of two values is the number of values
 *   given between them; 'interval': it is their squared difference
 * @returns at most 1 (perfect); 0 is chance; NaN when nothing can be compared or all values are the same
 */
export function krippendorffAlpha(
  units: readonly (readonly (number | null)[])[],
  level: 'nominal' | 'ordinal' | 'interval',
): number {
  const rated = units
    .map((values) => values.filter((value): value is number => value !== null))
    .filter((values) => values.length >= 2);
  const categories = [...new Set(rated.flat())].sort((a, b) => a - b);
  const index = new Map(categories.map((value, i) => [value, i]));
  const size = categories.length;

  const coincidences = new Float64Array(size * size);
  for (const values of rated) {
    for (let i = 0; i < values.length; i++) {
      for (let j = 0; j < values.length; j++) {
        if (i === j) continue;
        const cell = (index.get(values[i] ?? 0) ?? 0) * size + (index.get(values[j] ?? 0) ?? 0);
        coincidences[cell] = (coincidences[cell] ?? 0) + 1 / (values.length - 1);
      }
    }
  }
  return alphaOfCoincidences(coincidences, categories, level);
}

/**
 * Krippendorff's α of a coincidence matrix: cell [c, k] holds how often values c and k were given to one unit, each
 * ordered pair of its m values weighing 1 / (m − 1). Matrices may be summed before, so that a stream of units needs no
 * more memory than its matrix.
 *
 * @param coincidences row-major, [values, values], symmetric
 * @param values what the rows and columns stand for, ascending
 * @returns as `krippendorffAlpha`
 */
export function alphaOfCoincidences(
  coincidences: ArrayLike<number>,
  values: readonly number[],
  level: 'nominal' | 'ordinal' | 'interval',
): number {
  const size = values.length;
  const marginals = values.map((_, c) => {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += coincidences[c * size + k] ?? 0;
    return sum;
  });
  const total = marginals.reduce((sum, value) => sum + value, 0);

  let observed = 0;
  let expected = 0;
  for (let c = 0; c < size; c++) {
    for (let k = c + 1; k < size; k++) {
      const distance = {
        nominal: () => 1,
        ordinal: () => ordinalDistance(marginals, c, k),
        interval: () => ((values[c] ?? 0) - (values[k] ?? 0)) ** 2,
      }[level]();
      observed += distance * (coincidences[c * size + k] ?? 0);
      expected += distance * (marginals[c] ?? 0) * (marginals[k] ?? 0);
    }
  }
  return 1 - ((total - 1) * observed) / expected;
}

/** Squared ordinal distance of the categories c < k: all values between them, the ends counting half. */
function ordinalDistance(marginals: readonly number[], c: number, k: number): number {
  let between = 0;
  for (let g = c; g <= k; g++) between += marginals[g] ?? 0;
  return (between - ((marginals[c] ?? 0) + (marginals[k] ?? 0)) / 2) ** 2;
}
