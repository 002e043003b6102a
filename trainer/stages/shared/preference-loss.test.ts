import { beforeAll, describe, expect, it } from 'vitest';
import { rightPadded } from '../../data/batch.ts';
import { orderedPairs } from '../../data/comparisons.ts';
import { openDevice } from '../../engine/device.ts';
import { valueAndGradients } from '../../engine/gradients.ts';
import { AdamW } from '../../engine/ops/adamw.ts';
import { Random } from '../../engine/random.ts';
import { tf } from '../../engine/tf.ts';
import { implicitRewards } from '../dpo.ts';
import { letterTokenizer, tinyModel } from '../testing/tiny.ts';
import { layOut, measureResponses, responseLogProbs } from './episodes.ts';
import {
  gatherPairs,
  type PreferenceLoss,
  pairwiseLoss,
  preferenceLoss,
  preferenceLossOf,
} from './pairwise-loss.ts';
import { sumEach } from './sum-each.ts';

const tokenizer = letterTokenizer();
const random = new Random(4);
const draw = (length: number): number[] =>
  Array.from({ length }, () => 2 + random.integer(tokenizer.vocabularySize - 2));
const plain: PreferenceLoss = { beta: 0.3, loss: 'sigmoid', labelSmoothing: 0 };
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

beforeAll(async () => {
  await openDevice('auto');
});

describe('sums of parts', () => {
  it('are the parts’ sums, and give each value its part’s gradient', async () => {
    const values = tf.variable(tf.tensor1d([1, 2, 3, 4, 5, 6]));
    const { value, gradients } = await valueAndGradients(new Map([['x', values]]), () =>
      tf.sum(tf.mul(sumEach(values as tf.Tensor1D, [2, 1, 3]), tf.tensor1d([1, 10, 100]))).asScalar(),
    );
    expect(value).toBe(3 + 30 + 1500);
    expect([...(gradients.get('x')?.dataSync() ?? [])]).toEqual([1, 1, 10, 100, 100, 100]);
  });
});

describe('margins', () => {
  it('−log σ(Δ − m) by hand, one for each pair', () => {
    const pairs = gatherPairs([{ count: 3, pairs: orderedPairs([1, 2, 2]), margins: [1, 1 / 3] }], 1);
    const loss = pairwiseLoss(tf.tensor1d([0.5, 0.2, -1]), pairs).dataSync()[0];
    expect(loss).toBeCloseTo((-Math.log(sigmoid(0.3 - 1)) - Math.log(sigmoid(1.5 - 1 / 3))) / 2, 6);
  });

  it('of 0 are none', () => {
    const scores = tf.tensor1d([0.5, 0.2]);
    const given = gatherPairs([{ count: 2, pairs: [[0, 1]], margins: [0] }], 1);
    const none = gatherPairs([{ count: 2, pairs: [[0, 1]] }], 1);
    expect(pairwiseLoss(scores, given).dataSync()).toEqual(pairwiseLoss(scores, none).dataSync());
  });
});

describe('the loss of DPO', () => {
  it('has the gradient of −log σ(β[(log π_w − log π_ref,w) − (log π_l − log π_ref,l)]) over enumerated pairs', async () => {
    const policy = tinyModel(tokenizer, 2);
    const reference = tinyModel(tokenizer, 3);
    const { padding } = tokenizer;
    const rankings = [
      { ranks: [1, 3, 2, 3], lengths: [6, 4, 5, 7] },
      { ranks: [2, 1], lengths: [3, 6] },
    ].map(({ ranks, lengths }) => {
      const prompt = draw(4);
      const episodes = lengths.map((length) => ({ prompt, response: draw(length), finished: true }));
      return { episodes, count: episodes.length, pairs: orderedPairs(ranks) };
    });
    const all = rankings.flatMap(({ episodes }) => episodes);
    const { logProbs } = await measureResponses(reference, all, { temperature: 1, padding, chunk: 3 });

    const laidOut = layOut(all, padding);
    const fast = await valueAndGradients(policy.parameters, () => {
      const flat = Float32Array.from(logProbs.flatMap((own) => [...own]));
      const logProbsNow = responseLogProbs(policy, laidOut, 1);
      const rewards = implicitRewards(
        logProbsNow,
        flat,
        all.map(({ response }) => response.length),
        plain.beta,
      );
      return preferenceLoss(rewards, gatherPairs(rankings, 2), plain);
    });

    // Every pair for itself, each text with a forward pass of its own, through a whole softmax.
    const logProbOf = (model: typeof policy, { prompt, response }: (typeof all)[number]): tf.Scalar => {
      const row = rightPadded([[...prompt, ...response]], padding);
      const logs = tf.logSoftmax(model.logits(model.hidden(row))).squeeze<tf.Tensor2D>([0]);
      const oneHot = tf.oneHot(tf.tensor1d(response, 'int32'), tokenizer.vocabularySize);
      return tf.sum(tf.mul(logs.slice([prompt.length - 1, 0], [response.length, -1]), oneHot));
    };
    const slow = await valueAndGradients(policy.parameters, () => {
      const perRanking = rankings.map(({ episodes, pairs }) => {
        const losses = pairs.map(([better, worse]) => {
          const [w, l] = [episodes[better], episodes[worse]];
          if (!w || !l) throw new Error('no such completion');
          const chosen = tf.sub(logProbOf(policy, w), logProbOf(reference, w));
          const rejected = tf.sub(logProbOf(policy, l), logProbOf(reference, l));
          return tf.neg(tf.log(tf.sigmoid(tf.mul(plain.beta, tf.sub(chosen, rejected)))));
        });
        return tf.div(tf.addN(losses), losses.length);
      });
      return tf.div(tf.addN(perRanking), perRanking.length).asScalar();
    });
    expect(fast.value).toBeCloseTo(slow.value, 5);
    let largest = 0;
    for (const [name, gradient] of slow.gradients) {
      const other = fast.gradients.get(name)?.dataSync() ?? [];
      for (const [i, value] of gradient.dataSync().entries()) {
        largest = Math.max(largest, Math.abs(value - (other[i] ?? 0)));
      }
    }
    expect(largest).toBeLessThan(2e-6);
    policy.dispose();
    reference.dispose();
  });

  it('as a tensor is what it is as a number, for sigmoid, label smoothing and IPO', () => {
    for (const settings of [plain, { ...plain, labelSmoothing: 0.2 }, { ...plain, loss: 'ipo' as const }]) {
      for (const difference of [-60, -1.5, 0, 0.25, 80]) {
        const pairs = gatherPairs([{ count: 2, pairs: [[0, 1]] }], 1);
        const loss = preferenceLoss(tf.tensor1d([difference, 0]), pairs, settings).dataSync()[0] ?? 0;
        const expected = preferenceLossOf(difference, settings);
        expect(Math.abs(loss - expected)).toBeLessThan(1e-6 * Math.max(1, expected));
      }
    }
    // By hand: −0.8 log σ(½) − 0.2 log σ(−½), and (0.5/0.3 − 1/0.6)² = 0.
    expect(preferenceLossOf(0.5, { ...plain, labelSmoothing: 0.2 })).toBeCloseTo(
      -0.8 * Math.log(sigmoid(0.5)) - 0.2 * Math.log(sigmoid(-0.5)),
      12,
    );
    expect(preferenceLossOf(0.5, { ...plain, loss: 'ipo' })).toBeCloseTo(0, 12);
  });

  it('on a table of one-token answers has its optimum at π_ref exp(r / β) / Z, for exact Bradley–Terry preferences', async () => {
    const rewards = [1.2, 0.4, -0.3, -1];
    const reference = [0.1, 0.2, 0.3, 0.4];
    const beta = 0.7;
    const table = tf.variable(tf.log(tf.tensor1d(reference)));
    const parameters = new Map<string, tf.Variable>([['table', table]]);
    // Both orders of each pair, weighted by how often people give it.
    const places = rewards
      .flatMap((_, i) => rewards.map((_, j) => [i, j] as const))
      .filter(([i, j]) => i !== j);
    const weights = places.map(([i, j]) => sigmoid((rewards[i] ?? 0) - (rewards[j] ?? 0)) / 6);
    const pairs = { ...gatherPairs([{ count: 4, pairs: places }], 1), weights: Float32Array.from(weights) };
    const optimizer = new AdamW({ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0 });
    for (let step = 0; step < 200; step++) {
      const { gradients } = await valueAndGradients(parameters, () => {
        const ratios = tf.sub(tf.logSoftmax(table), tf.log(tf.tensor1d(reference)));
        return preferenceLoss(tf.mul(beta, ratios) as tf.Tensor1D, pairs, { ...plain, beta });
      });
      optimizer.step(parameters, gradients, 0.15 * 0.97 ** step);
      for (const gradient of gradients.values()) gradient.dispose();
    }
    const unnormalised = reference.map((p, i) => p * Math.exp((rewards[i] ?? 0) / beta));
    const total = unnormalised.reduce((sum, p) => sum + p, 0);
    const policy = tf.softmax(table).dataSync();
    for (const [i, p] of unnormalised.entries()) expect(policy[i]).toBeCloseTo(p / total, 3);
    optimizer.dispose();
  });
});
