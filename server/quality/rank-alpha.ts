import { alphaOfCoincidences } from '@touchstone/trainer/evaluation/agreement.ts';
import type { Interval } from '@touchstone/trainer/evaluation/intervals.ts';

/** Parts of the prompts that are left out in turn for the interval. */
const BLOCKS = 20;
/** 97.5 % quantile of Student's t with 19 degrees of freedom. */
const T = 2.093024054408263;

/** α with its 95 % interval; the interval is null when there are too few prompts for one. */
export interface Alpha {
  value: number;
  interval: Interval | null;
}

/**
 * Krippendorff's ordinal α of rankings, a stream of pairs of labelers at a time. A unit is a completion in a task, its
 * values are the ranks that people gave it (mean ranks where they tie). Ranks among three and ranks among nine are
 * different scales: pooled, they would agree by being on the same scale. So each number of completions has its own
 * coincidence matrix and α, and the whole is their mean, weighted by the values in each.
 *
 * The interval is a jackknife over prompts in 20 blocks (Shao and Tu 1995, section 2.3): α without each block, and
 * Student's t with 19 degrees of freedom.
 */
export class RankAlpha {
  /** For each number of completions a matrix for each block of prompts, over mean ranks 1, 1.5, 2 … */
  readonly #matrices = new Map<number, (Float64Array | undefined)[]>();
  readonly #blocks = new Set<number>();

  /**
   * Counts the ranks of one task that two people gave.
   * @param prompt running number of the prompt: which block it is in
   * @param weight 1 / (people who ranked the task − 1)
   */
  add(prompt: number, one: readonly number[], other: readonly number[], weight: number): void {
    const size = one.length;
    const width = 2 * size - 1;
    const block = prompt % BLOCKS;
    let blocks = this.#matrices.get(size);
    if (!blocks) {
      blocks = new Array(BLOCKS);
      this.#matrices.set(size, blocks);
    }
    const matrix = blocks[block] ?? new Float64Array(width * width);
    blocks[block] = matrix;
    this.#blocks.add(block);
    for (let i = 0; i < size; i++) {
      const x = 2 * (one[i] ?? 1) - 2;
      const y = 2 * (other[i] ?? 1) - 2;
      matrix[x * width + y] = (matrix[x * width + y] ?? 0) + weight;
      matrix[y * width + x] = (matrix[y * width + x] ?? 0) + weight;
    }
  }

  /** Null when no two people ranked the same, or all of them tied everything. */
  get alpha(): Alpha | null {
    const value = this.#without(null);
    if (!Number.isFinite(value)) return null;
    if (this.#blocks.size < BLOCKS) return { value, interval: null };
    const left = [...this.#blocks].map((block) => this.#without(block));
    const mean = left.reduce((sum, one) => sum + one, 0) / BLOCKS;
    const squares = left.reduce((sum, one) => sum + (one - mean) ** 2, 0);
    const arm = T * Math.sqrt(((BLOCKS - 1) / BLOCKS) * squares);
    return {
      value,
      interval: Number.isFinite(arm)
        ? { mean: value, low: value - arm, high: Math.min(1, value + arm) }
        : null,
    };
  }

  /** α without one block of prompts. */
  #without(left: number | null): number {
    let sum = 0;
    let total = 0;
    for (const [size, blocks] of this.#matrices) {
      const width = 2 * size - 1;
      const matrix = new Float64Array(width * width);
      for (const [block, part] of blocks.entries()) {
        if (!part || block === left) continue;
        for (let i = 0; i < part.length; i++) matrix[i] = (matrix[i] ?? 0) + (part[i] ?? 0);
      }
      const values = matrix.reduce((all, cell) => all + cell, 0);
      if (values === 0) continue;
      const ranks = Array.from({ length: width }, (_, index) => 1 + index / 2);
      const alpha = alphaOfCoincidences(matrix, ranks, 'ordinal');
      if (Number.isNaN(alpha)) continue;
      sum += alpha * values;
      total += values;
    }
    return sum / total;
  }
}
