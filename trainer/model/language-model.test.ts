import { beforeAll, describe, expect, it } from 'vitest';
import { leftPadded, rightPadded, type TokenBatch, type TrainingBatch } from '../data/batch.ts';
import { packDemonstrations, padDemonstrations } from '../data/demonstrations.ts';
import { openDevice } from '../engine/device.ts';
import { valueAndGradients } from '../engine/gradients.ts';
import { tokenLogProbs } from '../engine/ops/token-log-probs.ts';
import { tf } from '../engine/tf.ts';
import { LanguageModel } from './language-model.ts';
import { ScalarModel } from './scalar-model.ts';
import { largestDifference, plainLogits, randomSequences, tinyConfig, tinyModel } from './testing/tiny.ts';

beforeAll(async () => {
  await openDevice('auto');
});

/** Logits of the real cells of each segment: one array for each. */
function segmentLogits(model: LanguageModel, batch: TokenBatch): number[][] {
  return tf.tidy(() => {
    const flat = model.logits(model.hidden(batch)).dataSync();
    const size = model.config.vocabularySize;
    const found = new Map<string, number[]>();
    for (let cell = 0; cell < batch.rows * batch.columns; cell++) {
      const segment = batch.segments[cell] ?? 0;
      if (segment === 0) continue;
      const key = `${Math.floor(cell / batch.columns)}/${segment}`;
      const held = found.get(key) ?? [];
      held.push(...flat.slice(cell * size, (cell + 1) * size));
      found.set(key, held);
    }
    return [...found.values()];
  });
}

describe('LanguageModel', () => {
  it('starts as GPT-2 does: deviations 0.02 and 0.02 / √(2 layers), gains 1, biases 0', () => {
    const model = LanguageModel.create(
      { vocabularySize: 300, contextLength: 64, width: 64, layers: 4, heads: 4 },
      7,
    );
    const deviation = (name: string) => {
      const values = Array.from(model.parameter(name).dataSync());
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    expect(deviation('wte.weight')).toBeCloseTo(0.02, 3);
    expect(deviation('h.3.attn.c_attn.weight')).toBeCloseTo(0.02, 3);
    expect(deviation('h.0.mlp.c_proj.weight')).toBeCloseTo(0.02 / Math.sqrt(8), 3);
    expect(deviation('ln_f.weight')).toBe(1);
    expect(deviation('h.1.mlp.c_fc.bias')).toBe(0);
    // Before learning, every token is about as likely: the loss is near log V.
    const [sequence = []] = randomSequences(3, [40], 300);
    const loss = tf.tidy(() => {
      const logits = tf.tensor2d(plainLogits(model, sequence.slice(0, -1)));
      return tokenLogProbs(logits, tf.tensor1d(sequence.slice(1), 'int32'))
        .mean()
        .neg()
        .dataSync()[0];
    });
    expect(loss).toBeCloseTo(Math.log(300), 1);
    const again = LanguageModel.create(model.config, 7);
    expect(again.parameter('h.2.mlp.c_fc.weight').dataSync()).toEqual(
      model.parameter('h.2.mlp.c_fc.weight').dataSync(),
    );
  });

  it('is causal: changing a later token changes no earlier logit', () => {
    const model = tinyModel();
    const [sequence = []] = randomSequences(2, [12]);
    const before = plainLogits(model, sequence);
    for (let changed = 0; changed < sequence.length; changed++) {
      const other = sequence.map((token, i) => (i === changed ? (token + 5) % 23 : token));
      const after = plainLogits(model, other);
      for (let i = 0; i < changed; i++) expect(after[i]).toEqual(before[i]);
      for (let i = changed; i < sequence.length; i++) {
        expect(largestDifference(after[i] ?? [], before[i] ?? [])).toBeGreaterThan(1e-3);
      }
    }
  });

  it('gives the same logits under left and right padding of any width', () => {
    const model = tinyModel();
    const sequences = randomSequences(4, [9, 1, 5, 12]);
    const alone = sequences.map((sequence) => plainLogits(model, sequence).flat());
    for (const columns of [12, 13, 20]) {
      for (const batch of [leftPadded(sequences, 1, columns), rightPadded(sequences, 1, columns)]) {
        for (const [row, logits] of segmentLogits(model, batch).entries()) {
          expect(largestDifference(logits, alone[row] ?? [])).toBeLessThan(1e-5);
        }
      }
    }
  });

  it('gives packed sequences the logits that they have alone, and the packed loss its gradient', async () => {
    const model = tinyModel();
    const examples = randomSequences(5, [7, 4, 9, 3, 6]).map((tokens) => ({
      prompt: tokens.slice(0, 2),
      response: tokens.slice(2),
    }));
    const packed = packDemonstrations(examples, 12, 1);
    const padded = padDemonstrations(examples, 1);
    expect(packed.rows).toBeLessThan(examples.length);
    const alone = examples.map(({ prompt, response }) =>
      plainLogits(model, [...prompt, ...response].slice(0, -1)).flat(),
    );
    const together = segmentLogits(model, packed);
    for (const logits of alone) {
      expect(Math.min(...together.map((other) => largestDifference(logits, other)))).toBeLessThan(1e-5);
    }
    const weigh = (batch: TrainingBatch) =>
      valueAndGradients(model.parameters, () =>
        tf.tidy(() => {
          const logits = model.logits(model.hidden(batch)).as2D(batch.rows * batch.columns, 23);
          const logProbs = tokenLogProbs(logits, tf.tensor1d(batch.targets, 'int32'));
          return logProbs.mul(tf.tensor1d(batch.weights)).sum().neg().asScalar();
        }),
      );
    const [a, b] = [await weigh(packed), await weigh(padded)];
    expect(a.value).toBeCloseTo(b.value, 4);
    for (const [name, gradient] of a.gradients) {
      const other = b.gradients.get(name)?.dataSync() ?? [];
      expect(largestDifference(gradient.dataSync(), other), name).toBeLessThan(2e-4);
    }
    expect(a.gradients.size).toBe(model.parameters.size);
  });

  it('drops activations only when told, the same ones for the same seed', () => {
    const model = tinyModel();
    const batch = rightPadded(randomSequences(6, [8, 8]), 1);
    const hidden = (seed?: number) =>
      tf.tidy(() =>
        model.hidden(batch, seed === undefined ? {} : { dropout: { rate: 0.3, seed } }).dataSync(),
      );
    expect(hidden(1)).toEqual(hidden(1));
    expect(largestDifference(hidden(1), hidden(2))).toBeGreaterThan(0.01);
    expect(largestDifference(hidden(1), hidden())).toBeGreaterThan(0.01);
  });

  it('clones to weights of its own, and leaves no tensor behind', () => {
    const model = tinyModel();
    const before = tf.memory().numTensors;
    const copy = model.clone();
    const was = Float32Array.from(model.parameter('wte.weight').dataSync());
    tf.tidy(() => copy.parameter('wte.weight').assign(tf.zeros([23, 12])));
    expect(model.parameter('wte.weight').dataSync()).toEqual(was);
    tf.tidy(() => void model.logits(model.hidden(rightPadded([[1, 2]], 0))));
    copy.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names what does not fit: position, token, heads', () => {
    const model = tinyModel();
    expect(() => model.hidden(rightPadded([new Array<number>(25).fill(1)], 0))).toThrow(
      "Row 0 of a batch reaches position 24: the model's context is 24 tokens.",
    );
    expect(() => model.hidden(rightPadded([[1], [23]], 0))).toThrow('Row 1 of a batch holds token 23');
    expect(() => LanguageModel.create({ ...tinyConfig, heads: 5 }, 1)).toThrow('cannot have 5 heads');
  });
});

describe('ScalarModel', () => {
  it('starts with the language model, and a head of deviation 1 / √(D + 1)', () => {
    const start = LanguageModel.create({ ...tinyConfig, width: 240, heads: 12, layers: 1 }, 1);
    const model = ScalarModel.fromLanguageModel(start, 5);
    const score = model.parameters.get('score.weight')?.dataSync() ?? [];
    const squares = Array.from(score, (value) => value * value).reduce((sum, value) => sum + value, 0);
    // Σ w² over D weights of variance 1 / (D + 1): near 1 (deviation √(2/D) ≈ 0.09).
    expect(Math.abs(squares - 1)).toBeLessThan(0.3);
    expect(model.parameters.get('transformer.wte.weight')?.dataSync()).toEqual(
      start.parameter('wte.weight').dataSync(),
    );
    expect(model.parameters.get('transformer.wte.weight')).not.toBe(start.parameter('wte.weight'));
    expect(model.parameters.get('score.weight')?.shape).toEqual([1, 240]);
  });

  it('scores a text alike under any padding, where its value at the last token stands', () => {
    const model = ScalarModel.fromLanguageModel(tinyModel(), 3);
    const sequences = randomSequences(8, [3, 10, 7]);
    const alone = sequences.map((sequence) =>
      tf.tidy(() =>
        model
          .values(rightPadded([sequence], 0))
          .dataSync()
          .at(-1),
      ),
    );
    for (const batch of [
      rightPadded(sequences, 9, 15),
      leftPadded(sequences, 9, 11),
      leftPadded(sequences, 9),
    ]) {
      const scores = tf.tidy(() => model.scores(batch).dataSync());
      expect(largestDifference(scores, alone.map(Number))).toBeLessThan(1e-5);
    }
    const batch = rightPadded(sequences, 9);
    const earlier = tf.tidy(() => model.scores(batch, Int32Array.of(0, 4, 2)).dataSync());
    const values = tf.tidy(() => model.values(batch).dataSync());
    expect(
      largestDifference(
        earlier,
        [0, 14, 22].map((cell) => values[cell] ?? 0),
      ),
    ).toBeLessThan(1e-6);
    expect(() => model.scores(batch, Int32Array.of(5, 0, 0))).toThrow('The score of row 0 is read at cell 5');
  });
});
