import { describe, expect, it } from 'vitest';
import type { Ranking } from '../data/json-lines.ts';
import { Random } from '../engine/random.ts';
import { calibrate } from './calibration.ts';
import { labelerAgreement } from './labeler-agreement.ts';
import { type JudgedRanking, rewardReport, rewardReportSchema } from './reward-report.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('how often labelers agree with each other', () => {
  const ranking = (prompt: string, labeler: string, completions: string[], ranks: number[]): Ranking => ({
    prompt,
    labeler,
    completions,
    ranks,
  });

  it('matches texts, whatever their order, and leaves ties and texts that one lacks out', () => {
    const agreement = labelerAgreement(
      [
        ranking('p', 'ann', ['x', 'y', 'z'], [1, 2, 3]),
        // y > x > z, in another order of the texts: 2 of 3 pairs alike.
        ranking('p', 'bob', ['z', 'y', 'x'], [3, 1, 2]),
        // Only x and y are shared with the others; alike with ann, not with bob.
        ranking('p', 'cem', ['x', 'y', 'w'], [1, 2, 3]),
        // One prompt more, on which the two agree in one pair and one of them calls two ties.
        ranking('q', 'ann', ['x', 'y', 'z'], [1, 2, 3]),
        ranking('q', 'bob', ['x', 'y', 'z'], [1, 1, 1]),
        ranking('r', 'ann', ['x', 'y'], [1, 2]),
        ranking('r', 'bob', ['x', 'y'], [1, 2]),
      ],
      { seed: 1 },
    );
    expect(agreement?.pairs).toBe(3 + 1 + 1 + 1);
    expect(agreement?.tied).toBe(3);
    expect(agreement?.rate.mean).toBeCloseTo((2 + 1 + 0 + 1) / 6, 12);
    // Two prompts have pairs: p with 3 of 5, r with 1 of 1.
    expect(agreement?.rate.low).toBeCloseTo(3 / 5, 12);
    expect(agreement?.rate.high).toBeCloseTo(1, 12);
  });

  it('is nothing where nobody is named, or nobody ranked what another ranked', () => {
    const alone = ranking('p', 'ann', ['x', 'y'], [1, 2]);
    expect(labelerAgreement([alone, { ...alone, prompt: 'q', labeler: 'bob' }], { seed: 1 })).toBeNull();
    expect(labelerAgreement([alone, { ...alone, labeler: undefined }], { seed: 1 })).toBeNull();
    expect(labelerAgreement([alone, alone], { seed: 1 })).toBeNull();
  });
});

describe('calibration', () => {
  it('by hand: bins, expected calibration error and Brier score', () => {
    // σ(|Δ|): 0.65 three times, of which two are right, and 0.95, right.
    const logit = (p: number): number => Math.log(p / (1 - p));
    const differences = [logit(0.65), logit(0.65), -logit(0.65), logit(0.95)];
    const { bins, expectedCalibrationError, brier } = calibrate(differences, 5);
    expect(bins.map(({ pairs }) => pairs)).toEqual([0, 3, 0, 0, 1]);
    expect(bins[1]).toMatchObject({ from: 0.6, to: 0.7 });
    expect(bins[1]?.predicted).toBeCloseTo(0.65, 12);
    expect(bins[1]?.observed).toBeCloseTo(2 / 3, 12);
    expect(bins[0]).toMatchObject({ pairs: 0, predicted: null, observed: null });
    expect(expectedCalibrationError).toBeCloseTo((3 / 4) * (2 / 3 - 0.65) + (1 / 4) * 0.05, 12);
    expect(brier).toBeCloseTo((2 * 0.35 ** 2 + 0.65 ** 2 + 0.05 ** 2) / 4, 12);
  });

  it('of scores that say nothing: Brier ¼; of people drawn from σ(Δ) the error is near 0, of surer scores not', () => {
    expect(calibrate([0, 0, 0]).brier).toBe(0.25);
    const random = new Random(2);
    const differences = Array.from({ length: 20_000 }, () => {
      const size = 4 * random.next();
      return random.next() < sigmoid(size) ? size : -size;
    });
    expect(calibrate(differences).expectedCalibrationError).toBeLessThan(0.01);
    const surer = differences.map((difference) => 3 * difference);
    expect(calibrate(surer).expectedCalibrationError).toBeGreaterThan(0.05);
  });
});

describe('the report of a reward model', () => {
  const judged = (
    prompt: string,
    labeler: string | undefined,
    scores: number[],
    strengths: (number | null)[],
  ): JudgedRanking => ({
    prompt,
    labeler,
    scores,
    pairs: [
      [0, 1],
      [0, 2],
      [1, 2],
    ],
    strengths,
  });

  it('counts by labeler, by held-out labelers and by strength; prompts are what is drawn anew', () => {
    const report = rewardReport(
      [
        judged('p', 'ann', [3, 2, 1], [1, 4, 4]),
        judged('p', 'bob', [1, 2, 3], [1, 2, null]),
        judged('q', 'ann', [3, 1, 1], [1, 2, 2]),
      ],
      [judged('p', 'cem', [3, 1, 2], [null, null, null])],
      null,
      { seed: 1 },
    );
    expect(rewardReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    expect(report.heldOut).toMatchObject({ pairs: 9, rankings: 3, prompts: 2 });
    expect(report.heldOut?.accuracy.mean).toBeCloseTo(5.5 / 9, 12);
    // Draws of two prompts: p twice is 3 of 6, q twice 2.5 of 3.
    expect(report.heldOut?.accuracy.low).toBeCloseTo(3 / 6, 12);
    expect(report.heldOut?.accuracy.high).toBeCloseTo(2.5 / 3, 12);
    expect(report.heldOutLabelers?.accuracy.mean).toBeCloseTo(2 / 3, 12);
    const rows = report.byLabeler.map(({ labeler, heldOut, pairs, accuracy }) => [
      labeler,
      heldOut,
      pairs,
      accuracy.mean,
    ]);
    expect(rows).toEqual([
      ['ann', false, 6, 5.5 / 6],
      ['bob', false, 3, 0],
      ['cem', true, 3, 2 / 3],
    ]);
    const strengths = report.byStrength.map(({ strength, pairs, accuracy }) => [
      strength,
      pairs,
      accuracy.mean,
    ]);
    expect(strengths).toEqual([
      [null, 1, 0],
      [1, 3, 2 / 3],
      [2, 3, 1.5 / 3],
      [4, 2, 1],
    ]);
  });

  it('of a run that held nothing out says null, not a number', () => {
    expect(rewardReport([], [], null, { seed: 1 })).toEqual({
      version: 1,
      heldOut: null,
      heldOutLabelers: null,
      labelerAgreement: null,
      byLabeler: [],
      byStrength: [],
      calibration: null,
    });
  });
});
