import { grown } from './word-table.ts';

const NONE = -1;

/**
 * Pairs of neighbouring tokens, numbered as they are added: how often each occurs, and in which words. A hash table and
 * linked lists in flat arrays.
 */
export class PairTable {
  left = new Int32Array(1 << 10);
  right = new Int32Array(1 << 10);
  counts = new Float64Array(1 << 10);
  /** first node of each pair's list of words */
  #heads = new Int32Array(1 << 10);
  #size = 0;
  /** number + 1 of the pair at each place; 0 = free */
  #slots = new Int32Array(1 << 12);

  get size(): number {
    return this.#size;
  }

  /** The number of a pair; −1 when it has none. */
  find(left: number, right: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = placeOf(left, right) & mask; ; slot = (slot + 1) & mask) {
      const pair = (slots[slot] ?? 0) - 1;
      if (pair < 0) return NONE;
      if (this.left[pair] === left && this.right[pair] === right) return pair;
    }
  }

  /** Adds a pair that is not there yet. @param words head of its list @returns its number */
  add(left: number, right: number, count: number, words: number): number {
    const pair = this.#size++;
    if (this.left.length <= pair) {
      this.left = grown(this.left, pair + 1);
      this.right = grown(this.right, pair + 1);
      this.counts = grown(this.counts, pair + 1);
      this.#heads = grown(this.#heads, pair + 1);
    }
    this.left[pair] = left;
    this.right[pair] = right;
    this.counts[pair] = count;
    this.#heads[pair] = words;
    if (this.#slots.length < 2 * this.#size) {
      this.#slots = new Int32Array(2 * this.#slots.length);
      for (let each = 0; each < this.#size; each++) this.#place(each);
    } else this.#place(pair);
    return pair;
  }

  /** Takes from a pair's count; pairs that are not kept are passed over. */
  subtract(left: number, right: number, amount: number): void {
    const pair = this.find(left, right);
    if (pair >= 0) this.counts[pair] = (this.counts[pair] ?? 0) - amount;
  }

  /** Sets the head of a pair's list of words. */
  setWords(pair: number, words: number): void {
    this.#heads[pair] = words;
  }

  wordsOf(pair: number): number {
    return this.#heads[pair] ?? NONE;
  }

  #place(pair: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = placeOf(this.left[pair] ?? 0, this.right[pair] ?? 0) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = pair + 1;
  }
}

function placeOf(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

/** Lists of word numbers, all in one array whose nodes are used again. A list is the number of its first node, −1 when empty. */
export class WordLists {
  /** two entries a node: the word, and the next node */
  #nodes: Int32Array;
  #used = 0;
  #free = NONE;

  /** @param nodes room for so many to begin with */
  constructor(nodes: number) {
    this.#nodes = new Int32Array(2 * Math.max(1, nodes));
  }

  /** Puts a word before a list, unless it is its first already. @returns the list's new head */
  push(list: number, word: number): number {
    if (list >= 0 && this.#nodes[2 * list] === word) return list;
    let node = this.#free;
    if (node >= 0) this.#free = this.next(node);
    else {
      node = this.#used++;
      if (this.#nodes.length < 2 * this.#used) this.#nodes = grown(this.#nodes, 2 * this.#used);
    }
    this.#nodes[2 * node] = word;
    this.#nodes[2 * node + 1] = list;
    return node;
  }

  wordAt(node: number): number {
    return this.#nodes[2 * node] ?? 0;
  }

  next(node: number): number {
    return this.#nodes[2 * node + 1] ?? NONE;
  }

  /** Gives all nodes of a list back. */
  release(list: number): void {
    for (let node = list; node >= 0; ) {
      const next = this.next(node);
      this.#nodes[2 * node + 1] = this.#free;
      this.#free = node;
      node = next;
    }
  }
}
