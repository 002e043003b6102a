import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { letterTokenizer, temporaryFolder, tinyModel, writeTiny } from '../stages/testing/tiny.ts';
import { bestOfNKl, expectedBestOfK, sampleBestOfN } from './best-of-n.ts';
import { scoreCompletions } from './sample.ts';

const { folder, remove } = temporaryFolder();
beforeAll(() => openDevice('auto'));
afterAll(remove);

/** All subsets of k of the first n whole numbers. */
function subsets(n: number, k: number): number[][] {
  if (k === 0) return [[]];
  if (n < k) return [];
  return [...subsets(n - 1, k), ...subsets(n - 1, k - 1).map((subset) => [...subset, n - 1])];
}

describe('the expected reward of the best of k', () => {
  const random = new Random(6);
  const scores = Array.from({ length: 9 }, () => random.normal());
  const values = Array.from({ length: 9 }, () => random.normal());

  it('equals the mean over all subsets, of the score and of another judge’s value', () => {
    for (const judged of [scores, values]) {
      const expected = expectedBestOfK(scores, judged);
      for (let k = 1; k <= 9; k++) {
        const best = subsets(9, k).map((subset) => {
          const top = subset.reduce((a, b) => ((scores[a] ?? 0) > (scores[b] ?? 0) ? a : b));
          return judged[top] ?? 0;
        });
        expect(expected[k - 1]).toBeCloseTo(best.reduce((sum, x) => sum + x, 0) / best.length, 12);
      }
    }
  });

  it('rises with k, from the mean to the maximum, also for many samples', () => {
    const many = Array.from({ length: 2000 }, () => random.normal());
    const expected = expectedBestOfK(many);
    expect(expected[0]).toBeCloseTo(many.reduce((sum, x) => sum + x, 0) / 2000, 10);
    expect(expected[1999]).toBe(Math.max(...many));
    for (let k = 1; k < 2000; k++) expect(expected[k]).toBeGreaterThanOrEqual(expected[k - 1] ?? 0);
    // The mean of the larger of two standard normal numbers is 1/√π.
    expect(Math.abs((expected[1] ?? 0) - (expected[0] ?? 0) - 1 / Math.sqrt(Math.PI))).toBeLessThan(0.05);
  });

  it('takes the mean of those that score alike, in whatever order they come', () => {
    expect([...expectedBestOfK([1, 0, 1], [10, 4, 20])]).toEqual([34 / 3, 15 * (2 / 3) + 15 / 3, 15]);
    expect(expectedBestOfK([1, 1, 0], [20, 10, 4])).toEqual(expectedBestOfK([1, 0, 1], [10, 4, 20]));
  });

  it('needs a value for each score', () => {
    expect(() => expectedBestOfK([])).toThrow('got 0 scores');
    expect(() => expectedBestOfK([1, 2], [1])).toThrow('2 scores and 1 values');
  });
});

describe('the KL of the best of n', () => {
  /** KL(best of n ‖ uniform over `size` answers of different scores), by counting 400,000 draws. */
  function simulated(size: number, n: number): number {
    const random = new Random(n);
    const draws = 400_000;
    const counts = new Float64Array(size);
    for (let draw = 0; draw < draws; draw++) {
      let best = 0;
      for (let i = 0; i < n; i++) best = Math.max(best, random.integer(size));
      counts[best] = (counts[best] ?? 0) + 1;
    }
    return counts.reduce((sum, count) => {
      const p = count / draws;
      return p === 0 ? sum : sum + p * Math.log(p * size);
    }, 0);
  }

  it('is log n − (n − 1)/n: 0 for 1, and by simulation on 1000 answers', () => {
    expect(bestOfNKl(1)).toBe(0);
    expect(bestOfNKl(2)).toBeCloseTo(Math.log(2) - 0.5, 12);
    for (const n of [2, 4, 16]) expect(Math.abs(simulated(1000, n) - bestOfNKl(n))).toBeLessThan(0.01);
  });

  it('is an upper bound where answers are few', () => {
    for (const n of [2, 4, 16]) {
      expect(simulated(4, n)).toBeLessThan(bestOfNKl(n));
      expect(simulated(4, n)).toBeLessThanOrEqual(Math.log(4));
    }
  });
});

describe('best-of-n sampling', () => {
  it('keeps the completion that the reward model scores highest among those that ended', async () => {
    const tokenizer = letterTokenizer();
    const start = tinyModel(tokenizer, 1);
    const scalar = ScalarModel.fromLanguageModel(start, 2);
    const other = ScalarModel.fromLanguageModel(start, 7);
    const model = await writeTiny(join(folder, 'policy'), start, tokenizer);
    const of = { stage: 'reward' as const, rewardGain: 5, rewardBias: 0.5 };
    const reward = await writeTiny(join(folder, 'reward'), scalar, tokenizer, of);
    const gold = await writeTiny(join(folder, 'gold'), other, tokenizer, of);
    for (const made of [start, scalar, other]) made.dispose();

    const { prompts, bestOf } = await sampleBestOfN([{ prompt: 'a', id: 'one' }, { prompt: 'b' }], {
      model,
      reward,
      gold,
      n: 12,
      maxNewTokens: 25,
      seed: 4,
      missingEndOfTextScore: -3,
    });
    expect(prompts.map(({ id }) => id)).toEqual(['one', undefined]);
    for (const { prompt, completions, finished, scores, best } of prompts) {
      expect(finished).toContain(true);
      expect(finished).toContain(false);
      const again = await scoreCompletions(
        reward,
        completions.map((completion) => ({ prompt, completion })),
      );
      for (const [i, score] of scores.entries()) {
        if (finished[i]) expect(score).toBeCloseTo(again[i] ?? 0, 4);
        else expect(score).toBe(-3);
      }
      const highest = Math.max(...scores.filter((_, i) => finished[i] && completions[i]?.trim() !== ''));
      expect(scores[best ?? -1]).toBe(highest);
    }
    expect(bestOf.map(({ k }) => k)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(bestOf[11]?.kl).toBeCloseTo(Math.log(12) - 11 / 12, 12);
    const top = prompts.map(({ scores }) => Math.max(...scores));
    expect(bestOf[11]?.reward.mean).toBeCloseTo(((top[0] ?? 0) + (top[1] ?? 0)) / 2, 10);
    expect(bestOf[11]?.gold?.mean).not.toBeCloseTo(bestOf[11]?.reward.mean ?? 0, 2);
    for (let k = 1; k < 12; k++) {
      expect(bestOf[k]?.reward.mean).toBeGreaterThanOrEqual(bestOf[k - 1]?.reward.mean ?? 0);
    }
    await expect(
      sampleBestOfN([], { model, reward, n: 2, maxNewTokens: 4, seed: 1, missingEndOfTextScore: -1 }),
    ).rejects.toThrow('at least one prompt');
    const greedy = {
      model,
      reward,
      n: 2,
      maxNewTokens: 4,
      temperature: 0,
      seed: 1,
      missingEndOfTextScore: -1,
    };
    await expect(sampleBestOfN([{ prompt: 'a' }], greedy)).rejects.toThrow(
      'At temperature 0 all 2 completions',
    );
  });
});
