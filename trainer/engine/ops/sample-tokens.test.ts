import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { allDevices, normals } from '../testing/devices.ts';
import { tf } from '../tf.ts';
import { type SamplingOptions, sampleTokens, sampleTokensReference } from './sample-tokens.ts';

/** Counts of the tokens drawn from one row of logits. */
async function counts(
  logits: number[],
  draws: number,
  options: SamplingOptions,
  seed = 1,
): Promise<number[]> {
  const random = new Random(seed);
  const result = new Array<number>(logits.length).fill(0);
  const rows = tf.tidy(() => tf.tile(tf.tensor2d([logits]), [draws, 1])) as tf.Tensor2D;
  const uniforms = Array.from({ length: draws }, () => random.next());
  for (const token of await sampleTokens(rows, uniforms, options)) result[token] = (result[token] ?? 0) + 1;
  rows.dispose();
  return result;
}

describe.each(allDevices)('sampleTokens on $name', (device) => {
  beforeAll(() => device.open());

  it.each<SamplingOptions>([
    { temperature: 0 },
    { temperature: 1 },
    { temperature: 0.7, topK: 5 },
    { temperature: 1.4, topP: 0.8 },
    { temperature: 1, topK: 40, topP: 0.5 },
    { temperature: 1, topK: 1 },
    { temperature: 1, topP: 1e-9 },
  ])("draws the reference's tokens: %o", async (options) => {
    const random = new Random(17);
    const { values } = normals(random, [200, 61], 2);
    const uniforms = Array.from({ length: 200 }, () => random.next());
    const logits = tf.tensor2d(values.slice(), [200, 61]);
    expect(await sampleTokens(logits, uniforms, options)).toEqual(
      sampleTokensReference(values, 61, uniforms, options),
    );
    logits.dispose();
  });

  it('draws each token as often as softmax(logits / temperature) says', async () => {
    const logits = [0, Math.log(2), Math.log(5), Number.NEGATIVE_INFINITY];
    for (const [i, count] of (await counts(logits, 8000, { temperature: 1 })).entries()) {
      expect(Math.abs(count / 8000 - ([1, 2, 5, 0][i] ?? 0) / 8)).toBeLessThan(0.02);
    }
    // Temperature 1/2 squares the odds: 1, 4, 25.
    for (const [i, count] of (await counts(logits, 8000, { temperature: 0.5 })).entries()) {
      expect(Math.abs(count / 8000 - ([1, 4, 25, 0][i] ?? 0) / 30)).toBeLessThan(0.02);
    }
  });

  it('top-k and top-p leave the likeliest only, and share what they leave by its odds', async () => {
    const logits = [Math.log(1), Math.log(2), Math.log(3), Math.log(4)];
    const [a, b, c, d] = await counts(logits, 7000, { temperature: 1, topK: 2 });
    expect([a, b]).toEqual([0, 0]);
    expect(Math.abs((c ?? 0) / 7000 - 3 / 7)).toBeLessThan(0.02);
    expect((c ?? 0) + (d ?? 0)).toBe(7000);
    // 0.4 and 0.7 are passed by one and two tokens.
    expect(await counts(logits, 50, { temperature: 1, topP: 0.39 })).toEqual([0, 0, 0, 50]);
    expect((await counts(logits, 500, { temperature: 1, topP: 0.69 })).slice(0, 2)).toEqual([0, 0]);
    expect((await counts(logits, 500, { temperature: 1, topP: 0.71 }))[0]).toBe(0);
  });

  it('takes the first of equals when greedy, and reaches both ends of the unit interval', async () => {
    const equals = tf.tensor2d([[1, 3, 3]]);
    expect([...(await sampleTokens(equals, [0.99], { temperature: 0 }))]).toEqual([1]);
    const flat = tf.zeros([2, 4]) as tf.Tensor2D;
    expect([...(await sampleTokens(flat, [0, 1 - 2 ** -53], { temperature: 1 }))]).toEqual([0, 3]);
    tf.dispose([equals, flat]);
  });

  it('names an option that makes no sense', async () => {
    const logits = tf.zeros([1, 3]) as tf.Tensor2D;
    await expect(sampleTokens(logits, [0], { temperature: -1 })).rejects.toThrow(/temperature is -1/);
    await expect(sampleTokens(logits, [0], { temperature: 1, topK: 0 })).rejects.toThrow(/top-k is 0/);
    await expect(sampleTokens(logits, [0], { temperature: 1, topP: 1.1 })).rejects.toThrow(/top-p is 1.1/);
    await expect(sampleTokens(logits, [], { temperature: 1 })).rejects.toThrow(/1 rows .* 0 random numbers/);
    logits.dispose();
  });
});
