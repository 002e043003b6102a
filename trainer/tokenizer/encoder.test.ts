import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asUtf8, hardText } from './testing/texts.ts';
import { TokenBuffer } from './token-buffer.ts';
import { Tokenizer } from './tokenizer.ts';

const corpus = [
  'low lower lowest new newer newest wide wider widest '.repeat(20),
  'Привет, мир! 你好世界 👩‍👩‍👧 '.repeat(5),
];
const train = (): Tokenizer => Tokenizer.train(corpus, { vocabularySize: 330 });
const tokenizer = train();

describe('encoding', () => {
  it('is undone by decoding for any text; lone surrogates, which no UTF-8 has, come back as U+FFFD', () => {
    fc.assert(
      fc.property(hardText, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(asUtf8(text));
      }),
      { numRuns: 2000 },
    );
    expect(tokenizer.decode(tokenizer.encode('a\ud800b\udc00'))).toBe('a\ufffdb\ufffd');
  });

  it('gives for any valid UTF-8 the tokens of exactly its bytes', () => {
    fc.assert(
      fc.property(hardText, (text) => {
        const lengths = tokenizer.encode(text).map((id) => tokenizer.byteLengths[id] ?? 0);
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(Buffer.byteLength(text));
      }),
    );
  });

  it('gives the same ids for words met before as for new ones, and after so many that all are forgotten', () => {
    const letters = (value: number): string =>
      value.toString(26).replace(/\d/g, (digit) => 'qrstuvwxyz'[Number(digit)] ?? '');
    const words = Array.from({ length: 120_000 }, (_, i) => ` low${letters(i)}`);
    const all = tokenizer.encode(words.join(''));
    const [first, last] = [words.slice(0, 500).join(''), words.slice(-500).join('')];
    const fresh = train();
    expect(tokenizer.encode(first)).toEqual(fresh.encode(first));
    expect(all.slice(0, fresh.encode(first).length)).toEqual(fresh.encode(first));
    expect(all.slice(-fresh.encode(last).length)).toEqual(fresh.encode(last));
    expect(tokenizer.decode(all) === words.join('')).toBe(true);
  });

  it('adds to a buffer what the array has', () => {
    const buffer = new TokenBuffer(1);
    for (const text of corpus) tokenizer.encodeInto(text, buffer);
    expect(buffer.toArray()).toEqual(corpus.flatMap((text) => tokenizer.encode(text)));
    expect(buffer.length).toBeLessThanOrEqual(buffer.ids.length);
  });

  it('takes a word of a million letters, and merges it as its parts', () => {
    const unit = 'lowestnewer';
    const long = unit.repeat(100_000);
    const ids = tokenizer.encode(long);
    expect(tokenizer.decode(ids) === long).toBe(true);
    // No merge goes across the units, which are no words of the corpus side by side.
    expect(ids).toHaveLength(100_000 * tokenizer.encode(unit).length);
  });
});
