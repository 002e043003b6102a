/** What a pool keeps at most; beyond it everything is given back to the garbage collector. */
const MOST_BYTES = 1 << 30;

/**
 * Float32Arrays for reuse. A fresh array costs its zeroing and a page fault for every 4 kB, more than most kernels
 * take; a training step needs the same sizes again and again.
 */
export class BufferPool {
  private readonly free = new Map<number, Float32Array[]>();
  private held = 0;

  /** Bytes that wait for reuse. */
  get heldBytes(): number {
    return this.held;
  }

  /** An array of `length` floats, with anything in it. */
  take(length: number): Float32Array {
    const capacity = sizeClass(length);
    const array = this.free.get(capacity)?.pop();
    if (!array) return new Float32Array(new ArrayBuffer(capacity * 4), 0, length);
    this.held -= capacity * 4;
    return array.length === length ? array : new Float32Array(array.buffer, 0, length);
  }

  /** Takes back an array that came from `take` and that nothing else refers to. */
  give(array: Float32Array): void {
    const bytes = array.buffer.byteLength;
    if (this.held + bytes > MOST_BYTES) this.clear();
    const capacity = bytes / 4;
    const waiting = this.free.get(capacity);
    if (waiting) waiting.push(array);
    else this.free.set(capacity, [array]);
    this.held += bytes;
  }

  clear(): void {
    this.free.clear();
    this.held = 0;
  }
}

/** Lengths are rounded up to a quarter of their power of two, so that sizes that vary a little share arrays. */
function sizeClass(length: number): number {
  if (length <= 64) return 64;
  const quarter = 2 ** (29 - Math.clz32(length - 1));
  return Math.ceil(length / quarter) * quarter;
}
