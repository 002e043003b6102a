import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompletionText, StopString } from './completion-text.ts';

/** The text of bytes up to the stop string that ends first, of several the longest: found by trying every length. */
function plainText(bytes: number[], stops: string[]): { text: string; stop: string | null } {
  const encoded = stops.map((stop) => [...Buffer.from(stop)]).sort((a, b) => b.length - a.length);
  for (let end = 1; end <= bytes.length; end++) {
    for (const stop of encoded) {
      const from = end - stop.length;
      if (from >= 0 && stop.every((byte, i) => bytes[from + i] === byte)) {
        const text = Buffer.from(bytes.slice(0, from)).toString('utf8');
        return { text, stop: Buffer.from(stop).toString('utf8') };
      }
    }
  }
  return { text: Buffer.from(bytes).toString('utf8'), stop: null };
}

/** Adds bytes cut into tokens at `cuts`; the text after each. */
function written(bytes: number[], cuts: number[], stops: string[]) {
  const text = new CompletionText(stops.map((stop) => new StopString(stop)));
  const steps: string[] = [];
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  let from = 0;
  for (const end of ends) {
    const stop = text.add(Uint8Array.from(bytes.slice(from, end)));
    steps.push(text.text);
    if (stop !== null) return { text: text.text, stop, steps };
    from = end;
  }
  text.end();
  return { text: text.text, stop: null, steps };
}

describe('the text of a completion', () => {
  it('is the decoded text up to the first stop string, wherever tokens cut characters and stop strings', () => {
    // Few letters, so that stop strings overlap themselves and each other.
    const piece = fc.constantFrom('a', 'b', 'aa', 'ab', 'é', '😀', '\n');
    const stops = fc.array(
      fc.array(piece, { minLength: 1, maxLength: 4 }).map((own) => own.join('')),
      {
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), stops, fc.array(fc.nat()), (pieces, own, cuts) => {
        const bytes = [...Buffer.from(pieces.join(''))];
        const { text, stop, steps } = written(bytes, cuts, own);
        expect({ text, stop }).toEqual(plainText(bytes, own));
        for (const step of steps) {
          // What was given stays, is whole characters, and is no part of the stop string.
          expect(text.startsWith(step)).toBe(true);
          expect(step).not.toContain('\uFFFD');
        }
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('gives U+FFFD for bytes that are no UTF-8, as Tokenizer.decode does', () => {
    const byte = fc.constantFrom(0x61, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 0xff, 0xef, 0xbb, 0xbf);
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 20 }), fc.array(fc.nat()), (bytes, cuts) => {
        expect(written(bytes, cuts, []).text).toBe(Buffer.from(bytes).toString('utf8'));
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('holds back what may be the beginning of a stop string, and gives it when it is not', () => {
    const text = new CompletionText([new StopString('\n\nQ')]);
    const after = (more: string): string => {
      text.add(Buffer.from(more));
      return text.text;
    };
    expect(after('one\n')).toBe('one');
    expect(after('\n')).toBe('one');
    // Three newlines: the last two may begin it still.
    expect(after('\n')).toBe('one\n');
    expect(after('two')).toBe('one\n\n\ntwo');
    expect(after('\n')).toBe('one\n\n\ntwo');
    text.end();
    expect(text.text).toBe('one\n\n\ntwo\n');
  });
});
