import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { scoreCompletions } from '../evaluation/sample.ts';
import { readMetadata } from '../model/checkpoint.ts';
import { runStage } from './index.ts';
import type { RewardInput } from './reward.config.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  weightsOf,
  withoutTimes,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

const { folder, remove } = temporaryFolder();
let config: RewardInput;
/** Rankings that order something, by split, and the rest. */
const expected = { train: 0, validation: 0, tied: 1 };
const completions: { prompt: string; completion: string }[] = [];

/** Rank by how many times the letter "a" occurs; as many are a tie. */
function ranked(random: Random, prompt: string, count: number) {
  const texts = new Set<string>();
  while (texts.size < count) {
    texts.add(Array.from({ length: 4 }, () => 'abcd'[random.integer(4)]).join(''));
  }
  const own = [...texts];
  const counts = own.map((text) => text.split('a').length - 1);
  return {
    prompt,
    completions: own,
    ranks: counts.map((n) => 1 + counts.filter((other) => other > n).length),
  };
}

beforeAll(async () => {
  await openDevice('auto');
  const tokenizer = letterTokenizer();
  const model = tinyModel(tokenizer, 1, { width: 32 });
  const parent = await writeTiny(join(folder, 'parent'), model, tokenizer);
  model.dispose();
  const random = new Random(5);
  const rankings = Array.from({ length: 60 }, (_, i) => ({
    ...ranked(random, 'abcdefgh'[i % 8] ?? 'a', 4),
    split: i < 48 ? 'train' : 'validation',
  }));
  for (const { prompt, completions: texts, ranks, split } of rankings) {
    if (new Set(ranks).size === 1) expected.tied += 1;
    else expected[split === 'train' ? 'train' : 'validation'] += 1;
    if (new Set(ranks).size === 1) continue;
    if (split === 'train') for (const completion of texts) completions.push({ prompt, completion });
  }
  const tied = { prompt: 'h', completions: ['b', 'c'], ranks: [1, 1], split: 'train' };
  config = {
    seed: 3,
    model: parent,
    rankings: writeLines(folder, 'rankings.jsonl', [...rankings, tied]),
    epochs: 1,
    batchSize: 8,
    microBatchSize: 4,
    learningRate: 3e-3,
    checkpointEvery: 2,
  };
});
afterAll(remove);

async function run(name: string, more: Partial<RewardInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('reward', { ...config, ...more }, recording.context);
  return { result, ...recording };
}

describe('reward', () => {
  it('learns the order on held-out rankings, is normalised, and counts rankings that order nothing', async () => {
    const { result, messages } = await run('learns', { epochs: 12 });
    expect(messages).toContain(`${expected.train} rankings to train on, ${expected.validation} held out.`);
    expect(messages).toContainEqual(
      expect.stringMatching(
        `^${expected.tied} rankings were left out: they order nothing \\(all tied\\) \\(the first: .*rankings.jsonl:\\d+\\)\\.$`,
      ),
    );
    const { validationAccuracy = 0, validationAccuracyLow = 1, validationAccuracyHigh = 0 } = result.metrics;
    expect(validationAccuracy).toBeGreaterThan(0.85);
    expect(validationAccuracyLow).toBeLessThanOrEqual(validationAccuracy);
    expect(validationAccuracyHigh).toBeGreaterThanOrEqual(validationAccuracy);

    const scores = await scoreCompletions(result.checkpoint, completions);
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length;
    expect(Math.abs(mean)).toBeLessThan(1e-4);
    expect(Math.abs(variance - 1)).toBeLessThan(1e-3);
    expect(readMetadata(result.checkpoint)?.rewardGain).toBeCloseTo(result.metrics.rewardGain ?? 0, 9);
  });

  it('puts demonstrations at 0 on average when asked to', async () => {
    const demonstrations = writeLines(folder, 'demonstrations.jsonl', completions.slice(0, 30));
    const { result } = await run('demonstrations', { normalization: 'demonstrations', demonstrations });
    const scores = await scoreCompletions(result.checkpoint, completions.slice(0, 30));
    expect(Math.abs(scores.reduce((sum, score) => sum + score, 0) / 30)).toBeLessThan(1e-4);
    expect(result.metrics.rewardGain).toBe(1);
  });

  it('resumes bit for bit', async () => {
    const whole = await run('whole');
    const first = await run('halves', {}, 3);
    const second = await run('halves');
    expect(second.result.resumedFrom).toBe(3);
    expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
    expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
  });

  it('does not depend on micro-batches, and follows the committed trajectory (1e-4)', async () => {
    const whole = await run('micro', { microBatchSize: null });
    const cut = await run('micro1', { microBatchSize: 1 });
    const trajectory = [0.696226, 0.667721, 0.568274, 0.341696, 0.152291, 0.085827];
    expect(whole.reports).toHaveLength(trajectory.length);
    for (const [i, { values }] of whole.reports.entries()) {
      expect(Math.abs((values.loss ?? 0) / (cut.reports[i]?.values.loss ?? 0) - 1)).toBeLessThan(5e-6);
    }
    for (const [i, loss] of trajectory.entries()) {
      expect(Math.abs((whole.reports[i]?.values.loss ?? 0) - loss)).toBeLessThan(1e-4);
    }
  });

  it('says when every ranking is tied', async () => {
    const rankings = writeLines(folder, 'tied.jsonl', [
      { prompt: 'a', completions: ['b', 'c'], ranks: [1, 1] },
    ]);
    await expect(run('tied', { rankings, validationFraction: 0 })).rejects.toThrow(
      '1 without a pair that is not tied',
    );
  });
});
