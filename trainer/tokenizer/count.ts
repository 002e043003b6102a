import { WordSplitter } from './word-splitter.ts';
import { grown, WordTable } from './word-table.ts';

/** Distinct words kept while counting. */
const MOST_WORDS = 2_000_000;
/** Of them, those that are left when there were too many and the rarest have been forgotten. */
const KEPT_SHARE = 3 / 4;

/** How often each word occurs: words and counts have the same numbers. */
export class WordCounts {
  #words = new WordTable();
  #counts = new Float64Array(1 << 9);

  get size(): number {
    return this.#words.size;
  }

  /** The UTF-8 bytes of the word of a number; a view. */
  bytesOf(word: number): Uint8Array {
    return this.#words.bytesOf(word);
  }

  countOf(word: number): number {
    return this.#counts[word] ?? 0;
  }

  /** Counts the word `bytes[start..end)` so many times more. */
  add(bytes: Uint8Array, start: number, end: number, times = 1): void {
    let word = this.#words.find(bytes, start, end);
    if (word < 0) {
      word = this.#words.add(bytes, start, end);
      if (this.#counts.length <= word) this.#counts = grown(this.#counts, word + 1);
      this.#counts[word] = 0;
    }
    this.#counts[word] = this.countOf(word) + times;
  }

  /** Forgets the words that occurred once, then those up to twice, four times …, until at most `most` are left. */
  prune(most: number): void {
    for (let rare = 1; this.size > most; rare *= 2) {
      const kept = new WordCounts();
      for (let word = 0; word < this.size; word++) {
        if (this.countOf(word) <= rare) continue;
        const bytes = this.bytesOf(word);
        kept.add(bytes, 0, bytes.length, this.countOf(word));
      }
      this.#words = kept.#words;
      this.#counts = kept.#counts;
    }
  }
}

/**
 * How often each word of the texts occurs, in memory that does not grow with them: beyond `mostWords` distinct ones the
 * rarest so far are forgotten (lossy counting: a frequent word loses at most what it had counted by then). Depends on
 * the words' order only, not on how they are spread over texts.
 */
export function countWords(texts: Iterable<string>, pattern: string, mostWords = MOST_WORDS): WordCounts {
  const counts = new WordCounts();
  const splitter = new WordSplitter([pattern]);
  for (const text of texts) {
    for (const { bytes, ends, words } of splitter.pieces(text)) {
      let start = 0;
      for (let i = 0; i < words; i++) {
        const end = ends[i] ?? 0;
        counts.add(bytes, start, end);
        start = end;
        if (counts.size > mostWords) counts.prune(Math.floor(mostWords * KEPT_SHARE));
      }
    }
  }
  return counts;
}
