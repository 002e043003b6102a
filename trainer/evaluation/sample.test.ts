import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rightPadded } from '../data/batch.ts';
import { renderPrompt } from '../data/template.ts';
import { openDevice } from '../engine/device.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { letterTokenizer, temporaryFolder, tinyModel, writeTiny } from '../stages/testing/tiny.ts';
import { entropyOfSamples, klOfSamples, sampleCompletions, scoreCompletions } from './sample.ts';

const { folder, remove } = temporaryFolder();
const tokenizer = letterTokenizer();
let policy: string;
let reference: string;

beforeAll(async () => {
  await openDevice('auto');
  const [one, other] = [tinyModel(tokenizer, 1), tinyModel(tokenizer, 2)];
  policy = await writeTiny(join(folder, 'policy'), one, tokenizer);
  reference = await writeTiny(join(folder, 'reference'), other, tokenizer);
  one.dispose();
  other.dispose();
});
afterAll(remove);

const prompts = ['abc', 'd', 'efgh'];
const options = { samples: 3, maxNewTokens: 8, seed: 5 };

describe('samples of a checkpoint', () => {
  it('are the same for the same seed whatever the batch, differ within a prompt, and fit their tokens', async () => {
    const whole = await sampleCompletions(policy, prompts, options);
    expect(whole.map((own) => own.length)).toEqual([3, 3, 3]);
    const texts = (all: typeof whole) => all.map((own) => own.map(({ text }) => text));
    expect(texts(await sampleCompletions(policy, prompts, { ...options, batchSize: 2 }))).toEqual(
      texts(whole),
    );
    expect(texts(await sampleCompletions(policy, prompts, { ...options, seed: 6 }))).not.toEqual(
      texts(whole),
    );
    for (const own of whole) {
      expect(new Set(own.map(({ text }) => text)).size).toBe(3);
      for (const { tokens, finished } of own) expect(tokens.includes(tokenizer.endOfText)).toBe(finished);
    }
  });

  it('are the same for prompt i and sample j however many are asked for, and are told of as they are written', async () => {
    const three = await sampleCompletions(policy, prompts, options);
    const texts: string[][] = prompts.map(() => ['', '']);
    const progress: number[] = [];
    const two = await sampleCompletions(policy, prompts, {
      ...options,
      samples: 2,
      batchSize: 2,
      alternatives: 1,
      onText({ prompt, sample, text }) {
        const own = texts[prompt];
        if (own) own[sample] += text;
      },
      onProgress: (done, total) => void progress.push(done / total),
    });
    expect(two.map((own) => own.map(({ tokens }) => tokens))).toEqual(
      three.map((own) => own.slice(0, 2).map(({ tokens }) => tokens)),
    );
    expect(texts).toEqual(two.map((own) => own.map(({ text }) => text)));
    expect(progress).toEqual([1, 2, 3, 4, 5, 6].map((done) => done / 6));
    for (const { logProbs, logProbability, tokens, alternatives = [] } of two.flat()) {
      expect(logProbs.reduce((sum, logProb) => sum + logProb, 0)).toBe(logProbability);
      expect(alternatives).toHaveLength(tokens.length);
      for (const [t, [best]] of alternatives.entries()) {
        expect(best?.logProb).toBeGreaterThanOrEqual((logProbs[t] ?? 0) - 1e-6);
      }
    }
  });

  it('go up to a stop string, which is said', async () => {
    const free = await sampleCompletions(policy, prompts, { ...options, raw: true });
    const cut = await sampleCompletions(policy, prompts, { ...options, raw: true, stopStrings: ['e', 'bc'] });
    const cutAt = (text: string): number => text.search(/e|bc/);
    for (const [i, own] of cut.entries()) {
      for (const [j, { text, stopString, finished }] of own.entries()) {
        const whole = free[i]?.[j]?.text ?? '';
        expect(text).toBe(cutAt(whole) < 0 ? whole : whole.slice(0, cutAt(whole)));
        expect(stopString === null).toBe(cutAt(whole) < 0);
        expect(finished).toBe(stopString !== null || free[i]?.[j]?.finished);
      }
    }
    expect(cut.flat().some(({ stopString }) => stopString === 'e')).toBe(true);
  });

  it('have an entropy below ln V, no KL to their own model, and a positive one to another', async () => {
    const completions = await sampleCompletions(policy, prompts, options);
    const samples = prompts.flatMap((prompt, i) =>
      (completions[i] ?? []).map(({ tokens }) => ({ prompt, tokens })),
    );
    const entropy = await entropyOfSamples(policy, samples);
    expect(entropy).toBeLessThan(Math.log(tokenizer.vocabularySize));
    expect(entropy).toBeGreaterThan(0.9 * Math.log(tokenizer.vocabularySize));
    expect(await entropyOfSamples(policy, samples, { batchSize: 2 })).toBeCloseTo(entropy, 6);
    expect(await klOfSamples(policy, policy, samples)).toEqual({ k1: 0, k3: 0 });
    const { k1, k3 } = await klOfSamples(policy, reference, samples);
    expect(k3).toBeGreaterThan(0.01);
    // k1 is the difference of the log-probabilities that sampling itself gave.
    const total = completions.flat().reduce((sum, { logProbability }) => sum + logProbability, 0);
    const { k1: back } = await klOfSamples(reference, policy, samples);
    expect(back).toBeCloseTo(-k1, 5);
    expect(total / samples.length).toBeLessThan(0);
  });

  it('are scored as gain · score + bias at the end-of-text token, or at the last one without it', async () => {
    const languageModel = tinyModel(tokenizer, 3);
    const model = ScalarModel.fromLanguageModel(languageModel, 4);
    const reward = await writeTiny(join(folder, 'reward'), model, tokenizer, {
      stage: 'reward',
      rewardGain: 2,
      rewardBias: 1,
    });
    const tokens = [...tokenizer.encode(renderPrompt('abc')), ...tokenizer.encode(' de')];
    const rows = [[...tokens, tokenizer.endOfText], tokens];
    const raw = rows.map(
      (row) => model.scores(rightPadded([row], tokenizer.padding)).dataSync()[0] ?? Number.NaN,
    );
    const items = [
      { prompt: 'abc', completion: 'de' },
      { prompt: 'abc', completion: 'de', finished: false },
    ];
    const scores = await scoreCompletions(reward, items);
    for (const [i, score] of scores.entries()) expect(score).toBeCloseTo(2 * (raw[i] ?? 0) + 1, 5);
    const oneByOne = await scoreCompletions(reward, items, { batchSize: 1 });
    for (const [i, score] of oneByOne.entries()) expect(score).toBeCloseTo(scores[i] ?? 0, 5);
    expect(scores[0]).not.toBeCloseTo(scores[1] ?? 0, 3);
    languageModel.dispose();
    model.dispose();
  });

  it('need room for the prompt', async () => {
    await expect(sampleCompletions(policy, prompts, { ...options, maxNewTokens: 48 })).rejects.toThrow(
      'leave no room for a prompt',
    );
  });
});
