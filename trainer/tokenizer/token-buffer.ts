/** A list of token ids in one typed array that grows as they are added. */
export class TokenBuffer {
  /** the ids; those from `length` on mean nothing */
  ids: Int32Array;
  length = 0;

  constructor(room = 1 << 10) {
    this.ids = new Int32Array(room);
  }

  /** Makes room for so many more ids; `ids` may be another array afterwards. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.ids.length) return;
    const larger = new Int32Array(Math.max(needed, 2 * this.ids.length));
    larger.set(this.ids.subarray(0, this.length));
    this.ids = larger;
  }

  push(id: number): void {
    this.reserve(1);
    this.ids[this.length++] = id;
  }

  /** The ids as an array of their own. */
  toArray(): number[] {
    // Made at its full length it is filled four times as fast; above 2^25 such an array is a hash table to V8.
    if (this.length > 1 << 24) return Array.from(this.ids.subarray(0, this.length));
    const result = new Array<number>(this.length);
    for (let i = 0; i < result.length; i++) result[i] = this.ids[i] ?? 0;
    return result;
  }
}
