import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { tf } from '../engine/tf.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { letterTokenizer, tinyModel } from '../stages/testing/tiny.ts';
import { demonstrationPerplexity, documentPerplexity, packedPerplexity } from './perplexity.ts';

const tokenizer = letterTokenizer();
let model: LanguageModel;
let plain: (tokens: readonly number[]) => number;

beforeAll(async () => {
  await openDevice('auto');
  model = tinyModel(tokenizer, 1);
  /** Σ −log p of all tokens but the first, in nats, by one full softmax after the other. */
  plain = (tokens) => {
    let nats = 0;
    for (let t = 1; t < tokens.length; t++) {
      const read = tokens.slice(0, t);
      const logits = tf.tidy(() => {
        const hidden = model.hidden({
          rows: 1,
          columns: t,
          tokens: Int32Array.from(read),
          positions: Int32Array.from(read, (_, i) => i),
          segments: new Int32Array(t).fill(1),
        });
        return model.logits(hidden.slice([0, t - 1, 0], [1, 1, -1])).dataSync();
      });
      const largest = Math.max(...logits);
      const sum = Array.from(logits).reduce((total, logit) => total + Math.exp(logit - largest), 0);
      nats -= (logits[tokens[t] ?? 0] ?? 0) - largest - Math.log(sum);
    }
    return nats;
  };
});
afterAll(() => model.dispose());

const short = ['abcd', 'hgfe dcba', 'a', 'cafe'].map((text) => ({ text }));
const tokensOf = (text: string) => [...tokenizer.encode(text), tokenizer.endOfText];

describe('perplexity', () => {
  it('packed in rows and document by document is one number where documents fit, that of plain softmaxes', async () => {
    const nats = short.reduce((sum, { text }) => sum + plain(tokensOf(text)), 0);
    const packed = await packedPerplexity(model, tokenizer, short);
    const single = await documentPerplexity(model, tokenizer, short, { seed: 1 });
    // Every character but the first of each document, and its end: 4 + 9 + 1 + 4.
    expect(packed.tokens).toBe(18);
    expect(packed.loss).toBeCloseTo(nats / 18, 5);
    expect(packed.perplexity).toBeCloseTo(Math.exp(nats / 18), 4);
    // One byte a character; the end has none: 3 + 8 + 0 + 3.
    expect(packed.bitsPerByte).toBeCloseTo(nats / Math.LN2 / 14, 5);
    expect(single.loss).toBeCloseTo(packed.loss, 6);
    expect(single.bitsPerByte).toBeCloseTo(packed.bitsPerByte, 6);
    expect(single.bitsPerByteInterval.low).toBeLessThan(single.bitsPerByte);
  });

  it('of a document longer than the context: packed cuts it, alone it is read in half-overlapping windows', async () => {
    const text = 'abcdefgh'.repeat(12);
    const tokens = tokensOf(text);
    expect(tokens).toHaveLength(97);
    const packed = await packedPerplexity(model, tokenizer, [{ text }]);
    const single = await documentPerplexity(model, tokenizer, [{ text }], { seed: 1 });
    expect(packed.tokens).toBe(96);
    expect(single.tokens).toBe(96);
    // Context 48: rows 0 to 48 and 48 to 96.
    expect(packed.loss * 96).toBeCloseTo(plain(tokens.slice(0, 49)) + plain(tokens.slice(48)), 3);
    // Windows 0 to 48, 24 to 72 and 48 to 96, the last two counted from their middle on.
    const tail = (from: number) =>
      plain(tokens.slice(from, from + 49)) - plain(tokens.slice(from, from + 25));
    expect(single.loss * 96).toBeCloseTo(plain(tokens.slice(0, 49)) + tail(24) + tail(48), 3);
  });

  it('of demonstrations counts the completion’s tokens and its end, not the prompt’s', async () => {
    const demonstrations = [
      { prompt: 'ab', completion: 'cde' },
      { prompt: 'h', completion: 'a' },
    ];
    const expected = demonstrations.reduce((sum, { prompt, completion }) => {
      const question = tokenizer.encode(`Question: ${prompt}\nAnswer:`);
      return sum + plain([...question, ...tokensOf(` ${completion}`)]) - plain(question);
    }, 0);
    const measured = await demonstrationPerplexity(model, tokenizer, demonstrations);
    expect(measured).toMatchObject({ tokens: 5 + 3, demonstrations: 2, dropped: 0 });
    expect(measured.loss).toBeCloseTo(expected / 8, 5);
    await expect(
      demonstrationPerplexity(model, tokenizer, [{ prompt: 'a', completion: 'a'.repeat(60) }]),
    ).rejects.toThrow('No demonstration fits the context of 48 tokens: 1 of 1 are longer.');
  });
});
