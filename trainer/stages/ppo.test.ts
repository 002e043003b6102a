import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rightPadded } from '../data/batch.ts';
import { renderPrompt } from '../data/template.ts';
import { openDevice } from '../engine/device.ts';
import { tf } from '../engine/tf.ts';
import { loadLanguageModel } from '../model/checkpoint.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { runStage } from './index.ts';
import type { PpoInput } from './ppo.config.ts';
import { madeReward } from './testing/made-rewards.ts';
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
let tokenizer: Tokenizer;
let config: PpoInput;
let random: string;

/** The distribution of the first response token. */
function firstToken(model: LanguageModel, prompt: string): Float32Array {
  const tokens = tokenizer.encode(renderPrompt(prompt));
  return tf.tidy(() => {
    const hidden = model.hidden(rightPadded([tokens], tokenizer.padding));
    const last = tf.slice(hidden, [0, tokens.length - 1, 0], [1, 1, -1]);
    return Float32Array.from(tf.softmax(model.logits(last)).dataSync());
  });
}

beforeAll(async () => {
  await openDevice('auto');
  tokenizer = letterTokenizer();
  const model = tinyModel(tokenizer, 1);
  const sft = await writeTiny(join(folder, 'sft'), model, tokenizer);
  const reward = ScalarModel.fromLanguageModel(model, 2);
  random = await writeTiny(join(folder, 'random-reward'), reward, tokenizer, {
    stage: 'reward',
    rewardGain: 2,
    rewardBias: -0.5,
  });
  reward.dispose();
  model.dispose();
  config = {
    seed: 11,
    model: sft,
    reward: random,
    prompts: writeLines(
      folder,
      'prompts.jsonl',
      ['a', 'bc', 'def', 'g'].map((prompt) => ({ prompt })),
    ),
    iterations: 6,
    batchSize: 8,
    minibatches: 2,
    epochs: 2,
    maxNewTokens: 6,
    learningRate: 3e-3,
    valueLearningRate: 3e-3,
    checkpointEvery: 3,
    samplePrompts: ['a'],
    sampleEvery: 3,
    sampleTokens: 4,
  };
});
afterAll(remove);

async function run(name: string, more: Partial<PpoInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('ppo', { ...config, ...more }, recording.context);
  return { result, ...recording };
}

describe('ppo', () => {
  it('on the first minibatch: ratio 1, approximate KL 0, clip fraction 0, policy loss 0, KL to the reference 0', async () => {
    const { reports } = await run('first', { iterations: 1, epochs: 1, minibatches: 1 });
    const values = reports[0]?.values ?? {};
    expect(Math.abs((values.ratioMean ?? 0) - 1)).toBeLessThan(1e-6);
    expect(values.ratioVariance).toBeLessThan(1e-6);
    expect(values.approxKl).toBeLessThan(1e-6);
    expect(values.clipFraction).toBe(0);
    expect(values.valueClipFraction).toBe(0);
    expect(Math.abs(values.policyLoss ?? 1)).toBeLessThan(1e-6);
    expect(Math.abs(values.klToReference ?? 1)).toBeLessThan(1e-6);
    expect(Math.abs(values.klToReferenceK3 ?? 1)).toBeLessThan(1e-6);
    expect(Math.abs((values.totalReward ?? 0) - (values.scoreMean ?? 1))).toBeLessThan(1e-6);
  });

  it('does not depend on how minibatches are cut (1e-6)', async () => {
    // Adam divides by the gradient's size, which turns rounding of a gradient of 0 into a step; a large ε does not.
    const settings = { iterations: 2, epochs: 1, epsilon: 0.1 };
    const whole = await run('micro', settings);
    const cut = await run('micro1', { ...settings, microBatchSize: 1 });
    const start = weightsOf(config.model);
    const one = weightsOf(whole.result.checkpoint);
    let moved = 0;
    for (const [name, weights] of weightsOf(cut.result.checkpoint)) {
      for (const [i, weight] of weights.entries()) {
        expect(Math.abs(weight - (one.get(name)?.[i] ?? 0))).toBeLessThan(1e-6);
        moved = Math.max(moved, Math.abs(weight - (start.get(name)?.[i] ?? 0)));
      }
    }
    expect(moved).toBeGreaterThan(1e-3);
    const [a, b] = [whole.reports[0]?.values ?? {}, cut.reports[0]?.values ?? {}];
    for (const name of [
      'rewardMean',
      'entropy',
      'valueLoss',
      'gradientNorm',
      'valueGradientNorm',
      'returnMean',
    ]) {
      expect(Math.abs((a[name] ?? 0) / (b[name] ?? 1) - 1)).toBeLessThan(2e-5);
    }
  });

  it('goes on after an interruption with the same metrics and weights, bit for bit', async () => {
    const settings = { betaMode: 'adaptive' as const, klTarget: 0.01, klHorizon: 50 };
    const whole = await run('whole', settings);
    const first = await run('halves', settings, 3);
    expect(first.result.status).toBe('interrupted');
    const second = await run('halves', settings);
    expect(second.result).toMatchObject({ status: 'completed', resumedFrom: 3 });
    expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
    expect([...first.samples, ...second.samples]).toEqual(whole.samples);
    expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
    expect(whole.reports[5]?.values.beta).not.toBe(0.02);
  });

  it('leaves no tensor behind, however many iterations it ran', async () => {
    const before = tf.memory().numTensors;
    const during: number[] = [];
    const recording = recordingContext(join(folder, 'memory'));
    const onMetrics = (): void => void during.push(tf.memory().numTensors);
    await runStage('ppo', { ...config, iterations: 3 }, { ...recording.context, onMetrics });
    expect(during[2]).toBe(during[0]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([1, 2, 3])('finds the optimum π_ref exp(r / β) of a one-token task (seed %i)', async (seed) => {
    const wanted: Record<string, number> = { a: 1.5, b: 1, c: 0.5 };
    const score = (token: number): number => wanted[tokenizer.decode([token])] ?? -0.2;
    const reward = madeReward(tokenizer, { token: score });
    const a = tokenizer.encode('a');
    const check = reward.scores(rightPadded([a], tokenizer.padding)).dataSync()[0];
    expect(check).toBeCloseTo(1.5, 2);
    const rewardFolder = await writeTiny(join(folder, `bandit-${seed}`), reward, tokenizer, {
      stage: 'reward',
    });
    reward.dispose();
    const beta = 0.5;
    const { result } = await run(`bandit-run-${seed}`, {
      seed,
      reward: rewardFolder,
      iterations: 40,
      batchSize: 64,
      minibatches: 2,
      epochs: 1,
      maxNewTokens: 1,
      beta,
      missingEndOfTextScore: null,
      learningRate: 8e-3,
      schedule: 'cosine',
      samplePrompts: [],
    });
    const reference = await loadLanguageModel(config.model);
    const policy = await loadLanguageModel(result.checkpoint);
    for (const prompt of ['a', 'def']) {
      const before = firstToken(reference, prompt);
      const tilted = before.map((p, token) => p * Math.exp(score(token) / beta));
      const total = tilted.reduce((sum, p) => sum + p, 0);
      const after = firstToken(policy, prompt);
      let distance = 0;
      for (const [token, p] of after.entries()) distance += Math.abs(p - (tilted[token] ?? 0) / total) / 2;
      expect(distance).toBeLessThan(0.05);
    }
    reference.dispose();
    policy.dispose();
  });

  it('learns to end when only an end is worth something: end-of-text rate from about 1/V a token to 1', async () => {
    const reward = madeReward(tokenizer, { token: (token) => (token === tokenizer.endOfText ? 2 : 0) });
    const rewardFolder = await writeTiny(join(folder, 'ending'), reward, tokenizer, { stage: 'reward' });
    reward.dispose();
    const { reports } = await run('ending-run', {
      reward: rewardFolder,
      iterations: 25,
      batchSize: 32,
      beta: 0.001,
      learningRate: 1e-2,
      samplePrompts: [],
    });
    expect(reports[0]?.values.eotRate).toBeLessThan(0.5);
    expect(reports.at(-1)?.values.eotRate).toBeGreaterThan(0.97);
  });

  it('refuses a reward model with another tokenizer, and a completion as long as the context', async () => {
    const other = tokenizer.constructor as typeof Tokenizer;
    const foreign = other.trainCharacters(['Question: xyz\nAnswer:']);
    const foreignModel = tinyModel(foreign, 1);
    const model = ScalarModel.fromLanguageModel(foreignModel, 1);
    const reward = await writeTiny(join(folder, 'foreign'), model, foreign, { stage: 'reward' });
    foreignModel.dispose();
    model.dispose();
    await expect(run('foreign-run', { reward })).rejects.toThrow('The tokenizers of');
    await expect(run('long', { maxNewTokens: 48 })).rejects.toThrow(
      "maxNewTokens is 48 and the policy's context 48",
    );
  });
});
