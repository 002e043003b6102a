import type { WordCounts } from './count.ts';
import { Heap } from './heap.ts';
import { PairTable, WordLists } from './pair-table.ts';

/** A pair that occurs less often is not merged: it would save nothing. */
const LEAST_COUNT = 2;

/**
 * Byte-pair merges (Sennrich et al. 2016) over unique words, the most frequent pair first; of equally frequent ones
 * the one with the smaller ids. Counts are kept up to date word by word, never recounted.
 *
 * A merge makes pairs with the new token and none between older ones, so a pair's count only falls once the merge that
 * made it is done: a pair enters the heap once, and an entry whose count has fallen since goes back in with the new one.
 * @param idOfByte the id of each byte's token
 * @param firstId the id of the first merged token; later ones follow
 * @param merges the most merges to make; training ends earlier when no pair occurs twice
 * @returns pairs [left id, right id] in the order of merging
 */
export function trainMerges(
  words: WordCounts,
  idOfByte: ArrayLike<number>,
  firstId: number,
  merges: number,
): [number, number][] {
  const texts = symbolsOf(words, idOfByte);
  const pairs = new PairTable();
  // As many nodes as there are pairs: merges give back more than they take, on the whole.
  const lists = new WordLists(texts.symbols.length - words.size);
  countPairs(texts, words, pairs, lists);

  /** of each pair in the heap, its count when it went in */
  const entered: number[] = [];
  const heap = new Heap<number>((a, b) => {
    const difference = (entered[a] ?? 0) - (entered[b] ?? 0);
    if (difference !== 0) return difference > 0;
    const byLeft = (pairs.left[a] ?? 0) - (pairs.left[b] ?? 0);
    return byLeft !== 0 ? byLeft < 0 : (pairs.right[a] ?? 0) < (pairs.right[b] ?? 0);
  });
  const enter = (pair: number): void => {
    entered[pair] = pairs.counts[pair] ?? 0;
    heap.push(pair);
  };
  for (let pair = 0; pair < pairs.size; pair++) {
    if ((pairs.counts[pair] ?? 0) >= LEAST_COUNT) enter(pair);
    else entered[pair] = 0;
  }

  const before = new NewPairs(firstId + merges);
  const after = new NewPairs(firstId + merges);
  const result: [number, number][] = [];
  while (result.length < merges) {
    const pair = heap.pop();
    if (pair === undefined) break;
    const count = pairs.counts[pair] ?? 0;
    if (count < LEAST_COUNT) continue;
    if (count !== entered[pair]) {
      enter(pair);
      continue;
    }
    const left = pairs.left[pair] ?? 0;
    const right = pairs.right[pair] ?? 0;
    const merged = firstId + result.length;
    result.push([left, right]);
    for (let node = pairs.wordsOf(pair); node >= 0; node = lists.next(node)) {
      mergeInWord(lists.wordAt(node));
    }
    lists.release(pairs.wordsOf(pair));
    pairs.setWords(pair, -1);
    pairs.counts[pair] = 0;
    for (const [added, made] of [
      [before, (id: number): [number, number] => [id, merged]],
      [after, (id: number): [number, number] => [merged, id]],
    ] as const) {
      added.take((id, count, list) => {
        if (count < LEAST_COUNT) lists.release(list);
        else enter(pairs.add(...made(id), count, list));
      });
    }

    /** Merges the pair in one word, in place, and moves the counts of the pairs around it. */
    function mergeInWord(word: number): void {
      const { symbols, starts, lengths } = texts;
      const start = starts[word] ?? 0;
      const end = start + (lengths[word] ?? 0);
      const times = words.countOf(word);
      let to = start;
      for (let from = start; from < end; from++) {
        const symbol = symbols[from] ?? 0;
        if (symbol !== left || from + 1 === end || symbols[from + 1] !== right) {
          symbols[to++] = symbol;
          continue;
        }
        if (to > start) {
          const previous = symbols[to - 1] ?? 0;
          if (previous === merged) {
            // The one before was merged too: it had been counted as standing before `left`.
            after.subtract(left, times);
            after.add(merged, times, lists, word);
          } else {
            pairs.subtract(previous, left, times);
            before.add(previous, times, lists, word);
          }
        }
        from++;
        if (from + 1 < end) {
          const next = symbols[from + 1] ?? 0;
          pairs.subtract(right, next, times);
          after.add(next, times, lists, word);
        }
        symbols[to++] = merged;
      }
      lengths[word] = to - start;
    }
  }
  return result;
}

/** The tokens of every word, one word after the other. */
interface Symbols {
  symbols: Int32Array;
  /** of each word */
  starts: Uint32Array;
  lengths: Int32Array;
}

function symbolsOf(words: WordCounts, idOfByte: ArrayLike<number>): Symbols {
  const starts = new Uint32Array(words.size);
  const lengths = new Int32Array(words.size);
  let total = 0;
  for (let word = 0; word < words.size; word++) {
    starts[word] = total;
    lengths[word] = words.bytesOf(word).length;
    total += lengths[word] ?? 0;
  }
  const symbols = new Int32Array(total);
  let at = 0;
  for (let word = 0; word < words.size; word++) {
    for (const byte of words.bytesOf(word)) symbols[at++] = idOfByte[byte] ?? 0;
  }
  return { symbols, starts, lengths };
}

function countPairs(texts: Symbols, words: WordCounts, pairs: PairTable, lists: WordLists): void {
  const { symbols, starts, lengths } = texts;
  for (let word = 0; word < words.size; word++) {
    const times = words.countOf(word);
    const start = starts[word] ?? 0;
    const end = start + (lengths[word] ?? 0);
    for (let i = start + 1; i < end; i++) {
      const left = symbols[i - 1] ?? 0;
      const right = symbols[i] ?? 0;
      let pair = pairs.find(left, right);
      if (pair < 0) pair = pairs.add(left, right, 0, -1);
      pairs.counts[pair] = (pairs.counts[pair] ?? 0) + times;
      pairs.setWords(pair, lists.push(pairs.wordsOf(pair), word));
    }
  }
}

/** The pairs that one merge makes with the new token on one side, by the token on the other. */
class NewPairs {
  readonly #counts: Float64Array;
  readonly #lists: Int32Array;
  readonly #ids: number[] = [];

  /** @param tokens above every id */
  constructor(tokens: number) {
    this.#counts = new Float64Array(tokens);
    this.#lists = new Int32Array(tokens).fill(-1);
  }

  add(id: number, times: number, lists: WordLists, word: number): void {
    const list = this.#lists[id] ?? -1;
    if (list < 0) this.#ids.push(id);
    this.#counts[id] = (this.#counts[id] ?? 0) + times;
    this.#lists[id] = lists.push(list, word);
  }

  subtract(id: number, times: number): void {
    this.#counts[id] = (this.#counts[id] ?? 0) - times;
  }

  /** Gives each pair to `use` and begins anew. */
  take(use: (id: number, count: number, list: number) => void): void {
    for (const id of this.#ids) {
      use(id, this.#counts[id] ?? 0, this.#lists[id] ?? -1);
      this.#counts[id] = 0;
      this.#lists[id] = -1;
    }
    this.#ids.length = 0;
  }
}
