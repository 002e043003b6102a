import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../engine/random.ts';
import { temporaryFolder } from '../testing/tiny.ts';
import { estimateAdvantages, whiten, whitenEach } from './advantages.ts';
import { givenScore, type RewardSettings, scoreEpisodes } from './episode-rewards.ts';
import type { MeasuredEpisode } from './episodes.ts';
import { PpoWarnings } from './ppo-warnings.ts';
import { RolloutFiles } from './rollout-files.ts';
import { measureRollout, type RolloutMetrics } from './rollout-metrics.ts';
import { measureUpdate, newProgress } from './update-progress.ts';

const settings: RewardSettings = {
  gamma: 1,
  lambda: 0.95,
  missingEndOfTextScore: -1,
  missingEndOfTextPenalty: 0,
  whitenRewards: false,
  whitenAdvantages: 'minibatch',
};

/** Two episodes with round numbers: one of two tokens that ended, one of a single token that did not. */
const episodes: MeasuredEpisode[] = [
  {
    prompt: [5, 6],
    response: [7, 1],
    finished: true,
    rawScore: 1,
    logProbs: Float32Array.of(-1, -0.5),
    referenceLogProbs: Float32Array.of(-1.5, -0.25),
    entropies: Float32Array.of(1, 2),
    values: Float32Array.of(0.5, 1),
  },
  {
    prompt: [5],
    response: [8],
    finished: false,
    rawScore: 3,
    logProbs: Float32Array.of(-2),
    referenceLogProbs: Float32Array.of(-2),
    entropies: Float32Array.of(0.75),
    values: Float32Array.of(-0.5),
  },
];

describe('rewards and advantages of a rollout', () => {
  it('by hand: score normalised, −β log-ratio on each token, the score on the last, GAE over that', () => {
    const [one, two] = scoreEpisodes(episodes, { gain: 2, bias: -0.5 }, 0.5, settings);
    expect(one?.score).toBe(1.5);
    expect(one?.given).toBe(1.5);
    // −0.5 · (−1 + 1.5), and −0.5 · (−0.5 + 0.25) + 1.5
    expect([...(one?.rewards ?? [])]).toEqual([-0.25, 1.625]);
    // δ_1 = 1.625 − 1, δ_0 = −0.25 + 1 − 0.5
    expect([...(one?.advantages ?? [])]).toEqual([0.25 + 0.95 * 0.625, 0.625]);
    expect([...(one?.returns ?? [])]).toEqual([0.25 + 0.95 * 0.625 + 0.5, 1.625]);
    // No end: −1 in place of 2 · 3 − 0.5, which stays what is reported of the reward model.
    expect(two?.score).toBe(5.5);
    expect([...(two?.rewards ?? [])]).toEqual([-1]);
    expect([...(two?.advantages ?? [])]).toEqual([-0.5]);
  });

  it('no end-of-text: the fixed score (LMHP: −1), or the score minus a penalty', () => {
    expect(givenScore(2, true, settings)).toBe(2);
    expect(givenScore(2, false, settings)).toBe(-1);
    const penalty = { missingEndOfTextScore: null, missingEndOfTextPenalty: 0.75 };
    expect(givenScore(2, false, penalty)).toBe(1.25);
    expect(givenScore(2, true, penalty)).toBe(2);
    expect(givenScore(2, false, { missingEndOfTextScore: 0, missingEndOfTextPenalty: 0 })).toBe(0);
  });

  it('whitens advantages over the batch with the mean shifted, rewards with the mean kept', () => {
    const plain = scoreEpisodes(episodes, { gain: 1, bias: 0 }, 0.5, settings);
    const flat = plain.flatMap(({ advantages }) => [...advantages]);
    const batch = scoreEpisodes(episodes, { gain: 1, bias: 0 }, 0.5, {
      ...settings,
      whitenAdvantages: 'batch',
    });
    expect(batch.flatMap(({ advantages }) => [...advantages])).toEqual([...whiten(flat)]);
    // Returns stay those of the plain advantages.
    expect(batch.map(({ returns }) => [...returns])).toEqual(plain.map(({ returns }) => [...returns]));
    const rewards = plain.flatMap((episode) => [...episode.rewards]);
    const kept = scoreEpisodes(episodes, { gain: 1, bias: 0 }, 0.5, { ...settings, whitenRewards: true });
    expect(kept.flatMap((episode) => [...episode.rewards])).toEqual([...whiten(rewards, true)]);
  });

  it('names a completion that the reward model gives no number', () => {
    const [one, two] = episodes;
    if (!one || !two) throw new Error('no episodes');
    const broken = [one, { ...two, rawScore: Number.NaN }];
    expect(() => scoreEpisodes(broken, { gain: 1, bias: 0 }, 0, settings)).toThrow(
      'The reward model scores completion 2 of 2 as NaN: expected a finite number.',
    );
  });
});

describe('GAE', () => {
  it('with γ 1, λ 0.95: terminal next value 0, and masked junk after the end changes nothing', () => {
    const random = new Random(3);
    for (let row = 0; row < 20; row++) {
      const length = 1 + random.integer(40);
      const rewards = Array.from({ length: 40 }, () => random.normal());
      const values = Array.from({ length: 40 }, () => random.normal());
      const mask = rewards.map((_, t) => (t < length ? 1 : 0));
      // The padded form of lm-human-preferences: a plain loop from the end over every cell, junk masked.
      const expected: number[] = [];
      let next = 0;
      for (let t = 39; t >= 0; t--) {
        const nextValue = t + 1 < 40 ? (values[t + 1] ?? 0) * (mask[t + 1] ?? 0) : 0;
        const delta = (rewards[t] ?? 0) + nextValue - (values[t] ?? 0);
        next = (delta + 0.95 * next) * (mask[t] ?? 0);
        expected[t] = next;
      }
      const { advantages } = estimateAdvantages(rewards.slice(0, length), values, { gamma: 1, lambda: 0.95 });
      expect(advantages).toHaveLength(length);
      for (const [t, advantage] of advantages.entries()) expect(advantage).toBeCloseTo(expected[t] ?? 0, 12);
    }
  });
});

describe('whitening', () => {
  it('of [[1.2, 1.3, 1.4], [1.5, 1.6, 1.7], [1.8, 1.9, 2.0]] by hand: over all tokens, biased, 1e-8 under the root', () => {
    const rows = [
      [1.2, 1.3, 1.4],
      [1.5, 1.6, 1.7],
      [1.8, 1.9, 2.0],
    ].map((row) => Float64Array.from(row));
    const whitened = whitenEach(rows);
    // Mean 1.6; squares 2 · (0.16 + 0.09 + 0.04 + 0.01) = 0.6 over 9, not over 8.
    const scale = Math.sqrt(0.6 / 9 + 1e-8);
    for (const [i, row] of whitened.entries()) {
      for (const [j, value] of row.entries()) expect(value).toBeCloseTo((3 * i + j - 4) / 10 / scale, 12);
    }
    expect(whitened[0]?.[0]).toBeCloseTo(-1.5491931, 6);
    expect(whitenEach(rows, true)[0]?.[0]).toBeCloseTo(1.6 - 1.5491931, 6);
  });

  it('counts real tokens only: rows of other lengths are not filled up', () => {
    const whitened = whitenEach([Float64Array.of(1, 3), Float64Array.of(5)]);
    const scale = Math.sqrt(8 / 3 + 1e-8);
    expect([...(whitened[0] ?? []), ...(whitened[1] ?? [])]).toEqual([-2 / scale, 0, 2 / scale]);
    // All alike: 1e-8 keeps the division finite.
    expect([...whiten([2, 2, 2])]).toEqual([0, 0, 0]);
  });
});

describe('what is reported of a rollout', () => {
  it('is, by hand, over real tokens only', () => {
    const metrics = measureRollout(scoreEpisodes(episodes, { gain: 2, bias: -0.5 }, 0.5, settings));
    const returns = [0.25 + 0.95 * 0.625 + 0.5, 1.625, -1];
    const mean = (returns[0] ?? 0) / 3 + 0.625 / 3;
    const errors = [0.25 + 0.95 * 0.625, 0.625, -0.5];
    const variance = (values: number[]): number => {
      const m = values.reduce((sum, value) => sum + value, 0) / values.length;
      return values.reduce((sum, value) => sum + (value - m) ** 2, 0) / values.length;
    };
    const expected: RolloutMetrics = {
      rewardMean: 3.5,
      rewardStd: 2,
      scoreMean: (1.5 - 1) / 2,
      // 0.5 − 0.25 + 0 over two episodes
      klToReference: 0.125,
      klToReferenceK3: (Math.exp(-0.5) - 1 + 0.5 + (Math.exp(0.25) - 1 - 0.25)) / 2,
      entropy: 3.75 / 3,
      totalReward: (-0.25 + 1.625 - 1) / 2,
      returnMean: mean,
      valueMean: 1 / 3,
      explainedVariance: 1 - variance(errors) / variance(returns),
      eotRate: 0.5,
      responseLength: 1.5,
    };
    expect(Object.keys(metrics)).toEqual(Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) {
      expect(
        Math.abs(Number(Object.entries(metrics).find(([key]) => key === name)?.[1]) - value),
        name,
      ).toBeLessThan(1e-12);
    }
  });

  it('explained variance is 1 for perfect values, 0 for constant ones, negative for worse than constant', () => {
    const [scored] = scoreEpisodes(episodes, { gain: 1, bias: 0 }, 0, settings);
    if (!scored) throw new Error('no episode');
    const at = (values: number[]): number =>
      measureRollout([{ ...scored, values: Float32Array.from(values), returns: Float64Array.of(1, 3) }])
        .explainedVariance;
    expect(at([1, 3])).toBe(1);
    expect(at([0.5, 2.5])).toBe(1);
    expect(at([7, 7])).toBe(0);
    expect(at([3, 1])).toBe(-3);
  });

  it('k3 is never negative, and k1 may be', () => {
    const [scored] = scoreEpisodes(episodes, { gain: 1, bias: 0 }, 0, settings);
    if (!scored) throw new Error('no episode');
    const metrics = measureRollout([
      { ...scored, logProbs: Float32Array.of(-2, -2), referenceLogProbs: Float32Array.of(-1, -1) },
    ]);
    expect(metrics.klToReference).toBe(-2);
    expect(metrics.klToReferenceK3).toBeCloseTo(2 * (Math.E - 2), 12);
  });
});

describe('what is reported of an update', () => {
  it('are means over its steps, and over the tokens seen', () => {
    const progress = {
      ...newProgress(),
      minibatches: 4,
      policySteps: 2,
      policyLoss: -0.5,
      gradientNorm: 3,
      ptxLoss: 5,
      valueSteps: 4,
      valueLoss: 2,
      valueGradientNorm: 1,
      valuesSeen: 20,
      valuesClipped: 5,
      ratios: { tokens: 10, clipped: 2, kl: 0.1, ratio: 11, ratioSquared: 13 },
    };
    expect(measureUpdate(progress, { ptx: true, earlyStop: true })).toEqual({
      valueLoss: 0.5,
      valueGradientNorm: 0.25,
      valueClipFraction: 0.25,
      policyLoss: -0.25,
      ptxLoss: 2.5,
      gradientNorm: 1.5,
      approxKl: 0.01,
      clipFraction: 0.2,
      ratioMean: 1.1,
      ratioVariance: 1.3 - 1.1 ** 2,
      policySteps: 2,
    });
    const warmup = measureUpdate({ ...progress, policySteps: 0 }, { ptx: false, earlyStop: false });
    expect(Object.keys(warmup)).toEqual(['valueLoss', 'valueGradientNorm', 'valueClipFraction']);
  });
});

describe('warnings', () => {
  const healthy = measureRollout(scoreEpisodes(episodes, { gain: 1, bias: 0 }, 0, settings));
  it.each([
    [
      'KL above 1 nat a token',
      { klToReference: 33, responseLength: 30 },
      'KL to the reference is 1.10 nats a token',
    ],
    [
      'entropy below a tenth of the first',
      { entropy: 0.19 },
      'entropy fell to 0.190 nats a token, from 2.000',
    ],
    ['hardly an end', { eotRate: 0.04 }, 'only 4.0 % of completions ended'],
  ])('%s is said once, and again when it comes back', (_, broken, sentence) => {
    const warnings = new PpoWarnings();
    const good = { ...healthy, klToReference: 5, responseLength: 30, entropy: 2, eotRate: 0.9 };
    expect(warnings.check(1, good, 2)).toEqual([]);
    const said = warnings.check(2, { ...good, ...broken }, 2);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`Warning, iteration 2: `);
    expect(said[0]).toContain(sentence);
    expect(warnings.check(3, { ...good, ...broken }, 2)).toEqual([]);
    expect(warnings.check(4, good, 2)).toEqual([]);
    expect(warnings.check(5, { ...good, ...broken }, 2)).toHaveLength(1);
  });
});

describe('rollout files', () => {
  const { folder, remove } = temporaryFolder();
  afterAll(remove);

  it('give back every bit of what was written, by iteration and part', () => {
    const random = new Random(7);
    const many = Array.from({ length: 5 }, (_, i): MeasuredEpisode => {
      const floats = (): Float32Array => Float32Array.from({ length: i + 1 }, () => random.normal());
      return {
        prompt: Array.from({ length: 5 - i }, () => random.integer(2 ** 24)),
        response: Array.from({ length: i + 1 }, () => random.integer(2 ** 24)),
        finished: i % 2 === 0,
        rawScore: Math.fround(random.normal()),
        logProbs: floats(),
        referenceLogProbs: floats(),
        entropies: floats(),
        values: floats(),
      };
    });
    const files = new RolloutFiles(folder, 'one');
    files.write(3, 0, many);
    files.write(3, 1, episodes);
    expect(files.read(3, 0)).toEqual(many);
    expect(files.read(3, 1)).toEqual(episodes);
    expect(files.read(3, 2)).toBeNull();
    expect(files.read(4, 0)).toBeNull();
  });

  it('of another run, of saved iterations and half-written ones are removed', () => {
    const at = join(folder, 'rollouts');
    const files = new RolloutFiles(folder, 'two');
    expect(existsSync(at)).toBe(false);
    for (const iteration of [1, 2, 3]) files.write(iteration, 0, episodes);
    writeFileSync(join(at, 'half.safetensors.77.tmp'), 'half');
    files.dropUpTo(2);
    expect(readdirSync(at)).toEqual([expect.stringMatching(/^[0-9a-f]{12}-3-0\.safetensors$/)]);
    files.dropUpTo(3);
    expect(existsSync(at)).toBe(false);
  });
});
