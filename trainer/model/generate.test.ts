import { beforeAll, describe, expect, it } from 'vitest';
import { leftPadded } from '../data/batch.ts';
import { openDevice } from '../engine/device.ts';
import { KeyValueCache } from '../engine/ops/cached-attention.ts';
import { tf } from '../engine/tf.ts';
import { type GenerateOptions, generate } from './generate.ts';
import { largestDifference, plainLogits, randomSequences, tinyModel } from './testing/tiny.ts';

beforeAll(async () => {
  await openDevice('auto');
});

const options: GenerateOptions = { maxNewTokens: 8, temperature: 1, seed: 5, stopTokens: [] };

function logSoftmax(logits: number[], temperature: number): number[] {
  const scaled = logits.map((logit) => logit / temperature);
  const most = Math.max(...scaled);
  const total = Math.log(scaled.reduce((sum, logit) => sum + Math.exp(logit - most), 0)) + most;
  return scaled.map((logit) => logit - total);
}

describe('the key-value cache', () => {
  it('gives at every position what the full forward pass gives, rows padded and dropped', () => {
    const model = tinyModel();
    const sequences = randomSequences(1, [14, 9, 11]);
    const full = sequences.map((sequence) => plainLogits(model, sequence));
    const prompts = sequences.map((sequence) => sequence.slice(0, sequence.length - 6));
    const batch = leftPadded(prompts, 0);
    const cache = new KeyValueCache({
      layers: 2,
      start: Int32Array.from(prompts, (prompt) => batch.columns - prompt.length),
      capacity: batch.columns + 6,
    });
    const check = (rows: number[], hidden: tf.Tensor3D, cells: (row: number) => number[], first: number) => {
      const flat = tf.tidy(() => model.logits(hidden).dataSync());
      const columns = hidden.shape[1];
      hidden.dispose();
      for (const [i, row] of rows.entries()) {
        for (const [offset, cell] of cells(row).entries()) {
          const column = first + offset + (columns - first - cells(row).length);
          const at = (i * columns + column) * 23;
          expect(largestDifference(flat.slice(at, at + 23), full[row]?.[cell] ?? [])).toBeLessThan(1e-4);
        }
      }
    };
    check([0, 1, 2], model.hiddenCached(batch, cache), (row) => [...(prompts[row] ?? []).keys()], 0);
    let rows = [0, 1, 2];
    for (let step = 0; step < 6; step++) {
      if (step === 3) {
        cache.keepRows([2, 0]);
        rows = [2, 0];
      }
      const positions = rows.map((row) => (prompts[row]?.length ?? 0) + step);
      const next = {
        rows: rows.length,
        columns: 1,
        tokens: Int32Array.from(rows, (row, i) => sequences[row]?.[positions[i] ?? 0] ?? 0),
        positions: Int32Array.from(positions),
        segments: new Int32Array(rows.length).fill(1),
      };
      check(rows, model.hiddenCached(next, cache), (row) => [positions[rows.indexOf(row)] ?? 0], 0);
    }
    cache.dispose();
  });
});

describe('generate', () => {
  it.each([1, 0.7, 1.5])(
    'reports the log-probabilities of a full forward pass at temperature %d',
    async (temperature) => {
      const model = tinyModel();
      const prompts = randomSequences(2, [3, 9, 1, 6]);
      const generations = await generate(model, prompts, { ...options, temperature });
      for (const [i, { tokens, logProbs }] of generations.entries()) {
        const prompt = prompts[i] ?? [];
        expect(tokens).toHaveLength(8);
        const full = plainLogits(model, [...prompt, ...tokens]);
        const expected = tokens.map(
          (token, t) => logSoftmax(full[prompt.length - 1 + t] ?? [], temperature)[token] ?? Number.NaN,
        );
        expect(largestDifference(logProbs, expected)).toBeLessThan(1e-4);
      }
    },
  );

  it('draws the same samples however prompts are batched, and others for another seed', async () => {
    const model = tinyModel();
    const prompts = randomSequences(3, [5, 2, 7, 2, 9, 4, 1]);
    const all = await generate(model, prompts, { ...options, stopTokens: [3, 4, 5] });
    for (const batchSize of [1, 2, 3]) {
      const some = await generate(model, prompts, { ...options, stopTokens: [3, 4, 5], batchSize });
      expect(some.map(({ tokens }) => tokens)).toEqual(all.map(({ tokens }) => tokens));
      for (const [i, { logProbs }] of some.entries()) {
        expect(largestDifference(logProbs, all[i]?.logProbs ?? [])).toBeLessThan(1e-5);
      }
    }
    const other = await generate(model, prompts, { ...options, seed: 6 });
    expect(other.map(({ tokens }) => tokens)).not.toEqual(all.map(({ tokens }) => tokens));
    // The same prompt twice is sampled twice, not copied.
    const [first, second] = await generate(
      model,
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
      options,
    );
    expect(first?.tokens).not.toEqual(second?.tokens);
  });

  it('samples tokens as often as the model says', async () => {
    const model = tinyModel();
    const prompt = [4, 8, 15];
    const count = 4000;
    const generations = await generate(model, new Array<number[]>(count).fill(prompt), {
      ...options,
      maxNewTokens: 1,
      temperature: 2,
      batchSize: 1000,
    });
    const logProbs = logSoftmax(plainLogits(model, prompt).at(-1) ?? [], 2);
    for (const [token, logProb] of logProbs.entries()) {
      const probability = Math.exp(logProb);
      const seen = generations.filter(({ tokens }) => tokens[0] === token).length / count;
      const deviation = Math.sqrt((probability * (1 - probability)) / count);
      expect(Math.abs(seen - probability)).toBeLessThan(4.5 * deviation);
    }
  });

  it('takes the likeliest token at temperature 0', async () => {
    const model = tinyModel();
    const [prompt = []] = randomSequences(9, [4]);
    const [generation] = await generate(model, [prompt], { ...options, temperature: 0 });
    const sequence = [...prompt];
    for (const token of generation?.tokens ?? []) {
      const logits = plainLogits(model, sequence).at(-1) ?? [];
      expect(token).toBe(logits.indexOf(Math.max(...logits)));
      sequence.push(token);
    }
    expect(sequence).toHaveLength(12);
    const [one] = await generate(model, [prompt], { ...options, temperature: 5, topK: 1 });
    expect(one?.tokens).toEqual(generation?.tokens);
  });

  it('ends at a stop token, which it keeps, or where tokens or context run out', async () => {
    const model = tinyModel();
    const prompts = randomSequences(10, [20, 4, 23, 6, 8]);
    const free = await generate(model, prompts, { ...options, maxNewTokens: 50 });
    expect(free.map(({ tokens }) => tokens.length)).toEqual([4, 20, 1, 18, 16]);
    expect(free.every(({ finished }) => !finished)).toBe(true);
    const stop = free[1]?.tokens[5] ?? 0;
    const stopped = await generate(model, prompts, { ...options, maxNewTokens: 50, stopTokens: [stop] });
    for (const [i, { tokens, finished }] of stopped.entries()) {
      const whole = free[i]?.tokens ?? [];
      const at = whole.indexOf(stop);
      expect(finished).toBe(at >= 0);
      expect(tokens).toEqual(at >= 0 ? whole.slice(0, at + 1) : whole);
    }
    expect(stopped[1]?.finished).toBe(true);
  });

  it('refuses prompts that leave no room, by their place, and leaves no tensor behind', async () => {
    const model = tinyModel();
    await expect(generate(model, [[1], []], options)).rejects.toThrow(
      'Prompt 1 has 0 tokens: expected 1 to 23',
    );
    await expect(generate(model, randomSequences(1, [24]), options)).rejects.toThrow(
      'Prompt 0 has 24 tokens',
    );
    await expect(generate(model, [[1]], { ...options, temperature: -1 })).rejects.toThrow(
      'The temperature is -1',
    );
    await expect(generate(model, [[1], [2, 23]], options)).rejects.toThrow(
      "Prompt 1 holds token 23: the model's vocabulary has 23",
    );
    await expect(generate(model, [[1]], { ...options, topK: 0 })).rejects.toThrow('top-k is 0');
    await expect(generate(model, [[1]], { ...options, maxNewTokens: 0 })).rejects.toThrow(
      'maxNewTokens is 0',
    );
    const before = tf.memory().numTensors;
    await generate(model, randomSequences(1, [3, 5]), options);
    expect(tf.memory().numTensors).toBe(before);
    expect(await generate(model, [], options)).toEqual([]);
  });
});
