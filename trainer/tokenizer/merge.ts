import { Heap } from './heap.ts';

/** Learnt merges, looked up by pair. */
export interface MergeTable {
  /** left id × size + right id → rank, 0 = merged first */
  ranks: ReadonlyMap<number, number>;
  /** above every id */
  size: number;
  /** the id that a merge makes, by rank */
  results: ArrayLike<number>;
}

/** Up to here, looking through the whole word for the next merge is quicker than keeping a heap. */
const SHORT_WORD = 64;

/** Merges a word's byte tokens as far as the table goes: always the pair of the lowest rank, the leftmost first. */
export function mergeWord(ids: number[], table: MergeTable): number[] {
  return ids.length <= SHORT_WORD ? mergeShortWord(ids, table) : mergeLongWord(ids, table);
}

/** The plain form: look for the best pair, merge it, look again. Quadratic in the word's length. */
export function mergeShortWord(ids: readonly number[], { ranks, size, results }: MergeTable): number[] {
  const word = [...ids];
  for (;;) {
    let best = Number.POSITIVE_INFINITY;
    let at = -1;
    for (let i = 1; i < word.length; i++) {
      const rank = ranks.get((word[i - 1] ?? 0) * size + (word[i] ?? 0));
      if (rank !== undefined && rank < best) {
        best = rank;
        at = i - 1;
      }
    }
    if (at < 0) return word;
    word.splice(at, 2, results[best] ?? 0);
  }
}

/** The same with a heap of candidate pairs over a linked list: n log n, for the words of hundreds of kilobytes. */
export function mergeLongWord(ids: readonly number[], { ranks, size, results }: MergeTable): number[] {
  const count = ids.length;
  const symbols = Int32Array.from(ids);
  const next = Int32Array.from({ length: count }, (_, i) => i + 1);
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
  // rank and place in one number: 2^21 ranks by 2^31 places stay below 2^53.
  const places = 2 ** 31;
  const heap = new Heap<number>((a, b) => a < b);
  const rankAt = (left: number): number | undefined => {
    const right = next[left] ?? count;
    return right < count ? ranks.get((symbols[left] ?? 0) * size + (symbols[right] ?? 0)) : undefined;
  };
  const consider = (left: number): void => {
    const rank = left >= 0 ? rankAt(left) : undefined;
    if (rank !== undefined) heap.push(rank * places + left);
  };
  for (let i = 0; i < count; i++) consider(i);
  for (let entry = heap.pop(); entry !== undefined; entry = heap.pop()) {
    const rank = Math.floor(entry / places);
    const left = entry % places;
    // Merged away, or its pair has changed since.
    if (symbols[left] === -1 || rankAt(left) !== rank) continue;
    const right = next[left] ?? count;
    symbols[left] = results[rank] ?? 0;
    symbols[right] = -1;
    const following = next[right] ?? count;
    next[left] = following;
    if (following < count) previous[following] = left;
    consider(previous[left] ?? -1);
    consider(left);
  }
  return Array.from(symbols).filter((symbol) => symbol !== -1);
}
