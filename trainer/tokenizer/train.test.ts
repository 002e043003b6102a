import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countWords, type WordCounts } from './count.ts';
import { WORD_PATTERN } from './split.ts';
import { asUtf8, hardText } from './testing/texts.ts';
import { Tokenizer } from './tokenizer.ts';
import { trainMerges } from './train.ts';

const bytes = Array.from({ length: 256 }, (_, byte) => byte);
const asList = (counts: WordCounts): [string, number][] =>
  Array.from({ length: counts.size }, (_, word) => [
    Buffer.from(counts.bytesOf(word)).toString(),
    counts.countOf(word),
  ]);

describe('counting words', () => {
  it('counts as a map of words does', () => {
    fc.assert(
      fc.property(fc.array(hardText, { maxLength: 20 }), (texts) => {
        const plain = new Map<string, number>();
        for (const text of texts) {
          for (const word of asUtf8(text).match(new RegExp(WORD_PATTERN, 'gu')) ?? []) {
            plain.set(word, (plain.get(word) ?? 0) + 1);
          }
        }
        expect(asList(countWords(texts, WORD_PATTERN))).toEqual([...plain]);
      }),
    );
  });

  it('forgets rare words when there are too many, at the same word however the texts are cut', () => {
    const text = 'aa aa aa bb bb cc dd ee ff gg hh ii aa bb jj kk ll mm nn';
    const whole = countWords([text], WORD_PATTERN, 6);
    expect(whole.size).toBeLessThanOrEqual(6);
    expect(new Map(asList(whole)).get(' aa')).toBe(3);
    expect(new Map(asList(whole)).get(' bb')).toBe(3);
    expect(new Map(asList(whole)).has(' cc')).toBe(false);
    const parts = text.split(/(?= )/);
    expect(asList(countWords(parts, WORD_PATTERN, 6))).toEqual(asList(whole));
  });

  it('loses of a frequent word at most what it had counted when words were forgotten', () => {
    const words = Array.from({ length: 20_000 }, (_, i) => (i % 3 === 0 ? ' the' : ` w${i}x`)).join('');
    const counts = new Map(asList(countWords([words], WORD_PATTERN, 1000)));
    expect(counts.get(' the')).toBeGreaterThan(6600);
    expect(counts.size).toBeLessThanOrEqual(1000);
  });
});

describe('training merges', () => {
  it('keeps pair counts right: the merges are those of counting anew each time', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 30 }), (texts) => {
        const words = countWords(texts, WORD_PATTERN);
        expect(trainMerges(words, bytes, 256, 30)).toEqual(slowMerges(words, 30));
      }),
      { numRuns: 500 },
    );
  });

  it('does so on text of many scripts', () => {
    fc.assert(
      fc.property(fc.array(hardText, { minLength: 10, maxLength: 30 }), (texts) => {
        const words = countWords(texts, WORD_PATTERN);
        expect(trainMerges(words, bytes, 256, 40)).toEqual(slowMerges(words, 40));
      }),
      { numRuns: 30 },
    );
  });

  it('learns the same however the texts are cut between words', () => {
    const text = 'low lower lowest new newer newest wide wider widest, 12 times; '.repeat(40);
    const parts = text.split(/(?= )/);
    const half = text.indexOf(' ', 1300);
    const encoded = [[text], parts, [text.slice(0, half), text.slice(half)]].map((texts) =>
      Tokenizer.train(texts, { vocabularySize: 300 }).encode(text),
    );
    expect(encoded[1]).toEqual(encoded[0]);
    expect(encoded[2]).toEqual(encoded[0]);
  });
});

/** Counts all pairs anew for each merge. */
function slowMerges(words: WordCounts, merges: number): [number, number][] {
  let symbols = Array.from({ length: words.size }, (_, word) => ({
    ids: [...words.bytesOf(word)],
    count: words.countOf(word),
  }));
  const result: [number, number][] = [];
  while (result.length < merges) {
    const counts = new Map<string, { pair: [number, number]; count: number }>();
    for (const { ids, count } of symbols) {
      for (let i = 1; i < ids.length; i++) {
        const pair: [number, number] = [ids[i - 1] ?? 0, ids[i] ?? 0];
        const entry = counts.get(pair.join()) ?? { pair, count: 0 };
        entry.count += count;
        counts.set(pair.join(), entry);
      }
    }
    const [best] = [...counts.values()].sort(
      (a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1],
    );
    if (!best || best.count < 2) break;
    const merged = 256 + result.length;
    result.push(best.pair);
    symbols = symbols.map(({ ids, count }) => ({ ids: mergePair(ids, best.pair, merged), count }));
  }
  return result;
}

/** The symbols with each pair, from the left on, replaced by `merged`. */
function mergePair(symbols: readonly number[], pair: [number, number], merged: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === pair[0] && symbols[i + 1] === pair[1]) {
      result.push(merged);
      i++;
    } else result.push(symbols[i] ?? 0);
  }
  return result;
}
