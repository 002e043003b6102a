import { describe, expect, it } from 'vitest';
import { Random } from '../engine/random.ts';
import { calibrationOf } from './calibration.ts';
import { rewardAccuracy } from './ranked-pairs.ts';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

describe('calibration of a reward model', () => {
  it('by hand: bins of the favourite’s probability, expected error, Brier score, log loss', () => {
    const sure = Math.log(19); // σ = 0.95
    const unsure = Math.log(0.65 / 0.35); // σ = 0.65
    const { bins, expectedError, brier, logLoss } = calibrationOf([sure, sure, sure, -sure, unsure, -unsure]);
    expect(bins.map(({ pairs }) => pairs)).toEqual([0, 2, 0, 0, 4]);
    expect(bins[1]).toMatchObject({ from: 0.6, observed: 0.5 });
    expect(bins[1]?.predicted).toBeCloseTo(0.65, 12);
    expect(bins[4]).toMatchObject({ to: 1, observed: 0.75 });
    expect(expectedError).toBeCloseTo((2 / 6) * 0.15 + (4 / 6) * 0.2, 12);
    expect(brier).toBeCloseTo((3 * 0.05 ** 2 + 0.95 ** 2 + 0.35 ** 2 + 0.65 ** 2) / 6, 12);
    expect(logLoss).toBeCloseTo(
      -(3 * Math.log(0.95) + Math.log(0.05) + Math.log(0.65) + Math.log(0.35)) / 6,
      12,
    );
    // Scores that say nothing: predicted a half, observed a half.
    expect(calibrationOf([0, 0])).toMatchObject({ expectedError: 0, brier: 0.25, logLoss: Math.LN2 });
    expect(() => calibrationOf([])).toThrow('at least one ordered pair');
  });

  it('is near 0 error for scores whose σ(Δ) is the truth, and large when they are three times too sure', () => {
    const random = new Random(9);
    const truths = Array.from({ length: 20_000 }, () => {
      const difference = 2 * random.normal();
      return random.next() < sigmoid(difference) ? difference : -difference;
    });
    expect(calibrationOf(truths).expectedError).toBeLessThan(0.01);
    expect(calibrationOf(truths.map((d) => 3 * d)).expectedError).toBeGreaterThan(0.08);
  });
});

describe('accuracy of a reward model on rankings', () => {
  const rankings = [
    { prompt: 'p', completions: ['a', 'b', 'c'], ranks: [1, 2, 3], strength: [4, 1], labeler: 'x' },
    // A gap in the ranks, and a tie that gives no pair.
    { prompt: 'q', completions: ['a', 'b', 'c'], ranks: [3, 1, 1], strength: [2], labeler: 'y' },
  ];

  it('counts ordered pairs, equal scores as half, by strength, distance and labeler', () => {
    const result = rewardAccuracy(
      rankings,
      [
        [3, 1, 2],
        [0, 0, 5],
      ],
      { seed: 1 },
    );
    // a > b, a > c and not b > c; then b = a and c > a.
    expect(result).toMatchObject({ pairs: 5, rankings: 2, prompts: 2 });
    expect(result.accuracy.mean).toBe(3.5 / 5);
    expect(result.accuracy.low).toBeCloseTo(2 / 3, 12);
    expect(result.accuracy.high).toBe(0.75);
    expect(
      result.byStrength.map(({ strength, pairs, accuracy }) => [strength, pairs, accuracy.mean]),
    ).toEqual([
      [1, 1, 0],
      [2, 2, 0.75],
      [4, 1, 1],
    ]);
    expect(result.byDistance.map(({ distance, pairs }) => [distance, pairs])).toEqual([
      [1, 4],
      [2, 1],
    ]);
    expect(result.byLabeler.map(({ labeler, accuracy }) => [labeler, accuracy.mean])).toEqual([
      ['x', 2 / 3],
      ['y', 0.75],
    ]);
  });

  it('draws prompts, not rankings: two of one prompt give no interval', () => {
    const scores = [
      [3, 1, 2],
      [0, 0, 5],
    ];
    const together = rankings.map((ranking) => ({ ...ranking, prompt: 'p' }));
    const { accuracy, prompts } = rewardAccuracy(together, scores, { seed: 1 });
    expect(prompts).toBe(1);
    expect(accuracy).toMatchObject({ mean: 0.7, low: 0.7, high: 0.7 });
  });

  it('says so when rankings are all tied', () => {
    expect(() =>
      rewardAccuracy([{ prompt: 'p', completions: ['a', 'b'], ranks: [1, 1] }], [[1, 2]], { seed: 1 }),
    ).toThrow('None of the 1 rankings orders a pair');
  });
});
