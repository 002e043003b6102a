import { Heap } from './heap.ts';
import { splitWords } from './split.ts';

/** Unique words kept while counting; beyond, those seen once so far are forgotten, which keeps memory flat. */
const MOST_WORDS = 2_000_000;

/** How often each word occurs. */
export function countWords(
  texts: Iterable<string>,
  pattern: RegExp,
  mostWords = MOST_WORDS,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of splitWords(text, pattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
    for (let rare = 1; counts.size > mostWords; rare *= 2) {
      for (const [word, count] of counts) if (count <= rare) counts.delete(word);
    }
  }
  return counts;
}

/**
 * Byte-pair merges (Sennrich et al. 2016) over unique words, the most frequent pair first; of equally frequent ones
 * the one with the smaller ids. Counts are kept up to date word by word, never recounted.
 * @param idOfByte the id of each byte's token
 * @param firstId the id of the first merged token; later ones follow
 * @param merges the most merges to make; training ends earlier when no pair occurs twice
 * @returns pairs [left id, right id] in the order of merging
 */
export function trainMerges(
  words: ReadonlyMap<string, number>,
  idOfByte: ArrayLike<number>,
  firstId: number,
  merges: number,
): [number, number][] {
  const base = firstId + merges;
  const keyOf = (left: number, right: number): number => left * base + right;
  const symbols: number[][] = [];
  const frequencies: number[] = [];
  const counts = new Map<number, number>();
  const places = new Map<number, number[]>();
  const encoder = new TextEncoder();

  const add = (key: number, amount: number, word: number): void => {
    counts.set(key, (counts.get(key) ?? 0) + amount);
    if (amount < 0) return;
    const at = places.get(key);
    if (!at) places.set(key, [word]);
    else if (at.at(-1) !== word) at.push(word);
  };

  for (const [text, frequency] of words) {
    const ids = Array.from(encoder.encode(text), (byte) => idOfByte[byte] ?? 0);
    if (ids.length < 2) continue;
    const word = symbols.push(ids) - 1;
    frequencies.push(frequency);
    for (let i = 1; i < ids.length; i++) add(keyOf(ids[i - 1] ?? 0, ids[i] ?? 0), frequency, word);
  }

  // Entries go stale when counts change; a popped one counts only if its count is still the current one.
  const heap = new Heap<[count: number, key: number]>(
    (a, b) => a[0] > b[0] || (a[0] === b[0] && a[1] < b[1]),
  );
  for (const [key, count] of counts) heap.push([count, key]);

  const result: [number, number][] = [];
  while (result.length < merges) {
    const top = heap.pop();
    if (!top || top[0] < 2) break;
    const [count, key] = top;
    if (counts.get(key) !== count) continue;
    const left = Math.floor(key / base);
    const right = key % base;
    const merged = firstId + result.length;
    result.push([left, right]);
    const changed = new Set<number>();
    for (const word of places.get(key) ?? []) {
      const before = symbols[word] ?? [];
      const frequency = frequencies[word] ?? 0;
      const after = mergePair(before, left, right, merged);
      if (after.length === before.length) continue;
      for (let i = 1; i < before.length; i++) {
        const pair = keyOf(before[i - 1] ?? 0, before[i] ?? 0);
        add(pair, -frequency, word);
        changed.add(pair);
      }
      for (let i = 1; i < after.length; i++) {
        const pair = keyOf(after[i - 1] ?? 0, after[i] ?? 0);
        add(pair, frequency, word);
        changed.add(pair);
      }
      symbols[word] = after;
    }
    counts.delete(key);
    places.delete(key);
    for (const pair of changed) {
      const current = counts.get(pair);
      if (current === undefined) continue;
      if (current > 0) heap.push([current, pair]);
      else {
        counts.delete(pair);
        places.delete(pair);
      }
    }
  }
  return result;
}

/** The symbols with each `left right`, from the left on, replaced by `merged`. */
export function mergePair(symbols: readonly number[], left: number, right: number, merged: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0;
    if (symbol === left && symbols[i + 1] === right) {
      result.push(merged);
      i++;
    } else result.push(symbol);
  }
  return result;
}
