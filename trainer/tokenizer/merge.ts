import { Heap } from './heap.ts';

/** Above every rank: a pair that no merge joins. */
export const NO_MERGE = 0x7fffffff;

/** Learnt merges, looked up by pair: a hash table in one flat array. */
export class MergeTable {
  /** the id that a merge makes, by rank */
  readonly results: Int32Array;
  /** four entries a slot: left id, right id, rank, and 1 where the slot is taken */
  readonly #slots: Int32Array;
  readonly #mask: number;

  /** @param merges [left id, right id, merged id], the first merged first */
  constructor(merges: readonly (readonly [number, number, number])[]) {
    this.results = Int32Array.from(merges, ([, , merged]) => merged);
    let slots = 16;
    while (slots < 2 * merges.length) slots *= 2;
    this.#slots = new Int32Array(4 * slots);
    this.#mask = 4 * slots - 1;
    for (const [rank, [left, right]] of merges.entries()) {
      let slot = placeOf(left, right) & this.#mask;
      while (this.#slots[slot + 3] === 1 && !(this.#slots[slot] === left && this.#slots[slot + 1] === right))
        slot = (slot + 4) & this.#mask;
      // A pair listed twice has the later rank, as in Hugging Face's tokenizers.
      this.#slots.set([left, right, rank, 1], slot);
    }
  }

  /** How early a pair is merged, 0 = first of all; `NO_MERGE` where it is not. */
  rankOf(left: number, right: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let slot = placeOf(left, right) & mask; slots[slot + 3] === 1; slot = (slot + 4) & mask) {
      if (slots[slot] === left && slots[slot + 1] === right) return slots[slot + 2] ?? NO_MERGE;
    }
    return NO_MERGE;
  }
}

function placeOf(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) << 2;
}

/** Up to here, looking through the whole word for the next merge is quicker than keeping a heap. */
const SHORT_WORD = 64;
const ranksOfShortWord = new Int32Array(SHORT_WORD);

/**
 * Merges a word's byte tokens, the first `count` of `ids`, in place as far as the table goes: always the pair of the
 * lowest rank, the leftmost first.
 * @returns how many tokens are left
 */
export function mergeWord(ids: Int32Array, count: number, table: MergeTable): number {
  return count <= SHORT_WORD ? mergeShortWord(ids, count, table) : mergeLongWord(ids, count, table);
}

/** Keeps each pair's rank and looks through them for the lowest. Quadratic in the word's length, at most 64. */
export function mergeShortWord(ids: Int32Array, count: number, table: MergeTable): number {
  const ranks = ranksOfShortWord;
  for (let i = 1; i < count; i++) ranks[i - 1] = table.rankOf(ids[i - 1] ?? 0, ids[i] ?? 0);
  let length = count;
  for (;;) {
    let best = NO_MERGE;
    let at = -1;
    for (let i = 0; i < length - 1; i++) {
      const rank = ranks[i] ?? NO_MERGE;
      if (rank < best) {
        best = rank;
        at = i;
      }
    }
    if (at < 0) return length;
    ids[at] = table.results[best] ?? 0;
    length--;
    for (let i = at + 1; i < length; i++) {
      ids[i] = ids[i + 1] ?? 0;
      ranks[i - 1] = ranks[i] ?? NO_MERGE;
    }
    if (at > 0) ranks[at - 1] = table.rankOf(ids[at - 1] ?? 0, ids[at] ?? 0);
    if (at < length - 1) ranks[at] = table.rankOf(ids[at] ?? 0, ids[at + 1] ?? 0);
  }
}

/** The same with a heap of candidate pairs over a linked list: n log n, for the words of hundreds of kilobytes. */
export function mergeLongWord(ids: Int32Array, count: number, table: MergeTable): number {
  const { results } = table;
  const symbols = ids.slice(0, count);
  const next = Int32Array.from({ length: count }, (_, i) => i + 1);
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
  // rank and place in one number: 2^21 ranks by 2^31 places stay below 2^53.
  const places = 2 ** 31;
  const heap = new Heap<number>((a, b) => a < b);
  const rankAt = (left: number): number => {
    const right = next[left] ?? count;
    return right < count ? table.rankOf(symbols[left] ?? 0, symbols[right] ?? 0) : NO_MERGE;
  };
  const consider = (left: number): void => {
    const rank = left >= 0 ? rankAt(left) : NO_MERGE;
    if (rank !== NO_MERGE) heap.push(rank * places + left);
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
  let length = 0;
  for (const symbol of symbols) if (symbol !== -1) ids[length++] = symbol;
  return length;
}
