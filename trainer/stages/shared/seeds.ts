import { Random } from '../../engine/random.ts';

/**
 * A seed for one purpose at one place of a run. Every draw of a stage depends on nothing but the config's seed, what it is
 * for, and the step: a resumed run draws the same without any random state to restore.
 *
 * @returns an unsigned 32-bit integer
 */
export function seedFor(seed: number, purpose: string, ...at: number[]): number {
  // FNV-1a over the text, then the finalizer of MurmurHash3, so that neighbouring steps get unrelated seeds.
  let hash = 2166136261;
  for (const character of `${seed}|${purpose}|${at.join('|')}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** An endless walk over `count` items: each epoch visits all of them once, in an order of its own. */
export class ShuffledOrder {
  readonly #count: number;
  readonly #seed: number;
  readonly #orders = new Map<number, number[]>();

  constructor(count: number, seed: number) {
    this.#count = count;
    this.#seed = seed;
  }

  /** The items at places `from` to `from + count` of the walk; any place can be asked for at any time. */
  take(from: number, count: number): number[] {
    return Array.from({ length: count }, (_, i) => this.#at(from + i));
  }

  #at(place: number): number {
    const epoch = Math.floor(place / this.#count);
    let order = this.#orders.get(epoch);
    if (!order) {
      order = Array.from({ length: this.#count }, (_, i) => i);
      new Random(seedFor(this.#seed, 'order', epoch)).shuffle(order);
      if (this.#orders.size > 2) this.#orders.clear();
      this.#orders.set(epoch, order);
    }
    return order[place % this.#count] ?? 0;
  }
}
