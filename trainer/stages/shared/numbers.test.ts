import { describe, expect, it } from 'vitest';
import { Random } from '../../engine/random.ts';
import { ppoConfig } from '../ppo.config.ts';
import { pretrainConfig } from '../pretrain.config.ts';
import { estimateAdvantages, moments, whiten } from './advantages.ts';
import { countRatios } from './clipped-losses.ts';
import { tokenRewards } from './episode-rewards.ts';
import { nextBeta } from './kl-controller.ts';
import { nearestKey, parseConfig } from './parse-config.ts';
import { learningRateFactor } from './schedule.ts';
import { ShuffledOrder, seedFor } from './seeds.ts';
import { splitByPrompt } from './splits.ts';

describe('GAE', () => {
  it('by hand on three steps: γ 1, λ 0.5, rewards 0, 0, 1, values 0.5, 0.25, 0.75', () => {
    const { advantages, returns } = estimateAdvantages([0, 0, 1], [0.5, 0.25, 0.75], {
      gamma: 1,
      lambda: 0.5,
    });
    // δ = 0.25 − 0.5, 0.75 − 0.25, 1 − 0.75
    expect([...advantages]).toEqual([-0.25 + 0.5 * 0.625, 0.5 + 0.5 * 0.25, 0.25]);
    expect([...returns]).toEqual([0.5625, 0.875, 1]);
  });

  it('equals the definition Σ (γλ)^l δ_{t+l} summed out in float64 on random 20 × 40 input', () => {
    const random = new Random(1);
    for (let row = 0; row < 20; row++) {
      const rewards = Array.from({ length: 40 }, () => random.normal());
      const values = Array.from({ length: 40 }, () => random.normal());
      const gamma = 0.97;
      const lambda = 0.9;
      const { advantages, returns } = estimateAdvantages(rewards, values, { gamma, lambda });
      for (let t = 0; t < 40; t++) {
        let sum = 0;
        for (let l = 0; t + l < 40; l++) {
          const delta = (rewards[t + l] ?? 0) + gamma * (values[t + l + 1] ?? 0) - (values[t + l] ?? 0);
          sum += (gamma * lambda) ** l * delta;
        }
        expect(advantages[t]).toBeCloseTo(sum, 12);
        expect(returns[t]).toBeCloseTo(sum + (values[t] ?? 0), 12);
      }
    }
  });
});

describe('whitening', () => {
  it('of 1.2 … 2.0: mean 1.6, biased variance 0.06667', () => {
    const values = [1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0];
    const whitened = whiten(values);
    expect(whitened[0]).toBeCloseTo(-0.4 / Math.sqrt(0.6 / 9), 6);
    expect(whitened[4]).toBeCloseTo(0, 9);
    expect(moments(whitened).variance).toBeCloseTo(1, 6);
    const shifted = whiten(values, true);
    expect(moments(shifted).mean).toBeCloseTo(1.6, 12);
    expect(shifted[0]).toBeCloseTo(1.6 + (whitened[0] ?? 0), 12);
  });
});

describe('rewards of tokens', () => {
  it('are −β times the log-ratio, with the score at the last token and not one later', () => {
    const rewards = tokenRewards(Float32Array.of(-1, -2, -0.5), Float32Array.of(-1.5, -1, -0.5), 0.5, 3);
    expect([...rewards]).toEqual([-0.25, 0.5, 3]);
  });
});

describe('ratios', () => {
  it('count clipped tokens and estimate KL by k3', () => {
    const sums = { tokens: 0, clipped: 0, kl: 0, ratio: 0, ratioSquared: 0 };
    countRatios(sums, [Math.log(1.5), 0], [0, 0], 0.2);
    expect(sums.tokens).toBe(2);
    expect(sums.clipped).toBe(1);
    expect(sums.kl).toBeCloseTo(0.5 - Math.log(1.5), 12);
    expect(sums.ratio).toBeCloseTo(2.5, 12);
  });
});

describe('adaptive β', () => {
  it('moves by at most 20 % of n / horizon towards the target', () => {
    const settings = { betaMode: 'adaptive' as const, klTarget: 6, klHorizon: 10_000 };
    expect(nextBeta(0.2, 12, 512, settings)).toBeCloseTo(0.2 * (1 + (0.2 * 512) / 10_000), 12);
    expect(nextBeta(0.2, 6.6, 512, settings)).toBeCloseTo(0.2 * (1 + (0.1 * 512) / 10_000), 12);
    expect(nextBeta(0.2, 0, 512, settings)).toBeCloseTo(0.2 * (1 - (0.2 * 512) / 10_000), 12);
    expect(nextBeta(0.2, 12, 512, { ...settings, betaMode: 'fixed' })).toBe(0.2);
  });
});

describe('learning rate', () => {
  it('rises linearly, then follows half a cosine to 10 % at the very last step', () => {
    const settings = { schedule: 'cosine' as const, warmupSteps: 10, finalLearningRateFraction: 0.1 };
    expect(learningRateFactor(1, 111, settings)).toBeCloseTo(0.1, 12);
    expect(learningRateFactor(10, 111, settings)).toBe(1);
    expect(learningRateFactor(11, 111, settings)).toBe(1);
    expect(learningRateFactor(61, 111, settings)).toBeCloseTo(0.55, 12);
    expect(learningRateFactor(111, 111, settings)).toBeCloseTo(0.1, 12);
    expect(learningRateFactor(99, 111, { ...settings, schedule: 'constant' })).toBe(1);
    expect(learningRateFactor(1, 1, { ...settings, warmupSteps: 0 })).toBe(1);
  });
});

describe('seeds and orders', () => {
  it('differ by purpose and place, and an epoch visits everything once', () => {
    const seeds = new Set([seedFor(1, 'a', 1), seedFor(1, 'a', 2), seedFor(1, 'b', 1), seedFor(2, 'a', 1)]);
    expect(seeds.size).toBe(4);
    const order = new ShuffledOrder(7, 3);
    const walk = order.take(0, 21);
    for (const epoch of [0, 1, 2]) {
      expect([...walk.slice(7 * epoch, 7 * epoch + 7)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    }
    expect(walk.slice(0, 7)).not.toEqual(walk.slice(7, 14));
    expect(new ShuffledOrder(7, 3).take(9, 5)).toEqual(walk.slice(9, 14));
  });
});

describe('splits', () => {
  it('keep a prompt on one side, and follow named splits where there are any', () => {
    const examples = Array.from({ length: 400 }, (_, i) => ({ prompt: `prompt ${i % 200}` }));
    const { training, heldOut } = splitByPrompt(examples, 0.25);
    expect(Math.abs(heldOut.length / 400 - 0.25)).toBeLessThan(0.08);
    const trained = new Set(training.map(({ prompt }) => prompt));
    expect(heldOut.some(({ prompt }) => trained.has(prompt))).toBe(false);
    const named = splitByPrompt(
      [{ prompt: 'a', split: 'train' }, { prompt: 'b', split: 'validation' }, { prompt: 'c' }],
      0.9,
    );
    expect(named.heldOut.map(({ prompt }) => prompt)).toEqual(['b']);
  });
});

describe('configs', () => {
  const sources = [{ path: 'documents.jsonl' }];

  it('name an unknown key and the known key nearest to it, also inside a list', () => {
    expect(() => parseConfig(pretrainConfig, { sources, learningrate: 1 }, 'x.json')).toThrow(
      'x.json: unknown key "learningrate" (did you mean "learningRate"?).',
    );
    expect(() => parseConfig(pretrainConfig, { sources: [{ path: 'a', wieght: 1 }] }, 'x.json')).toThrow(
      'unknown key "sources.0.wieght" (did you mean "weight"?)',
    );
    expect(nearestKey('qqqqqqqqqqqq', ['steps', 'seed'])).toBeNull();
  });

  it('name the field with a wrong value, and what does not fit together', () => {
    expect(() => parseConfig(pretrainConfig, { sources, steps: -1 }, 'x.json')).toThrow('"steps"');
    expect(() => parseConfig(pretrainConfig, { sources, width: 10, heads: 3 }, 'x.json')).toThrow(
      '"heads" must divide the width (10), 3 does not',
    );
    const files = { model: 'm', reward: 'r', prompts: 'p' };
    expect(() => parseConfig(ppoConfig, { ...files, batchSize: 10, minibatches: 4 }, 'x.json')).toThrow(
      '"minibatches" must divide batchSize (10)',
    );
  });

  it('fill in defaults', () => {
    const config = parseConfig(ppoConfig, { model: 'm', reward: 'r', prompts: 'p' }, 'x.json');
    expect(config).toMatchObject({
      gamma: 1,
      lambda: 0.95,
      ratioClip: 0.2,
      valueClip: 0.2,
      missingEndOfTextScore: -1,
    });
  });
});
