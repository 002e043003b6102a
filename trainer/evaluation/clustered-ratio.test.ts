import { describe, expect, it } from 'vitest';
import { Random } from '../engine/random.ts';
import { chiSquareTail } from './chi-square.ts';
import {
  addCluster,
  addSums,
  emptySums,
  ratioError,
  scoreInterval,
  shareInterval,
} from './clustered-ratio.ts';
import { bootstrapInterval, wilsonInterval } from './intervals.ts';

const sumsOf = (clusters: [a: number, n: number][]) => {
  const sums = emptySums();
  for (const [a, n] of clusters) addCluster(sums, a, n);
  return sums;
};

describe('a share over clusters', () => {
  it('has the linearised standard error, by hand', () => {
    // r = 6/10; residuals 3 − 0.6·4 = 0.6, 1 − 0.6·3 = −0.8, 2 − 0.6·3 = 0.2; Σ² = 1.04; √(3/2 · 1.04) / 10.
    expect(
      ratioError(
        sumsOf([
          [3, 4],
          [1, 3],
          [2, 3],
        ]),
      ),
    ).toBeCloseTo(Math.sqrt(1.5 * 1.04) / 10, 12);
    expect(ratioError(sumsOf([[3, 4]]))).toBeNaN();
    expect(() => shareInterval(emptySums())).toThrow('at least one');
  });

  it('is Wilson’s interval where every cluster is one thing', () => {
    const clusters = Array.from({ length: 50 }, (_, i): [number, number] => [i < 31 ? 1 : 0, 1]);
    const found = shareInterval(sumsOf(clusters));
    const wilson = wilsonInterval(31, 50);
    expect(found.mean).toBe(0.62);
    // The variance has m − 1 where the binomial has m.
    expect(found.low).toBeCloseTo(wilson.low, 2);
    expect(found.high).toBeCloseTo(wilson.high, 2);
  });

  it('does not take all alike for certain: as wide as for one thing in each cluster', () => {
    const found = shareInterval(sumsOf(Array.from({ length: 20 }, () => [6, 6])));
    expect(found).toEqual({ ...wilsonInterval(20, 20), mean: 1 });
  });

  it('agrees with the bootstrap over clusters', () => {
    const random = new Random(1);
    const clusters = Array.from({ length: 200 }, (): [number, number] => {
      const chance = 0.4 + 0.5 * random.next();
      const n = 3 + random.integer(6);
      return [Array.from({ length: n }, () => (random.next() < chance ? 1 : 0)).filter(Boolean).length, n];
    });
    const boot = bootstrapInterval(
      clusters,
      (drawn) => drawn.reduce((sum, [a]) => sum + a, 0) / drawn.reduce((sum, [, n]) => sum + n, 0),
      { seed: 2 },
    );
    const found = shareInterval(sumsOf(clusters));
    expect(found.mean).toBeCloseTo(boot.mean, 12);
    expect(found.low).toBeCloseTo(boot.low, 2);
    expect(found.high).toBeCloseTo(boot.high, 2);
  });

  it.each([6, 12, 40])(
    'holds the truth about 95 times in 100, where pairs of %d clusters go together',
    (size) => {
      const random = new Random(3);
      let held = 0;
      const trials = 2000;
      for (let trial = 0; trial < trials; trial++) {
        const sums = emptySums();
        for (let cluster = 0; cluster < size; cluster++) {
          // Six pairs that all agree or all differ in half of the clusters; the truth is 0.7.
          const together = random.next() < 0.5;
          const one = random.next() < 0.7 ? 6 : 0;
          let a = 0;
          for (let i = 0; i < 6; i++) if (random.next() < 0.7) a++;
          addCluster(sums, together ? one : a, 6);
        }
        const { low, high } = shareInterval(sums);
        if (low <= 0.7 && 0.7 <= high) held++;
      }
      expect(held / trials).toBeGreaterThan(0.92);
      expect(held / trials).toBeLessThan(0.985);
    },
  );

  it('of mean scores holds the truth, and does not take a few equal scores for certain', () => {
    const random = new Random(4);
    for (const size of [3, 8, 30]) {
      let held = 0;
      for (let trial = 0; trial < 2000; trial++) {
        const sums = emptySums();
        // Four pairs each, right with 0.8: scores of 0, ¼, ½, ¾ and 1.
        for (let i = 0; i < size; i++) {
          let right = 0;
          for (let pair = 0; pair < 4; pair++) if (random.next() < 0.8) right++;
          addCluster(sums, right / 4, 1);
        }
        const { low, high } = scoreInterval(sums);
        if (low <= 0.8 && 0.8 <= high) held++;
      }
      expect(held / 2000).toBeGreaterThan(0.94);
    }
    const same = scoreInterval(sumsOf(Array.from({ length: 5 }, () => [1, 1])));
    expect(same.low).toBeLessThan(0.7);
    expect(same.high).toBe(1);
  });

  it('may be added and taken apart', () => {
    const all = sumsOf([
      [3, 4],
      [1, 3],
      [2, 3],
    ]);
    addSums(all, sumsOf([[1, 3]]), -1);
    expect(all).toEqual(
      sumsOf([
        [3, 4],
        [2, 3],
      ]),
    );
  });
});

describe('χ²', () => {
  it('has the tails of the tables', () => {
    // Critical values at 5 % and 1 % (any table of χ²).
    for (const [statistic, freedom, p] of [
      [3.841, 1, 0.05],
      [5.991, 2, 0.05],
      [7.815, 3, 0.05],
      [18.307, 10, 0.05],
      [6.635, 1, 0.01],
      [37.566, 20, 0.01],
      [0.0158, 1, 0.9],
    ] as const) {
      expect(chiSquareTail(statistic, freedom)).toBeCloseTo(p, 3);
    }
    // With two degrees of freedom it is exp(−x/2).
    expect(chiSquareTail(30, 2)).toBeCloseTo(Math.exp(-15), 15);
    expect(chiSquareTail(0.5, 2)).toBeCloseTo(Math.exp(-0.25), 12);
    expect(chiSquareTail(0, 4)).toBe(1);
    expect(() => chiSquareTail(-1, 2)).toThrow('-1');
  });
});
