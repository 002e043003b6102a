import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderPrompt, renderResponse } from '../data/template.ts';
import { openDevice } from '../engine/device.ts';
import { Random } from '../engine/random.ts';
import { loadLanguageModel } from '../model/checkpoint.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { DpoInput } from './dpo.config.ts';
import { runStage } from './index.ts';
import { measureResponses } from './shared/episodes.ts';
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
const tokenizer = letterTokenizer();
let config: DpoInput;

/** Rank by how many times the letter "a" occurs; as many are a tie. */
function ranked(random: Random, prompt: string, count: number) {
  const texts = new Set<string>();
  while (texts.size < count) {
    const length = 2 + random.integer(4);
    texts.add(Array.from({ length }, () => 'abcd'[random.integer(4)]).join(''));
  }
  const completions = [...texts];
  const counts = completions.map((text) => text.split('a').length);
  return { prompt, completions, ranks: counts.map((n) => 1 + counts.filter((other) => other > n).length) };
}

beforeAll(async () => {
  await openDevice('auto');
  const model = tinyModel(tokenizer, 1, { width: 32 });
  const parent = await writeTiny(join(folder, 'parent'), model, tokenizer);
  model.dispose();
  const random = new Random(5);
  const rankings = Array.from({ length: 48 }, (_, i) => ({
    ...ranked(random, 'abcdefgh'[i % 8] ?? 'a', 4),
    split: i < 40 ? 'train' : 'validation',
  })).filter(({ ranks }) => new Set(ranks).size > 1);
  config = {
    seed: 3,
    model: parent,
    rankings: writeLines(folder, 'rankings.jsonl', rankings),
    batchSize: 8,
    microBatchSize: 4,
    learningRate: 3e-3,
    checkpointEvery: 2,
  };
});
afterAll(remove);

async function run(name: string, more: Partial<DpoInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('dpo', { ...config, ...more }, recording.context);
  return { result, ...recording };
}

/** Σ log π of some answers to "a", end-of-text included. */
async function answerLogProbs(checkpoint: string, answers: readonly string[]): Promise<number[]> {
  const model = await loadLanguageModel(checkpoint);
  const prompt = tokenizer.encode(renderPrompt('a'));
  const episodes = answers.map((answer) => ({
    prompt,
    response: [...tokenizer.encode(renderResponse(answer)), tokenizer.endOfText],
    finished: true,
  }));
  const { logProbs } = await measureResponses(model, episodes, {
    temperature: 1,
    padding: tokenizer.padding,
    chunk: 8,
  });
  model.dispose();
  return logProbs.map((own) => own.reduce((sum, logProb) => sum + logProb, 0));
}

describe('dpo', () => {
  it('at the start: loss log 2, implicit rewards and drift 0 (1e-6), on training and held-out rankings alike', async () => {
    // A learning rate that moves nothing: the held-out numbers of the last step are those of the start too.
    const { result, reports } = await run('start', { learningRate: 1e-30 });
    expect(reports.length).toBeGreaterThan(3);
    for (const { values } of reports) {
      expect(Math.abs((values.loss ?? 0) - Math.log(2))).toBeLessThan(1e-6);
      for (const name of ['rewardChosen', 'rewardRejected', 'rewardMargin', 'klFromReference']) {
        expect(Math.abs(values[name] ?? 1), name).toBeLessThan(1e-6);
      }
    }
    expect(Math.abs((result.metrics.validationLoss ?? 0) - Math.log(2))).toBeLessThan(1e-6);
    expect(Math.abs(result.metrics.validationRewardMargin ?? 1)).toBeLessThan(1e-6);
  });

  it('at the start IPO has the loss 1 / (2β)², and cDPO the loss log 2', async () => {
    const still = { learningRate: 1e-30, beta: 0.25 };
    const ipo = await run('ipo', { ...still, loss: 'ipo' });
    expect(ipo.result.metrics.loss).toBeCloseTo(4, 4);
    const smoothed = await run('cdpo', { ...still, labelSmoothing: 0.2 });
    expect(smoothed.result.metrics.loss).toBeCloseTo(Math.log(2), 5);
  });

  it('learns the order on held-out rankings, the better ones becoming likelier than under the reference', async () => {
    const { result, messages } = await run('learns', { epochs: 12 });
    const { metrics } = result;
    expect(messages[0]).toMatch(/^\d+ rankings to train on, \d+ held out\.$/);
    expect(metrics.validationAccuracy).toBeGreaterThan(0.85);
    expect(metrics.validationAccuracyLow).toBeLessThanOrEqual(metrics.validationAccuracy ?? 0);
    expect(metrics.validationAccuracyHigh).toBeGreaterThanOrEqual(metrics.validationAccuracy ?? 1);
    expect(metrics.validationLoss).toBeLessThan(0.5);
    expect(metrics.validationRewardMargin).toBeGreaterThan(0.5);
    expect(metrics.klFromReference).toBeGreaterThan(0);
  });

  it('ends where the policy is π_ref exp(r / β) for people of a Bradley–Terry model with rewards r', async () => {
    // Rewards log 4, log 2, 0: of a pair, σ(r_i − r_j) is 2/3 or 4/5, so 15 votes a pair hold the exact shares.
    const [answers, votes] = [
      ['b', 'c', 'd'],
      [
        [0, 1, 10],
        [1, 0, 5],
        [0, 2, 12],
        [2, 0, 3],
        [1, 2, 10],
        [2, 1, 5],
      ],
    ] as const;
    const lines = votes.flatMap(([better, worse, count]) =>
      Array.from({ length: count }, () => ({
        prompt: 'a',
        chosen: answers[better],
        rejected: answers[worse],
      })),
    );
    const beta = 0.5;
    const { result } = await run('bradley-terry', {
      rankings: writeLines(folder, 'votes.jsonl', lines),
      validationFraction: 0,
      beta,
      batchSize: 45,
      microBatchSize: 45,
      epochs: 90,
      learningRate: 3e-3,
    });
    const before = await answerLogProbs(config.model, answers);
    const after = await answerLogProbs(result.checkpoint, answers);
    const rewards = after.map((logProb, i) => beta * (logProb - (before[i] ?? 0)));
    expect((rewards[0] ?? 0) - (rewards[2] ?? 0)).toBeCloseTo(Math.log(4), 2);
    expect((rewards[1] ?? 0) - (rewards[2] ?? 0)).toBeCloseTo(Math.log(2), 2);
    // The lowest loss that these votes allow: their entropy.
    const entropy = (p: number): number => -p * Math.log(p) - (1 - p) * Math.log(1 - p);
    expect(result.metrics.loss).toBeCloseTo((2 * entropy(2 / 3) + entropy(4 / 5)) / 3, 4);
  });

  it('sums over the tokens of a completion, its end included: the reported log-probabilities are whole texts’', async () => {
    const pair = { prompt: 'a', chosen: 'bbbbbb', rejected: 'c' };
    const { result } = await run('sums', {
      rankings: writeLines(folder, 'pair.jsonl', [pair]),
      validationFraction: 0,
    });
    const [chosen = 0, rejected = 0] = await answerLogProbs(config.model, [pair.chosen, pair.rejected]);
    expect(result.metrics.logProbChosen).toBeCloseTo(chosen, 4);
    expect(result.metrics.logProbRejected).toBeCloseTo(rejected, 4);
    // 8 tokens against 3: means would be near each other, sums are far apart.
    expect(chosen / rejected).toBeGreaterThan(2);
  });

  it('takes another reference, whose log-probabilities the implicit reward is against', async () => {
    const other = tinyModel(tokenizer, 9, { width: 16 });
    const reference = await writeTiny(join(folder, 'other'), other, tokenizer);
    other.dispose();
    const pair = { prompt: 'a', chosen: 'bb', rejected: 'c' };
    const { result } = await run('other reference', {
      reference,
      beta: 0.3,
      rankings: writeLines(folder, 'pair2.jsonl', [pair]),
      validationFraction: 0,
    });
    const own = await answerLogProbs(config.model, ['bb', 'c']);
    const others = await answerLogProbs(reference, ['bb', 'c']);
    expect(result.metrics.rewardChosen).toBeCloseTo(0.3 * ((own[0] ?? 0) - (others[0] ?? 0)), 5);
    expect(result.metrics.rewardRejected).toBeCloseTo(0.3 * ((own[1] ?? 0) - (others[1] ?? 0)), 5);
  });

  it('killed at any step, ends with the same curve and weights, bit for bit', async () => {
    const whole = await run('whole');
    const steps = whole.reports.length;
    for (let at = 1; at < steps; at++) {
      const first = await run(`killed at ${at}`, {}, at);
      const second = await run(`killed at ${at}`);
      expect(second.result.resumedFrom).toBe(at);
      expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
      expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
    }
  });

  it('killed between two saves, does the steps since the last one again and ends the same', async () => {
    const whole = await run('unbroken');
    const { context } = recordingContext(join(folder, 'broken'));
    const onMetrics = ({ step }: { step: number }): void => {
      if (step === 4) throw new Error('the power is gone');
    };
    // States are saved at steps 2 and 4, the latter after the report of step 4.
    await expect(runStage('dpo', config, { ...context, onMetrics })).rejects.toThrow('the power is gone');
    const second = await run('broken');
    expect(second.result.resumedFrom).toBe(2);
    expect(withoutTimes(second.reports)).toEqual(withoutTimes(whole.reports).slice(2));
    expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
  });

  it('does not depend on micro-batches, and follows the committed trajectory (1e-4)', async () => {
    const whole = await run('micro', { microBatchSize: null });
    const cut = await run('micro1', { microBatchSize: 1 });
    const trajectory = [Math.LN2, 0.672632, 0.661202, 0.64702, 0.647282];
    for (const [i, { values }] of whole.reports.entries()) {
      expect(Math.abs((values.loss ?? 0) / (cut.reports[i]?.values.loss ?? 0) - 1)).toBeLessThan(5e-6);
    }
    expect(whole.reports).toHaveLength(trajectory.length);
    for (const [i, loss] of trajectory.entries()) {
      expect(Math.abs((whole.reports[i]?.values.loss ?? 0) - loss)).toBeLessThan(1e-4);
    }
  });

  it('names what does not fit together, and writes nothing then', async () => {
    await expect(run('smoothed ipo', { loss: 'ipo', labelSmoothing: 0.1 })).rejects.toThrow(
      "\"labelSmoothing\" is for the loss 'sigmoid': expected 0 with 'ipo'.",
    );
    const letters = Tokenizer.trainCharacters(['Question: xyz?.\nAnswer:']);
    const stranger = tinyModel(letters, 1);
    const reference = await writeTiny(join(folder, 'stranger'), stranger, letters);
    stranger.dispose();
    await expect(run('another tokenizer', { reference })).rejects.toThrow(
      `The tokenizers of ${config.model} and ${reference} differ`,
    );
    expect(existsSync(join(folder, 'another tokenizer'))).toBe(false);
    expect(existsSync(join(folder, 'smoothed ipo'))).toBe(false);
  });
});
