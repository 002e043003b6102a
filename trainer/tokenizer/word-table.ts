/** Distinct words (byte strings), numbered from 0 in the order in which they were added. A hash table in flat arrays. */
export class WordTable {
  /** the words' bytes, one after the other */
  #bytes = new Uint8Array(1 << 12);
  /** where each word begins in them, and the end of the last */
  #starts = new Uint32Array(1 << 9);
  #size = 0;
  /** pairs of hash and number + 1 (0 = free), found by looking on from the hash's own place */
  #slots = new Int32Array(1 << 11);

  get size(): number {
    return this.#size;
  }

  /** The number of the word `bytes[start..end)`; −1 when it has none. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const length = end - start;
    const hash = hashOf(bytes, start, end);
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const number = (slots[slot + 1] ?? 0) - 1;
      if (number < 0) return -1;
      if (slots[slot] !== hash) continue;
      const own = this.#starts[number] ?? 0;
      if ((this.#starts[number + 1] ?? 0) - own !== length) continue;
      const kept = this.#bytes;
      let i = 0;
      while (i < length && kept[own + i] === bytes[start + i]) i++;
      if (i === length) return number;
    }
  }

  /** Adds a word that is not there yet. @returns its number */
  add(bytes: Uint8Array, start: number, end: number): number {
    const number = this.#size++;
    const own = this.#starts[number] ?? 0;
    const length = end - start;
    if (this.#starts.length < number + 2) this.#starts = grown(this.#starts, number + 2);
    if (this.#bytes.length < own + length) this.#bytes = grown(this.#bytes, own + length);
    for (let i = 0; i < length; i++) this.#bytes[own + i] = bytes[start + i] ?? 0;
    this.#starts[number + 1] = own + length;
    if (this.#slots.length < 4 * this.#size) {
      this.#slots = new Int32Array(2 * this.#slots.length);
      for (let each = 0; each < this.#size; each++) this.#place(each);
    } else this.#place(number);
    return number;
  }

  /** The bytes of a word; a view, valid until the next is added. */
  bytesOf(number: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[number] ?? 0, this.#starts[number + 1] ?? 0);
  }

  /** Forgets all words but keeps the memory for others. */
  clear(): void {
    this.#size = 0;
    this.#slots.fill(0);
  }

  #place(number: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const hash = hashOf(this.#bytes, this.#starts[number] ?? 0, this.#starts[number + 1] ?? 0);
    let slot = (hash << 1) & mask;
    while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
    slots[slot] = hash;
    slots[slot + 1] = number + 1;
  }
}

/** FNV-1a, its high bits mixed into the low ones, by which the table is entered. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 12);
}

/** The same array with room for at least `least` entries. */
export function grown<A extends Uint8Array | Uint32Array | Int32Array | Float64Array>(
  array: A,
  least: number,
): A {
  const larger = new (array.constructor as new (length: number) => A)(Math.max(least, 2 * array.length));
  larger.set(array);
  return larger;
}
