import { describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { loadAddon } from '../engine/native/addon.ts';
import { Random } from '../engine/random.ts';
import { tf } from '../engine/tf.ts';
import { type GenerateOptions, generate } from './generate.ts';
import type { LanguageModel } from './language-model.ts';
import {
  largestDifference,
  plainLogits,
  randomSequences,
  successorModel,
  tinyModel,
} from './testing/tiny.ts';

const options: GenerateOptions = { maxNewTokens: 8, temperature: 1, seed: 5, stopTokens: [] };

/**
 * What sampling means, in float64 from the formulas: probabilities of all tokens given the tokens before.
 * Ties between tokens go to the smaller id.
 */
function plainProbabilities(
  logits: number[],
  prompt: number[],
  completion: number[],
  how: Partial<GenerateOptions>,
): number[] {
  const { temperature = 1, topK = logits.length, topP = 1, vocabularyLimit = logits.length } = how;
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = how;
  const scores = logits.map((logit, token) => {
    if (token >= vocabularyLimit) return Number.NEGATIVE_INFINITY;
    const count = completion.filter((other) => other === token).length;
    let score = logit;
    if (count > 0 || prompt.includes(token)) {
      score = score > 0 ? score / repetitionPenalty : score * repetitionPenalty;
    }
    score -= frequencyPenalty * count + (count > 0 ? presencePenalty : 0);
    return score;
  });
  const order = scores.map((_, token) => token).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  if (temperature === 0) return scores.map((_, token) => (token === order[0] ? 1 : 0));
  const weight = (token: number): number =>
    Math.exp(((scores[token] ?? 0) - (scores[order[0] ?? 0] ?? 0)) / temperature);
  const likeliest = order.slice(0, topK);
  const total = likeliest.reduce((sum, token) => sum + weight(token), 0);
  const kept: number[] = [];
  let mass = 0;
  for (const token of likeliest) {
    if (kept.length > 0 && mass >= topP * total) break;
    kept.push(token);
    mass += weight(token);
  }
  return scores.map((_, token) => (kept.includes(token) ? weight(token) / mass : 0));
}

/** The token that a uniform number falls on. */
function plainDraw(probabilities: number[], uniform: number): number {
  let sum = 0;
  for (const [token, probability] of probabilities.entries()) {
    sum += probability;
    if (uniform < sum) return token;
  }
  return probabilities.findLastIndex((probability) => probability > 0);
}

function plainCompletion(
  model: LanguageModel,
  prompt: number[],
  random: Random,
  how: GenerateOptions,
): number[] {
  const completion: number[] = [];
  while (completion.length < how.maxNewTokens) {
    const logits = plainLogits(model, [...prompt, ...completion]).at(-1) ?? [];
    const token = plainDraw(plainProbabilities(logits, prompt, completion, how), random.next());
    completion.push(token);
    if (how.stopTokens.includes(token)) break;
  }
  return completion;
}

const ways: Partial<GenerateOptions>[] = [
  {},
  { temperature: 0 },
  { temperature: 0, repetitionPenalty: 3 },
  { temperature: 1.7, topK: 4 },
  { temperature: 0.6, topP: 0.8 },
  { temperature: 2, topK: 9, topP: 0.7, stopTokens: [4, 7] },
  { temperature: 2, repetitionPenalty: 1.3 },
  { temperature: 2, frequencyPenalty: 1.1, presencePenalty: 0.4 },
  { temperature: 3, repetitionPenalty: 0.8, frequencyPenalty: -0.5, presencePenalty: -2, topP: 0.95 },
  { temperature: 3, vocabularyLimit: 11, topK: 20 },
];

const native = 'addon' in loadAddon();

/** The native decoder, and the path op by op on another device. */
describe.each([...(native ? (['native'] as const) : []), 'wasm' as const])('sampling on %s', (device) => {
  it.each(ways)('draws the tokens of a plain sampler in float64: %o', async (way) => {
    await openDevice(device);
    const model = tinyModel(11);
    const how = { ...options, ...way };
    const prompts = randomSequences(12, [3, 9, 1, 6, 5]);
    const generations = await generate(model, prompts, how);
    for (const [i, { tokens }] of generations.entries()) {
      const random = new Random(how.seed).fork(i);
      expect(tokens).toEqual(plainCompletion(model, prompts[i] ?? [], random, how));
    }
    model.dispose();
  });

  it.each(ways.filter(({ temperature }) => temperature !== 0))(
    'draws tokens as often as their exact probabilities say (chi-square): %o',
    async (way) => {
      await openDevice(device);
      const model = tinyModel(13);
      const how = { ...options, ...way, maxNewTokens: 1, samplesPerPrompt: 6000, batchSize: 6000, seed: 3 };
      const prompt = [4, 8, 15, 8];
      const counts = new Array<number>(23).fill(0);
      for (const { tokens } of await generate(model, [prompt], how)) {
        counts[tokens[0] ?? 0] = (counts[tokens[0] ?? 0] ?? 0) + 1;
      }
      const probabilities = plainProbabilities(plainLogits(model, prompt).at(-1) ?? [], prompt, [], how);
      let statistic = 0;
      let cells = 0;
      // Cells of few expected draws are taken together, as the statistic's distribution needs.
      let [restSeen, restExpected] = [0, 0];
      for (const [token, probability] of probabilities.entries()) {
        const [seen, expected] = [counts[token] ?? 0, probability * 6000];
        if (probability === 0) expect(seen).toBe(0);
        if (expected < 5) {
          restSeen += seen;
          restExpected += expected;
          continue;
        }
        statistic += (seen - expected) ** 2 / expected;
        cells++;
      }
      if (restExpected >= 5) {
        statistic += (restSeen - restExpected) ** 2 / restExpected;
        cells++;
      }
      // The 99.9 % point (Wilson and Hilferty 1931).
      const freedom = Math.max(1, cells - 1);
      const spread = 2 / (9 * freedom);
      expect(statistic).toBeLessThan(freedom * (1 - spread + 3.09 * Math.sqrt(spread)) ** 3);
      model.dispose();
    },
  );

  it('reports the log-probabilities of the model itself whatever penalties and limits drew the token, and the likeliest at each place', async () => {
    await openDevice(device);
    const model = tinyModel(14);
    const prompts = randomSequences(15, [4, 7]);
    for (const temperature of [0, 0.7, 1, 1.6]) {
      const how = {
        ...options,
        temperature,
        alternatives: 3,
        repetitionPenalty: 2,
        vocabularyLimit: 20,
        topK: 6,
      };
      const divisor = temperature === 0 ? 1 : temperature;
      for (const [i, { tokens, logProbs, alternatives = [] }] of (
        await generate(model, prompts, how)
      ).entries()) {
        const logits = plainLogits(model, [...(prompts[i] ?? []), ...tokens]);
        expect(alternatives).toHaveLength(tokens.length);
        for (const [t, token] of tokens.entries()) {
          const row = (logits[(prompts[i] ?? []).length - 1 + t] ?? []).map((logit) => logit / divisor);
          const most = Math.max(...row);
          const logSum = most + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
          expect(Math.abs((logProbs[t] ?? 0) - ((row[token] ?? 0) - logSum))).toBeLessThan(1e-4);
          const best = row
            .map((logit, id) => ({ token: id, logProb: logit - logSum }))
            .filter(({ token: id }) => id < 20)
            .sort((a, b) => b.logProb - a.logProb)
            .slice(0, 3);
          expect(alternatives[t]?.map(({ token: id }) => id)).toEqual(best.map(({ token: id }) => id));
          expect(
            largestDifference(
              (alternatives[t] ?? []).map(({ logProb }) => logProb),
              best.map(({ logProb }) => logProb),
            ),
          ).toBeLessThan(1e-4);
        }
      }
    }
    model.dispose();
  });

  it('follows each token by the next: greedy or drawn, stop tokens and the context end it to the token', async () => {
    await openDevice(device);
    const model = successorModel();
    for (const temperature of [0, 1]) {
      const how = { ...options, temperature, maxNewTokens: 30, stopTokens: [3, 12] };
      const [upwards, around, full] = await generate(model, [[8, 9], [20], [14, 13]], how);
      expect(upwards).toEqual({
        tokens: [10, 11, 12],
        logProbs: upwards?.logProbs,
        finished: true,
        finishReason: 'stop',
        stoppedBy: 12,
      });
      expect(around?.tokens).toEqual([21, 22, 23, 0, 1, 2, 3]);
      expect(full?.tokens).toEqual([14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 0, 1, 2, 3]);
      expect(Math.max(...(around?.logProbs ?? []).map(Math.abs))).toBeLessThan(1e-6);
    }
    const [endless] = await generate(model, [[14, 13]], { ...options, maxNewTokens: 30 });
    expect(endless?.tokens).toHaveLength(22);
    expect(endless).toMatchObject({ finished: false, finishReason: 'length', stoppedBy: null });
    model.dispose();
  });

  it('never draws a token beyond the vocabulary, however likely, and gives ties to the smaller id', async () => {
    await openDevice(device);
    const model = successorModel();
    // 10 would follow 9.
    const how = { ...options, temperature: 0, maxNewTokens: 3, vocabularyLimit: 10 };
    const [cut] = await generate(model, [[9]], how);
    expect(cut?.tokens.every((token) => token < 10)).toBe(true);
    expect(cut?.logProbs[0]).toBeLessThan(-30);
    const drawn = await generate(model, [[9]], { ...how, temperature: 5, samplesPerPrompt: 200 });
    expect(drawn.every(({ tokens }) => tokens.every((token) => token < 10))).toBe(true);
    const table = model.parameter('wte.weight');
    tf.tidy(() => table.assign(tf.zerosLike(table)));
    const [equal] = await generate(model, [[9]], { ...options, temperature: 0, alternatives: 3 });
    expect(equal?.tokens).toEqual(new Array(8).fill(0));
    expect(equal?.alternatives?.[0]?.map(({ token }) => token)).toEqual([0, 1, 2]);
    model.dispose();
  });

  it('names NaN logits, the completion and the place, and frees everything', async () => {
    await openDevice(device);
    const model = successorModel();
    const positions = model.parameter('wpe.weight');
    // Cell 5 is NaN, so the token after it cannot be drawn: the prompt has 3 cells, 3 tokens came before.
    tf.tidy(() => {
      const values = positions.dataSync().slice();
      values[5 * 24] = Number.NaN;
      positions.assign(tf.tensor(values, positions.shape));
    });
    const before = tf.memory().numTensors;
    await expect(generate(model, [[1], [1, 2, 3]], { ...options, maxNewTokens: 4 })).rejects.toThrow(
      /logits that are NaN or infinite after 3 tokens of completion 1/,
    );
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });
});
