/** The smallest buffer: a program cannot be given an empty one, as an empty tensor would have. */
const LEAST_BYTES = 4;
/** Free buffers are kept up to this, or up to what is in use if that is more. */
const FREE_BYTES = 64 << 20;

/**
 * Buffers of the graphics processor, reused by size and usage. It stands in for tfjs's own manager, which keeps every free
 * buffer for ever: batches of ever new shapes would fill the memory. Here the sizes unused for longest go first.
 */
export class GpuBufferPool {
  numBytesUsed = 0;
  numBytesAllocated = 0;
  readonly #device: GPUDevice;
  /** by size and usage, the least recently used first */
  readonly #free = new Map<string, GPUBuffer[]>();
  readonly #used = new Set<GPUBuffer>();
  readonly #freeBytes: number;

  constructor(device: GPUDevice, freeBytes = FREE_BYTES) {
    this.#device = device;
    this.#freeBytes = freeBytes;
  }

  /** A buffer of exactly this many bytes, or the least; a reused one is not mapped, whatever `mappedAtCreation` asks. */
  acquireBuffer(bytes: number, usage: number, mappedAtCreation = false, reuse = true): GPUBuffer {
    const size = Math.max(bytes, LEAST_BYTES);
    const key = `${size}_${usage}`;
    const kept = reuse ? this.#free.get(key) : undefined;
    let buffer = kept?.pop();
    if (kept) {
      this.#free.delete(key);
      if (kept.length > 0) this.#free.set(key, kept);
    }
    if (!buffer) {
      this.#trim();
      buffer = this.#device.createBuffer({ size, usage, mappedAtCreation });
      this.numBytesAllocated += size;
    }
    this.#used.add(buffer);
    this.numBytesUsed += size;
    return buffer;
  }

  releaseBuffer(buffer: GPUBuffer, reuse = true): void {
    if (!this.#used.delete(buffer)) return;
    this.numBytesUsed -= buffer.size;
    if (!reuse) {
      this.#destroy(buffer);
      return;
    }
    const key = `${buffer.size}_${buffer.usage}`;
    const kept = this.#free.get(key) ?? [];
    kept.push(buffer);
    this.#free.delete(key);
    this.#free.set(key, kept);
  }

  getNumUsedBuffers(): number {
    return this.#used.size;
  }

  getNumFreeBuffers(): number {
    let count = 0;
    for (const kept of this.#free.values()) count += kept.length;
    return count;
  }

  dispose(): void {
    for (const buffer of this.#used) this.#destroy(buffer);
    for (const kept of this.#free.values()) for (const buffer of kept) this.#destroy(buffer);
    this.#used.clear();
    this.#free.clear();
    this.numBytesUsed = 0;
  }

  #trim(): void {
    const most = Math.max(this.#freeBytes, this.numBytesUsed);
    for (const [key, kept] of this.#free) {
      while (this.numBytesAllocated - this.numBytesUsed > most) {
        const buffer = kept.pop();
        if (!buffer) break;
        this.#destroy(buffer);
      }
      if (kept.length > 0) return;
      this.#free.delete(key);
    }
  }

  #destroy(buffer: GPUBuffer): void {
    buffer.destroy();
    this.numBytesAllocated -= buffer.size;
  }
}
