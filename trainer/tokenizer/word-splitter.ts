import { lengthAt, NUMBER, runWithout } from './characters.ts';
import { type Scan, scanFor } from './scan.ts';
import { DIGIT_CUT, splitWords } from './split.ts';

/** A stretch of text as UTF-8, cut into words. Valid until the next one is asked for. */
export interface Piece {
  bytes: Uint8Array;
  /** where each word ends; the first begins at 0 */
  ends: Int32Array;
  words: number;
}

/** UTF-16 units that are worked on at a time: what a processor's inner caches hold. */
const PIECE = 1 << 14;
/** The most bytes that a UTF-16 unit becomes in UTF-8. */
const BYTES_PER_UNIT = 3;

/**
 * Cuts texts into words as patterns say, each inside the pieces of the one before: by a scan where there is one for
 * them, otherwise by their regular expressions.
 */
export class WordSplitter {
  readonly #scan: Scan | null;
  /** whether every digit is cut out before the scan */
  readonly #digitsApart: boolean;
  readonly #patterns: RegExp[];
  readonly #encoder = new TextEncoder();
  readonly #piece: Piece = {
    bytes: new Uint8Array(BYTES_PER_UNIT * 256),
    ends: new Int32Array(256),
    words: 0,
  };

  /** @param patterns regular expressions, flags gu */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => new RegExp(pattern, 'gu'));
    this.#digitsApart = patterns.length === 2 && patterns[0] === DIGIT_CUT;
    this.#scan = patterns.length === 1 || this.#digitsApart ? scanFor(patterns.at(-1) ?? '') : null;
  }

  /** The words of a text in order, some at a time. Lone surrogates, which are no characters, count as U+FFFD. */
  *pieces(text: string): Generator<Piece> {
    if (this.#scan === null) yield* this.#matched(text);
    else {
      for (let from = 0; from < text.length; ) {
        const to = pieceEnd(text, from, PIECE);
        yield this.#scanned(to - from === text.length ? text : text.slice(from, to), this.#scan);
        from = to;
      }
    }
  }

  #scanned(text: string, scan: Scan): Piece {
    this.#reserve(BYTES_PER_UNIT * text.length, text.length);
    const piece = this.#piece;
    const { bytes, ends } = piece;
    const end = this.#encoder.encodeInto(text, bytes).written;
    let words = 0;
    for (let at = 0; at < end; ) {
      // What stands between two digits is a text of its own.
      const stop = this.#digitsApart ? runWithout(bytes, at, end, NUMBER) : end;
      while (at < stop) {
        at = scan(bytes, at, stop);
        ends[words++] = at;
      }
      if (stop === end) break;
      at = stop + lengthAt(bytes, stop);
      ends[words++] = at;
    }
    piece.words = words;
    return piece;
  }

  *#matched(text: string): Generator<Piece> {
    const piece = this.#piece;
    let used = 0;
    piece.words = 0;
    for (const word of this.#wordsOf(text)) {
      if (used > PIECE) {
        yield piece;
        used = 0;
        piece.words = 0;
      }
      this.#reserve(used + BYTES_PER_UNIT * word.length, piece.words + 1);
      used += this.#encoder.encodeInto(word, piece.bytes.subarray(used)).written;
      piece.ends[piece.words++] = used;
    }
    if (piece.words > 0) yield piece;
  }

  #wordsOf(text: string): Iterable<string> {
    let words: Iterable<string> = [text];
    for (const pattern of this.#patterns) words = splitAll(words, pattern);
    return words;
  }

  /** Makes room for so many bytes and words, keeping what is there. */
  #reserve(bytes: number, words: number): void {
    const piece = this.#piece;
    if (piece.bytes.length < bytes) {
      const before = piece.bytes;
      piece.bytes = new Uint8Array(Math.max(bytes, 2 * before.length));
      piece.bytes.set(before);
    }
    if (piece.ends.length < words) {
      const before = piece.ends;
      piece.ends = new Int32Array(Math.max(words, 2 * before.length));
      piece.ends.set(before);
    }
  }
}

function* splitAll(texts: Iterable<string>, pattern: RegExp): Generator<string> {
  for (const text of texts) yield* splitWords(text, pattern);
}

/**
 * Where to cut a text so that its words stay what they are: after `size` UTF-16 units or later, between a letter and a
 * blank or line end. No word of the patterns that we scan goes on across that place, nor depends on what is beyond.
 */
export function pieceEnd(text: string, from: number, size: number): number {
  for (let at = from + size; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if ((unit === 0x20 || unit === 0x0a) && isPlainLetter(text.charCodeAt(at - 1))) return at;
  }
  return text.length;
}

/** Of the Latin alphabet, Cyrillic, kana or Han: enough to find a place soon in most texts. */
function isPlainLetter(unit: number): boolean {
  return (
    ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a && unit < 0x80) ||
    (unit >= 0x0410 && unit <= 0x044f) ||
    (unit >= 0x3041 && unit <= 0x3096) ||
    (unit >= 0x4e00 && unit <= 0x9fa5)
  );
}
