import { describe, expect, it } from 'vitest';
import { Random } from '../engine/random.ts';
import { krippendorffAlpha, pairwiseAgreement } from './agreement.ts';
import { compareBlindly } from './blind-comparison.ts';
import { bradleyTerry, eloPerLogOdds, eloRatings, type Match } from './bradley-terry.ts';
import { distinctN, words } from './diversity.ts';
import { bootstrapMean, wilsonInterval } from './intervals.ts';
import { outcomeOfRanks, winRate } from './win-rate.ts';

describe('intervals', () => {
  it('Wilson: 8 of 10 lies in 0.4902 to 0.9433 (Wilson 1927)', () => {
    const interval = wilsonInterval(8, 10);
    expect(interval.low).toBeCloseTo(0.4902, 4);
    expect(interval.high).toBeCloseTo(0.9433, 4);
    expect(interval.mean).toBe(0.8);
    expect(wilsonInterval(0, 10).low).toBe(0);
    expect(() => wilsonInterval(11, 10)).toThrow('11 of 10');
  });

  it('bootstrap of a mean agrees with the normal approximation, and is the same for the same seed', () => {
    const random = new Random(3);
    const values = Array.from({ length: 400 }, () => random.normal() * 2 + 5);
    const average = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(
      values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length,
    );
    const half = (1.96 * deviation) / Math.sqrt(values.length);
    const interval = bootstrapMean(values, { seed: 1 });
    expect(interval.mean).toBeCloseTo(average, 10);
    expect(Math.abs(interval.low - (average - half))).toBeLessThan(0.15 * half);
    expect(Math.abs(interval.high - (average + half))).toBeLessThan(0.15 * half);
    expect(bootstrapMean(values, { seed: 1 })).toEqual(interval);
    expect(bootstrapMean(values, { seed: 2 }).low).not.toBe(interval.low);
  });

  it('95 % intervals hold the true mean in about 95 of 100 experiments', () => {
    const random = new Random(11);
    let held = 0;
    for (let experiment = 0; experiment < 200; experiment++) {
      const values = Array.from({ length: 60 }, () => random.next());
      const { low, high } = bootstrapMean(values, { seed: experiment, resamples: 400 });
      if (low <= 0.5 && 0.5 <= high) held += 1;
    }
    expect(held).toBeGreaterThanOrEqual(180);
    expect(held).toBeLessThanOrEqual(199);
  });
});

describe('win rate', () => {
  it('counts a tie as half and draws prompts, not votes', () => {
    const comparisons = [
      { prompt: 'a', outcome: 'win' as const },
      { prompt: 'a', outcome: 'win' as const },
      { prompt: 'b', outcome: 'tie' as const },
      { prompt: 'c', outcome: 'loss' as const },
    ];
    const rate = winRate(comparisons, { seed: 1 });
    expect(rate.mean).toBe(2.5 / 4);
    // Only prompt c drawn three times over: a resample by votes would hardly ever reach 0.
    expect(rate.low).toBe(0);
    expect(outcomeOfRanks(1, 2)).toBe('win');
    expect(outcomeOfRanks(2, 2)).toBe('tie');
    expect(outcomeOfRanks(3, 2)).toBe('loss');
  });
});

describe('position of the two answers', () => {
  const pairs = Array.from({ length: 2000 }, (_, i) => ({
    prompt: `${i}`,
    first: `good ${i}`,
    second: `bad ${i}`,
  }));

  it('is drawn by the seed: a judge who always takes the left one finds both models equal', () => {
    const rate = winRate(
      compareBlindly(pairs, () => 'left', 1),
      { seed: 1, resamples: 200 },
    );
    expect(Math.abs(rate.mean - 0.5)).toBeLessThan(0.03);
    expect(rate.low).toBeLessThan(0.5);
    expect(rate.high).toBeGreaterThan(0.5);
    const sides = (seed: number) => compareBlindly(pairs, () => 'left', seed).map(({ outcome }) => outcome);
    expect(sides(1)).toEqual(sides(1));
    expect(sides(1)).not.toEqual(sides(2));
  });

  it('changes nothing for a judge who reads: the better text wins on either side, equal texts are ties', () => {
    const judge = (_: string, left: string) => (left.startsWith('good') ? 'left' : 'right');
    expect(compareBlindly(pairs, judge, 1).every(({ outcome }) => outcome === 'win')).toBe(true);
    expect(compareBlindly([{ prompt: 'p', first: 'same', second: 'same' }], judge, 1)).toEqual([
      { prompt: 'p', outcome: 'tie' },
    ]);
  });
});

describe('agreement', () => {
  // Krippendorff (2011), four observers and twelve units with missing values.
  const observers = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, null, null, null],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, null, 3],
    [null, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, null],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, null],
  ];
  const units = Array.from({ length: 12 }, (_, unit) => observers.map((values) => values[unit] ?? null));

  it('Krippendorff’s α of the published example is 0.743 nominal, 0.815 ordinal and 0.849 interval', () => {
    expect(krippendorffAlpha(units, 'nominal')).toBeCloseTo(0.743, 3);
    expect(krippendorffAlpha(units, 'ordinal')).toBeCloseTo(0.815, 3);
    expect(krippendorffAlpha(units, 'interval')).toBeCloseTo(0.849, 3);
  });

  it('Krippendorff’s α of the published examples of two observers: 0.095 binary, 0.692 nominal', () => {
    const pairs = (one: string, other: string) =>
      Array.from(one, (value, i) => [value.charCodeAt(0), other.charCodeAt(i)]);
    expect(krippendorffAlpha(pairs('0100000010', '1110010000'), 'nominal')).toBeCloseTo(0.095, 3);
    expect(krippendorffAlpha(pairs('aabbdcccedda', 'babbbccceddd'), 'nominal')).toBeCloseTo(0.692, 3);
  });

  it('α is 1 for perfect agreement and about 0 for chance', () => {
    expect(
      krippendorffAlpha(
        [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        'ordinal',
      ),
    ).toBe(1);
    const random = new Random(5);
    const chance = Array.from({ length: 4000 }, () => [random.integer(4), random.integer(4)]);
    expect(Math.abs(krippendorffAlpha(chance, 'nominal'))).toBeLessThan(0.03);
  });

  it('pairwise agreement leaves out pairs that either called a tie', () => {
    const result = pairwiseAgreement([
      { group: 'g', labeler: 'x', ranks: [1, 2, 3] },
      { group: 'g', labeler: 'y', ranks: [2, 1, 3] },
      { group: 'g', labeler: 'z', ranks: [1, 1, 2] },
      { group: 'h', labeler: 'x', ranks: [1, 2] },
    ]);
    // x–y: 2 of 3; x–z: 2 of 2 and a tie; y–z: 2 of 2 and a tie.
    expect(result).toEqual({ agreed: 6, pairs: 7, tied: 2, rate: 6 / 7 });
    expect(() =>
      pairwiseAgreement([
        { group: 'g', labeler: 'x', ranks: [1, 2, 3] },
        { group: 'g', labeler: 'y', ranks: [1, 2] },
      ]),
    ).toThrow('Group g');
  });
});

describe('Bradley–Terry', () => {
  it('with two players is the log-odds of the win rate', () => {
    const matches: Match[] = [
      ...Array.from({ length: 30 }, (): Match => ({ first: 'a', second: 'b', outcome: 'win' })),
      ...Array.from({ length: 10 }, (): Match => ({ first: 'b', second: 'a', outcome: 'win' })),
    ];
    expect(bradleyTerry(matches, { anchor: 'b' }).get('a')).toBeCloseTo(Math.log(3), 9);
    const elo = eloRatings(matches, { anchor: 'b', seed: 1 });
    expect(elo.get('a')?.mean).toBeCloseTo(1000 + Math.log(3) * eloPerLogOdds, 6);
    expect(elo.get('b')).toEqual({ mean: 1000, low: 1000, high: 1000 });
  });

  it('recovers known strengths from simulated matches, inside its own intervals', () => {
    const strengths = new Map([
      ['base', 0],
      ['sft', 1],
      ['ppo', 1.8],
      ['human', 2.5],
    ]);
    const names = [...strengths.keys()];
    const random = new Random(7);
    const matches: Match[] = [];
    for (let game = 0; game < 6000; game++) {
      const first = names[random.integer(4)] ?? '';
      const second = names[random.integer(4)] ?? '';
      if (first === second) continue;
      const odds = (strengths.get(first) ?? 0) - (strengths.get(second) ?? 0);
      matches.push({ first, second, outcome: random.next() < 1 / (1 + Math.exp(-odds)) ? 'win' : 'loss' });
    }
    const elo = eloRatings(matches, { anchor: 'base', rating: 0, seed: 1, resamples: 60 });
    for (const [name, strength] of strengths) {
      const interval = elo.get(name) ?? { mean: Number.NaN, low: 0, high: 0 };
      expect(Math.abs(interval.mean / eloPerLogOdds - strength)).toBeLessThan(0.15);
      expect(interval.low).toBeLessThanOrEqual(interval.mean);
      expect(interval.high).toBeGreaterThanOrEqual(interval.mean);
    }
  });

  it('intervals are over prompts where matches name one: ten votes on each weigh as one', () => {
    const random = new Random(13);
    const matches = Array.from({ length: 60 }, (_, prompt): Match => {
      const outcome = random.next() < 0.6 ? 'win' : 'loss';
      return { first: 'a', second: 'b', outcome, prompt: `${prompt}` };
    });
    const tenfold = Array.from({ length: 10 }, () => matches).flat();
    const width = (all: readonly Match[]) => {
      const { low, high } = eloRatings(all, { anchor: 'b', seed: 1 }).get('a') ?? { low: 0, high: 0 };
      return high - low;
    };
    expect(width(tenfold) / width(matches)).toBeCloseTo(1, 1);
    const nameless = tenfold.map(({ first, second, outcome }): Match => ({ first, second, outcome }));
    expect(width(nameless) / width(matches)).toBeLessThan(0.45);
  });

  it('says so when strengths are not finite, and is finite with a prior', () => {
    const matches: Match[] = [{ first: 'a', second: 'b', outcome: 'win' }];
    expect(() => bradleyTerry(matches, { anchor: 'a' })).toThrow('from b to a');
    expect(bradleyTerry(matches, { anchor: 'a', priorTies: 1 }).get('b')).toBeCloseTo(-Math.log(3), 9);
  });
});

describe('diversity', () => {
  it('distinct-n by hand', () => {
    expect(distinctN([words('The cat, the cat!')], 1)).toBe(2 / 4);
    expect(
      distinctN(
        [
          [1, 2, 1],
          [1, 2],
        ],
        2,
      ),
    ).toBe(2 / 3);
  });
});
