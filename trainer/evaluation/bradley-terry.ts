import { Random } from '../engine/random.ts';
import { TrainerError } from '../errors.ts';
import { type BootstrapOptions, type Interval, quantile } from './intervals.ts';

/** One comparison of two players; `outcome` is the first one's. */
export interface Match {
  first: string;
  second: string;
  outcome: 'win' | 'tie' | 'loss';
  /** Matches on the same prompt are not independent: where it is named, bootstrap draws prompts. */
  prompt?: string | undefined;
}

export interface BradleyTerryOptions {
  /** The player whose strength is fixed at 0. */
  anchor: string;
  /** Drawn games added between every two players; above 0 it keeps strengths finite when somebody never lost. */
  priorTies?: number;
}

/** Points of the Elo scale for one unit of log-odds. */
export const eloPerLogOdds = 400 / Math.LN10;

/**
 * Strengths by maximum likelihood under P(i beats j) = σ(sᵢ − sⱼ), a tie counting as half a win to each (Bradley and
 * Terry 1952), found by the minorize-maximize iteration of Hunter (2004).
 *
 * @returns log-odds strengths, the anchor's 0; times `eloPerLogOdds` they are Elo differences
 * @throws TrainerError when the anchor never played, or the strengths are not finite (some players never lost to the rest)
 */
export function bradleyTerry(
  matches: readonly Match[],
  { anchor, priorTies = 0 }: BradleyTerryOptions,
): Map<string, number> {
  const players = [...new Set(matches.flatMap(({ first, second }) => [first, second]))];
  if (!players.includes(anchor)) {
    throw new TrainerError(
      `The anchor "${anchor}" has no match; players are ${players.join(', ') || 'none'}.`,
    );
  }
  const wins = countWins(matches, players, priorTies);
  requireFinite(wins, players);

  const size = players.length;
  let strengths = new Float64Array(size).fill(1);
  for (let iteration = 0; iteration < 100_000; iteration++) {
    const next = new Float64Array(size);
    let sumOfLogs = 0;
    for (let i = 0; i < size; i++) {
      let won = 0;
      let expected = 0;
      for (let j = 0; j < size; j++) {
        if (i === j) continue;
        const games = at(wins, size, i, j) + at(wins, size, j, i);
        won += at(wins, size, i, j);
        expected += games / ((strengths[i] ?? 1) + (strengths[j] ?? 1));
      }
      next[i] = won / expected;
      sumOfLogs += Math.log(next[i] ?? 1);
    }
    // The likelihood knows only ratios: keep the geometric mean at 1, so that the iteration cannot drift away.
    const scale = Math.exp(-sumOfLogs / size);
    let change = 0;
    for (let i = 0; i < size; i++) {
      next[i] = (next[i] ?? 1) * scale;
      change = Math.max(change, Math.abs(Math.log((next[i] ?? 1) / (strengths[i] ?? 1))));
    }
    strengths = next;
    if (change < 1e-12) break;
  }
  const origin = Math.log(strengths[players.indexOf(anchor)] ?? 1);
  return new Map(players.map((player, i) => [player, Math.log(strengths[i] ?? 1) - origin]));
}

/**
 * Elo ratings with bootstrap intervals over prompts; over matches where they name none.
 *
 * @param rating the anchor's rating
 */
export function eloRatings(
  matches: readonly Match[],
  options: BradleyTerryOptions & BootstrapOptions & { rating?: number },
): Map<string, Interval> {
  const { seed, resamples = 200, level = 0.95, rating = 1000, ...model } = options;
  const estimate = bradleyTerry(matches, model);
  const drawn = new Map([...estimate.keys()].map((player) => [player, [] as number[]]));
  const random = new Random(seed);
  const units = groupByPrompt(matches);
  for (let resample = 0; resample < resamples; resample++) {
    const sample = units.flatMap(() => units[random.integer(units.length)] ?? []);
    // A resample may leave a player out, or unbeaten: half a tie between every two keeps it finite.
    const strengths = tryBradleyTerry(sample, { ...model, priorTies: Math.max(model.priorTies ?? 0, 0.5) });
    for (const [player, strength] of strengths) drawn.get(player)?.push(strength);
  }
  return new Map(
    [...estimate].map(([player, strength]) => {
      const sorted = Float64Array.from(drawn.get(player) ?? []).sort();
      return [
        player,
        {
          mean: rating + strength * eloPerLogOdds,
          low: rating + quantile(sorted, (1 - level) / 2) * eloPerLogOdds,
          high: rating + quantile(sorted, (1 + level) / 2) * eloPerLogOdds,
        },
      ];
    }),
  );
}

function groupByPrompt(matches: readonly Match[]): Match[][] {
  const groups = new Map<string | Match, Match[]>();
  for (const match of matches) {
    const group = groups.get(match.prompt ?? match);
    if (group) group.push(match);
    else groups.set(match.prompt ?? match, [match]);
  }
  return [...groups.values()];
}

function tryBradleyTerry(matches: readonly Match[], options: BradleyTerryOptions): Map<string, number> {
  const playing = matches.some(({ first, second }) => first === options.anchor || second === options.anchor);
  return playing ? bradleyTerry(matches, options) : new Map();
}

/** wins[i, j]: games that i won against j, half of their ties included. */
function countWins(matches: readonly Match[], players: readonly string[], priorTies: number): Float64Array {
  const size = players.length;
  const wins = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) if (i !== j) wins[i * size + j] = priorTies / 2;
  }
  const index = new Map(players.map((player, i) => [player, i]));
  const add = (winner: number, loser: number, amount: number) => {
    wins[winner * size + loser] = at(wins, size, winner, loser) + amount;
  };
  for (const { first, second, outcome } of matches) {
    const a = index.get(first) ?? 0;
    const b = index.get(second) ?? 0;
    if (outcome !== 'loss') add(a, b, outcome === 'win' ? 1 : 0.5);
    if (outcome !== 'win') add(b, a, outcome === 'loss' ? 1 : 0.5);
  }
  return wins;
}

/** The likelihood has a finite maximum when every player can be reached from every other by wins (Ford 1957). */
function requireFinite(wins: Float64Array, players: readonly string[]): void {
  const size = players.length;
  const reaches = Array.from(wins, (count) => count > 0);
  for (let via = 0; via < size; via++) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        if (reaches[i * size + via] && reaches[via * size + j]) reaches[i * size + j] = true;
      }
    }
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      if (i !== j && !reaches[i * size + j]) {
        throw new TrainerError(
          `Bradley–Terry strengths are not finite: no chain of wins leads from ${players[i]} to ${players[j]}; add matches or set priorTies above 0.`,
        );
      }
    }
  }
}

function at(matrix: Float64Array, size: number, row: number, column: number): number {
  return matrix[row * size + column] ?? 0;
}
