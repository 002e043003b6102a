import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rightPadded } from '../data/batch.ts';
import { encodePrompt } from '../data/demonstrations.ts';
import { openDevice } from '../engine/device.ts';
import { tf } from '../engine/tf.ts';
import { generate } from '../model/generate.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { readSafetensors } from '../model/safetensors.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { successorModel } from '../model/testing/tiny.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { runStage } from './index.ts';
import type { PpoInput } from './ppo.config.ts';
import { layOut, measureResponses } from './shared/episodes.ts';
import { seedFor } from './shared/seeds.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  weightsOf,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

const { folder, remove } = temporaryFolder();
let tokenizer: Tokenizer;
let policy: LanguageModel;
let reward: ScalarModel;
let config: PpoInput;

beforeAll(async () => {
  await openDevice('auto');
  tokenizer = letterTokenizer();
  policy = tinyModel(tokenizer, 1);
  const other = tinyModel(tokenizer, 2);
  reward = ScalarModel.fromLanguageModel(other, 2);
  other.dispose();
  config = {
    seed: 4,
    model: await writeTiny(join(folder, 'sft'), policy, tokenizer),
    reward: await writeTiny(join(folder, 'reward'), reward, tokenizer, {
      stage: 'reward',
      rewardGain: 2,
      rewardBias: -0.5,
    }),
    prompts: writeLines(
      folder,
      'prompts.jsonl',
      ['a', 'bcde', 'defgabc', 'g'].map((prompt) => ({ prompt })),
    ),
    iterations: 1,
    batchSize: 8,
    minibatches: 2,
    temperature: 0.7,
    maxNewTokens: 12,
    samplePrompts: [],
  };
});
afterAll(() => {
  policy.dispose();
  reward.dispose();
  remove();
});

/** What a run keeps of its first rollout, by parts, and what it reports of that iteration. */
async function firstRollout(name: string, more: Partial<PpoInput> = {}) {
  const recording = recordingContext(join(folder, name));
  const killed = {
    ...recording.context,
    onMetrics: async (report: (typeof recording.reports)[number]) => {
      await recording.context.onMetrics(report);
      throw new Error('killed');
    },
  };
  await expect(runStage('ppo', { ...config, ...more }, killed)).rejects.toThrow('killed');
  const at = join(folder, name, 'rollouts');
  const parts = readdirSync(at)
    .sort()
    .map((file) => readSafetensors(join(at, file)));
  const all = (tensor: string): number[] => parts.flatMap((part) => [...(part.get(tensor)?.data ?? [])]);
  const cut = (values: number[], lengths: number[]): number[][] => {
    let from = 0;
    return lengths.map((length) => {
      from += length;
      return values.slice(from - length, from);
    });
  };
  const lengths = all('responseLengths');
  return {
    values: recording.reports[0]?.values ?? {},
    parts: parts.length,
    finished: all('finished'),
    rawScores: all('rawScores'),
    prompts: cut(all('prompts'), all('promptLengths')),
    responses: cut(all('responses'), lengths),
    logProbs: cut(all('logProbs'), lengths),
    entropies: cut(all('entropies'), lengths),
    referenceLogProbs: cut(all('referenceLogProbs'), lengths),
    valuesOf: cut(all('values'), lengths),
  };
}

describe('a rollout', () => {
  it('holds the log-probabilities of a full forward pass under logits / temperature (1e-4), no dropout, alike for the reference', async () => {
    const rollout = await firstRollout('probabilities');
    expect(rollout.responses).toHaveLength(8);
    for (const [i, response] of rollout.responses.entries()) {
      const prompt = rollout.prompts[i] ?? [];
      const row = rightPadded([[...prompt, ...response]], tokenizer.padding);
      const logits = tf
        .tidy(() => tf.logSoftmax(tf.div(policy.logits(policy.hidden(row)), 0.7)))
        .arraySync() as number[][][];
      for (const [t, token] of response.entries()) {
        const expected = logits[0]?.[prompt.length - 1 + t] ?? [];
        expect(Math.abs((rollout.logProbs[i]?.[t] ?? 0) - (expected[token] ?? 0))).toBeLessThan(1e-4);
        const entropy = -expected.reduce((sum, logProb) => sum + Math.exp(logProb) * logProb, 0);
        expect(Math.abs((rollout.entropies[i]?.[t] ?? 0) - entropy)).toBeLessThan(1e-4);
      }
    }
    expect(rollout.referenceLogProbs).toEqual(rollout.logProbs);
    expect(rollout.values.klToReference).toBe(0);
  });

  it('holds those that generation drew the tokens with (1e-4)', async () => {
    const rollout = await firstRollout('drawn');
    const generations = await generate(policy, rollout.prompts, {
      maxNewTokens: 12,
      temperature: 0.7,
      seed: seedFor(4, 'rollout', 1),
      stopTokens: [tokenizer.endOfText],
    });
    for (const [i, { tokens, logProbs }] of generations.entries()) {
      expect(tokens).toEqual(rollout.responses[i]);
      for (const [t, logProb] of logProbs.entries()) {
        expect(Math.abs(logProb - (rollout.logProbs[i]?.[t] ?? 0))).toBeLessThan(1e-4);
      }
    }
  });

  it('is scored at the response’s last token, and V_t is read before token t', async () => {
    const rollout = await firstRollout('scored');
    const { gain, bias } = { gain: 2, bias: -0.5 };
    for (const [i, response] of rollout.responses.entries()) {
      const prompt = rollout.prompts[i] ?? [];
      const row = rightPadded([[...prompt, ...response]], tokenizer.padding);
      const values = [...reward.values(row).dataSync()];
      expect(Math.abs((rollout.rawScores[i] ?? 0) - (values.at(-1) ?? 0))).toBeLessThan(1e-5);
      // The value model is the reward model, in units of the normalised score.
      for (let t = 0; t < response.length; t++) {
        const before = gain * (values[prompt.length - 1 + t] ?? 0) + bias;
        expect(Math.abs((rollout.valuesOf[i]?.[t] ?? 0) - before)).toBeLessThan(1e-5);
      }
    }
  });

  it('is the same however it is cut into parts', async () => {
    const whole = await firstRollout('uncut');
    const cut = await firstRollout('cut', { rolloutBatchSize: 3 });
    expect([whole.parts, cut.parts]).toEqual([1, 3]);
    expect(cut.responses).toEqual(whole.responses);
    expect(cut.prompts).toEqual(whole.prompts);
    for (const [name, value] of Object.entries(whole.values)) {
      if (name.startsWith('seconds') || name === 'tokensPerSecond') continue;
      const difference = Math.abs((cut.values[name] ?? Number.NaN) - value);
      expect(difference, name).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
    }
  });

  it('an unfinished completion is worth the fixed score −1, or its score minus the penalty', async () => {
    const fixed = await firstRollout('fixed', { maxNewTokens: 2 });
    expect(fixed.finished.filter((finished) => finished === 0).length).toBeGreaterThan(4);
    const scores = fixed.rawScores.map((raw) => 2 * raw - 0.5);
    const mean = (given: number[]): number => given.reduce((sum, score) => sum + score, 0) / given.length;
    const expected = mean(scores.map((score, i) => (fixed.finished[i] === 1 ? score : -1)));
    expect(Math.abs((fixed.values.scoreMean ?? 0) - expected)).toBeLessThan(1e-6);
    const penalty = await firstRollout('penalty', {
      maxNewTokens: 2,
      missingEndOfTextScore: null,
      missingEndOfTextPenalty: 3,
    });
    const lowered = mean(scores.map((score, i) => (fixed.finished[i] === 1 ? score : score - 3)));
    expect(Math.abs((penalty.values.scoreMean ?? 0) - lowered)).toBeLessThan(1e-6);
    expect(Math.abs((penalty.values.rewardMean ?? 0) - mean(scores))).toBeLessThan(1e-6);
  });
});

describe('the model that says t + 1 after t', () => {
  it('makes sampling, masking and the stop predictable to the token', async () => {
    const model = successorModel(tokenizer.vocabularySize, 96);
    const size = tokenizer.vocabularySize;
    const last = tokenizer.encode('Answer:').at(-1) ?? 0;
    const toEnd = (tokenizer.endOfText - last + size) % size;
    expect(toEnd).toBeGreaterThan(2);
    const following = (count: number): number[] =>
      Array.from({ length: count }, (_, i) => (last + 1 + i) % size);
    const prompts = ['a', 'bcdefg', 'hh'].map((prompt) => encodePrompt(prompt, tokenizer, 60).tokens);
    const options = { temperature: 1, seed: 8, stopTokens: [tokenizer.endOfText] };
    for (const [most, finished] of [
      [toEnd + 5, true],
      [toEnd, true],
      [toEnd - 1, false],
    ] as const) {
      const generations = await generate(model, prompts, { ...options, maxNewTokens: most });
      for (const generation of generations) {
        expect(generation.tokens).toEqual(following(finished ? toEnd : toEnd - 1));
        expect(generation.finished).toBe(finished);
      }
    }

    // Rows of unequal length, padded: each response token is read from the cell before it, and is all but certain there.
    const episodes = prompts.map((prompt) => ({ prompt, response: following(toEnd), finished: true }));
    const laidOut = layOut(episodes, tokenizer.padding);
    expect([...laidOut.targets]).toEqual(prompts.flatMap(() => following(toEnd)));
    for (const [n, cell] of laidOut.cells.entries()) {
      const token = laidOut.batch.tokens[cell] ?? -1;
      expect((token + 1) % size).toBe(laidOut.targets[n]);
      expect(laidOut.batch.segments[cell]).toBe(1);
    }
    const measured = await measureResponses(model, episodes, {
      temperature: 1,
      padding: tokenizer.padding,
      chunk: 3,
    });
    for (const logProb of measured.logProbs.flatMap((own) => [...own]))
      expect(logProb).toBeGreaterThan(-1e-3);
    const late = episodes.map((episode) => ({ ...episode, response: following(toEnd + 1).slice(1) }));
    const wrong = await measureResponses(model, late, {
      temperature: 1,
      padding: tokenizer.padding,
      chunk: 3,
    });
    for (const own of wrong.logProbs) expect(own[0]).toBeLessThan(-10);
    model.dispose();
  });

  it('ends every episode of PPO at its stop token, before it is scored', async () => {
    const model = successorModel(tokenizer.vocabularySize, 96);
    const size = tokenizer.vocabularySize;
    const toEnd = (tokenizer.endOfText - (tokenizer.encode('Answer:').at(-1) ?? 0) + size) % size;
    const scorer = ScalarModel.fromLanguageModel(model, 5);
    const settings = {
      model: await writeTiny(join(folder, 'successor'), model, tokenizer),
      reward: await writeTiny(join(folder, 'successor-reward'), scorer, tokenizer, { stage: 'reward' }),
      temperature: 1,
    };
    const ended = await firstRollout('ended', { ...settings, maxNewTokens: toEnd + 6 });
    expect(ended.values.eotRate).toBe(1);
    expect(ended.values.responseLength).toBe(toEnd);
    for (const response of ended.responses) expect(response.at(-1)).toBe(tokenizer.endOfText);
    for (const [i, prompt] of ended.prompts.entries()) {
      const row = rightPadded([[...prompt, ...(ended.responses[i] ?? [])]], tokenizer.padding);
      const score = scorer.scores(row).dataSync()[0] ?? 0;
      expect(Math.abs((ended.rawScores[i] ?? 0) - score)).toBeLessThan(1e-4);
    }
    const short = await firstRollout('short', { ...settings, maxNewTokens: toEnd - 1 });
    expect(short.values).toMatchObject({ eotRate: 0, responseLength: toEnd - 1, scoreMean: -1 });
    model.dispose();
    scorer.dispose();
  });
});

describe('models of different sizes', () => {
  it('a reward model that is wider, deeper and of a shorter context than the policy works, and its context counts', async () => {
    const wide = tinyModel(tokenizer, 3, { width: 24, layers: 2, heads: 3, contextLength: 40 });
    const scorer = ScalarModel.fromLanguageModel(wide, 3);
    const settings = {
      reward: await writeTiny(join(folder, 'wide'), scorer, tokenizer, { stage: 'reward' }),
    };
    const recording = recordingContext(join(folder, 'sizes'));
    const long = { prompts: writeLines(folder, 'long.jsonl', [{ prompt: 'abcdefgh'.repeat(4) }]) };
    const result = await runStage('ppo', { ...config, ...settings, ...long }, recording.context);
    expect(result.status).toBe('completed');
    expect(weightsOf(result.checkpoint).get('transformer.wte.weight')).toHaveLength(
      16 * tokenizer.vocabularySize,
    );
    expect(recording.messages[0]).toContain('1 of them longer than 28 tokens and cut');
    await expect(
      runStage(
        'ppo',
        { ...config, ...settings, maxNewTokens: 40 },
        recordingContext(join(folder, 'none')).context,
      ),
    ).rejects.toThrow(
      "maxNewTokens is 40 and the reward model's context 40 tokens: expected room for a prompt.",
    );
    wide.dispose();
    scorer.dispose();
  });
});
