import { beforeAll, describe, expect, it } from 'vitest';
import { rightPadded } from '../../data/batch.ts';
import { orderedPairs } from '../../data/comparisons.ts';
import { type EncodedExample, packDemonstrations, padDemonstrations } from '../../data/demonstrations.ts';
import { openDevice } from '../../engine/device.ts';
import { valueAndGradients } from '../../engine/gradients.ts';
import { Random } from '../../engine/random.ts';
import { tf } from '../../engine/tf.ts';
import { ScalarModel } from '../../model/scalar-model.ts';
import { letterTokenizer, tinyModel } from '../testing/tiny.ts';
import { clippedPolicyLoss, clippedValueLoss } from './clipped-losses.ts';
import { layOut, measureResponses, measureValues, responseLogProbs } from './episodes.ts';
import { countedWeight, summedLoss } from './language-model-loss.ts';
import { gatherPairs, pairwiseLoss } from './pairwise-loss.ts';

const tokenizer = letterTokenizer();
const random = new Random(4);
const draw = (length: number): number[] =>
  Array.from({ length }, () => 2 + random.integer(tokenizer.vocabularySize - 2));

function largestDifference(a: ReadonlyMap<string, tf.Tensor>, b: ReadonlyMap<string, tf.Tensor>): number {
  let largest = 0;
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  for (const [name, tensor] of a) {
    const one = tensor.dataSync();
    const other = b.get(name)?.dataSync() ?? [];
    for (let i = 0; i < one.length; i++)
      largest = Math.max(largest, Math.abs((one[i] ?? 0) - (other[i] ?? 0)));
  }
  return largest;
}

beforeAll(async () => {
  await openDevice('auto');
});

describe('the loss of language models', () => {
  const examples: EncodedExample[] = [3, 5, 2, 7, 4].map((length) => ({
    prompt: draw(length),
    response: [...draw(9 - length), tokenizer.endOfText],
  }));

  it('packed equals unpacked, value and gradient', async () => {
    const model = tinyModel(tokenizer, 1);
    const packed = packDemonstrations(examples, 30, tokenizer.padding);
    const padded = padDemonstrations(examples, tokenizer.padding);
    expect(packed.rows).toBeLessThan(padded.rows);
    expect(countedWeight(packed)).toBe(countedWeight(padded));
    const one = await valueAndGradients(model.parameters, () => summedLoss(model, packed));
    const other = await valueAndGradients(model.parameters, () => summedLoss(model, padded));
    expect(Math.abs(one.value / other.value - 1)).toBeLessThan(1e-6);
    expect(largestDifference(one.gradients, other.gradients)).toBeLessThan(2e-5);
    model.dispose();
  });

  it('counts the response and its end-of-text, and neither prompt nor padding', () => {
    const model = tinyModel(tokenizer, 1);
    const [example] = examples;
    if (!example) throw new Error('no example');
    const batch = padDemonstrations([example], tokenizer.padding);
    expect(countedWeight(batch)).toBe(example.response.length);
    // By hand: −log softmax of the logits before each response token.
    const tokens = [...example.prompt, ...example.response];
    const logits = tf.tidy(() =>
      model.logits(model.hidden(rightPadded([tokens.slice(0, -1)], tokenizer.padding))),
    );
    const rows = logits.dataSync();
    let expected = 0;
    for (let i = example.prompt.length; i < tokens.length; i++) {
      const row = [...rows.slice((i - 1) * tokenizer.vocabularySize, i * tokenizer.vocabularySize)];
      const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
      expected -= (row[tokens[i] ?? 0] ?? 0) - Math.log(total);
    }
    expect(summedLoss(model, batch).dataSync()[0]).toBeCloseTo(expected, 4);
    model.dispose();
  });
});

describe('the loss of rankings', () => {
  it('has the gradient of the mean over enumerated pairs, ties left out', async () => {
    const model = ScalarModel.fromLanguageModel(tinyModel(tokenizer, 2), 3);
    const rankings = [
      { ranks: [1, 3, 2, 3], texts: [draw(6), draw(4), draw(5), draw(7)] },
      { ranks: [2, 1], texts: [draw(3), draw(6)] },
    ].map(({ ranks, texts }) => ({ texts, count: texts.length, pairs: orderedPairs(ranks) }));
    expect(rankings.map(({ pairs }) => pairs.length)).toEqual([5, 1]);

    const batch = rightPadded(
      rankings.flatMap(({ texts }) => texts),
      tokenizer.padding,
    );
    const whole = await valueAndGradients(model.parameters, () =>
      pairwiseLoss(model.scores(batch), gatherPairs(rankings, 2)),
    );

    // Every pair for itself, each with a forward pass of its own.
    const slow = await valueAndGradients(model.parameters, () => {
      const perRanking = rankings.map(({ texts, pairs }) => {
        const losses = pairs.map(([better, worse]) => {
          const scores = model.scores(
            rightPadded([texts[better] ?? [], texts[worse] ?? []], tokenizer.padding),
          );
          const [b, w] = tf.split(scores, 2);
          return tf.neg(tf.log(tf.sigmoid(tf.sub(b ?? 0, w ?? 0))));
        });
        return tf.div(tf.addN(losses), losses.length);
      });
      return tf.div(tf.addN(perRanking), perRanking.length).asScalar();
    });
    expect(whole.value).toBeCloseTo(slow.value, 6);
    expect(largestDifference(whole.gradients, slow.gradients)).toBeLessThan(1e-6);
    model.dispose();
  });

  it('adds centering c · mean (r_w + r_l)²', () => {
    const pairs = gatherPairs([{ count: 2, pairs: [[0, 1]] }], 1);
    const loss = pairwiseLoss(tf.tensor1d([1, 0.5]), pairs, 0.01).dataSync()[0];
    expect(loss).toBeCloseTo(Math.log1p(Math.exp(-0.5)) + 0.01 * 1.5 ** 2, 6);
  });
});

describe('clipped losses', () => {
  it('of the policy by hand: the worse of the plain and the clipped surrogate', () => {
    const logProbs = tf.tensor1d([Math.log(1.5), Math.log(1.5), Math.log(0.5), 0]);
    const old = new Float32Array(4);
    const loss = clippedPolicyLoss(logProbs, old, Float32Array.of(1, -1, 1, 2), 0.2, 4).dataSync()[0];
    expect(loss).toBeCloseTo((-1.2 + 1.5 - 0.5 - 2) / 4, 6);
  });

  it('of the values by hand: half the larger square', () => {
    const values = tf.tensor1d([1, 0.1]);
    const loss = clippedValueLoss(values, Float32Array.of(0, 0), Float32Array.of(1, 1), 0.2, 2).dataSync()[0];
    // 1 → clipped to 0.2, error 0.8; 0.1 stays, error 0.9
    expect(loss).toBeCloseTo((0.64 + 0.81) / 4, 6);
  });

  it('have no gradient where a token was clipped in the direction of its advantage', async () => {
    const model = tf.variable(tf.tensor1d([Math.log(1.5), Math.log(1.1)]));
    const { gradients } = await valueAndGradients(new Map([['x', model]]), () =>
      clippedPolicyLoss(model as tf.Tensor1D, new Float32Array(2), Float32Array.of(1, 1), 0.2, 1),
    );
    const gradient = [...(gradients.get('x')?.dataSync() ?? [])];
    expect(gradient[0]).toBe(0);
    expect(gradient[1]).toBeCloseTo(-1.1, 5);
  });
});

describe('episodes', () => {
  const episodes = [3, 6, 4].map((length) => ({
    prompt: draw(length),
    response: draw(8 - length),
    finished: false,
  }));

  it('read log-probabilities and values before each token, whatever the chunks', async () => {
    const model = tinyModel(tokenizer, 5);
    const value = ScalarModel.fromLanguageModel(model, 6);
    const { padding } = tokenizer;
    const whole = await measureResponses(model, episodes, { temperature: 0.7, padding, chunk: 3 });
    const single = await measureResponses(model, episodes, { temperature: 0.7, padding, chunk: 1 });
    const values = await measureValues(value, episodes, { padding, chunk: 3, bias: 0.5 });
    for (const [i, { prompt, response }] of episodes.entries()) {
      const row = rightPadded([[...prompt, ...response]], padding);
      const logits = tf
        .tidy(() => tf.logSoftmax(tf.div(model.logits(model.hidden(row)), 0.7)))
        .arraySync() as number[][][];
      const all = value.values(row).arraySync();
      for (const [t, token] of response.entries()) {
        const expected = logits[0]?.[prompt.length - 1 + t] ?? [];
        expect(whole.logProbs[i]?.[t]).toBeCloseTo(expected[token] ?? 0, 4);
        expect(single.logProbs[i]?.[t]).toBeCloseTo(expected[token] ?? 0, 4);
        const entropy = -expected.reduce((sum, logProb) => sum + Math.exp(logProb) * logProb, 0);
        expect(whole.entropies[i]?.[t]).toBeCloseTo(entropy, 4);
        expect(values[i]?.[t]).toBeCloseTo((all[0]?.[prompt.length - 1 + t] ?? 0) + 0.5, 5);
      }
    }
    value.dispose();
    model.dispose();
  });

  it('before any update: ratio 1 and policy loss −mean(advantage), here 0 (1e-6)', async () => {
    const model = tinyModel(tokenizer, 5);
    const { padding } = tokenizer;
    const old = Float32Array.from(
      (await measureResponses(model, episodes, { temperature: 1, padding, chunk: 1 })).logProbs.flatMap(
        (own) => [...own],
      ),
    );
    const advantages = Float32Array.from(old, (_, i) => i - (old.length - 1) / 2);
    const logProbs = responseLogProbs(model, layOut(episodes, padding), 1);
    for (const [i, logProb] of logProbs.dataSync().entries())
      expect(Math.abs(logProb - (old[i] ?? 0))).toBeLessThan(1e-6);
    const loss = clippedPolicyLoss(logProbs, old, advantages, 0.2, old.length).dataSync()[0] ?? 1;
    expect(Math.abs(loss)).toBeLessThan(1e-6);
    model.dispose();
  });
});
