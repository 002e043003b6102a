import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanFor } from './scan.ts';
import {
  CL100K_WORD_PATTERN,
  DIGIT_CUT,
  GPT2_WORD_PATTERN,
  LLAMA3_WORD_PATTERN,
  QWEN2_WORD_PATTERN,
  splitWords,
  WORD_PATTERN,
} from './split.ts';
import { asUtf8, hardText } from './testing/texts.ts';
import { pieceEnd, WordSplitter } from './word-splitter.ts';

const patterns: [string, string][] = [
  ['ours', WORD_PATTERN],
  ['GPT-2', GPT2_WORD_PATTERN],
  ['cl100k', CL100K_WORD_PATTERN],
  ['Llama 3', LLAMA3_WORD_PATTERN],
  ['Qwen 2', QWEN2_WORD_PATTERN],
];

const byScan = (text: string, splitter: WordSplitter): string[] => {
  const words: string[] = [];
  for (const piece of splitter.pieces(text)) {
    for (let i = 0; i < piece.words; i++) {
      const start = i === 0 ? 0 : (piece.ends[i - 1] ?? 0);
      words.push(Buffer.from(piece.bytes.subarray(start, piece.ends[i])).toString());
    }
  }
  return words;
};
const byPattern = (text: string, pattern: string): string[] =>
  [...splitWords(text, new RegExp(pattern, 'gu'))].map((word) => asUtf8(word));

describe.each(patterns)('the scan of the word pattern %s', (_, pattern) => {
  const splitter = new WordSplitter([pattern]);

  it('cuts every text as the regular expression does', () => {
    expect(scanFor(pattern)).not.toBeNull();
    fc.assert(
      fc.property(hardText, (text) => {
        expect(byScan(text, splitter)).toEqual(byPattern(text, pattern));
      }),
      { numRuns: 3000 },
    );
  });

  it('puts every character of Unicode where the regular expression puts it', () => {
    // All of the two planes in use, some of each other one; letters and digits beside it show a character's class.
    const step = (point: number): number => (point < 0x20000 ? 1 : 61);
    for (let point = 0; point < 0x110000; ) {
      let text = '';
      for (; text.length < 10_000 && point < 0x110000; point += step(point)) {
        text += `a${String.fromCodePoint(point)}b 1${String.fromCodePoint(point)}`;
      }
      expect(byScan(text, splitter).join('|') === byPattern(text, pattern).join('|'), `to ${point}`).toBe(
        true,
      );
    }
  });

  it('gives the same words whether a long text is cut into pieces or not', () => {
    const piece = fc.array(hardText, { minLength: 20, maxLength: 40 });
    fc.assert(
      fc.property(piece, fc.integer({ min: 1, max: 50 }), (parts, size) => {
        const text = parts.join('word ');
        const words: string[] = [];
        for (let from = 0; from < text.length; ) {
          const to = pieceEnd(text, from, size);
          words.push(...byPattern(text.slice(from, to), pattern));
          from = to;
        }
        expect(words).toEqual(byPattern(text, pattern));
      }),
      { numRuns: 300 },
    );
    const long = 'Some words, 12 of them, don’t end.\n  And “more” 你好\n'.repeat(3000);
    expect(byScan(long, splitter)).toEqual(byPattern(long, pattern));
  });
});

describe('a word splitter', () => {
  it('follows any other pattern by its regular expression', () => {
    const pattern = '[a-c]+|\\d';
    expect(scanFor(pattern)).toBeNull();
    const splitter = new WordSplitter([pattern]);
    expect(byScan('abz12 cab', splitter)).toEqual(['ab', 'z', '1', '2', ' ', 'cab']);
    const long = 'abcab, 12 é! '.repeat(3000);
    expect(byScan(long, splitter)).toEqual(byPattern(long, pattern));
  });

  it('cuts out every digit first, where a file says so, as the two regular expressions do', () => {
    const splitter = new WordSplitter([DIGIT_CUT, GPT2_WORD_PATTERN]);
    const [digit, words] = [new RegExp(DIGIT_CUT, 'gu'), new RegExp(GPT2_WORD_PATTERN, 'gu')];
    fc.assert(
      fc.property(hardText, (text) => {
        const expected = [...splitWords(text, digit)].flatMap((part) => [...splitWords(part, words)]);
        expect(byScan(text, splitter)).toEqual(expected.map(asUtf8));
      }),
      { numRuns: 2000 },
    );
    expect(byScan('a  12 b', splitter)).toEqual(['a', '  ', '1', '2', ' b']);
  });

  it('cuts a text into words that together are the text', () => {
    const splitter = new WordSplitter([WORD_PATTERN]);
    fc.assert(
      fc.property(hardText, (text) => {
        expect(byScan(text, splitter).join('')).toBe(asUtf8(text));
      }),
    );
    expect(byScan("don't add 12  now\n\nx", splitter)).toEqual([
      'don',
      "'t",
      ' add',
      ' 1',
      '2',
      ' ',
      ' now',
      '\n',
      '\n',
      'x',
    ]);
  });
});
