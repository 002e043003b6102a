import { quantile } from '@touchstone/trainer/evaluation/intervals.ts';

/** Characters that count as a word, its space among them. */
const CHARACTERS_PER_WORD = 6;
/**
 * Words a minute that nobody reads: silent reading is at 175 to 300 (Brysbaert 2019), skimming at about twice that.
 */
export const FASTEST_READING = 1000;
/** Words a minute that nobody types: text faster than that was not written here. */
export const FASTEST_WRITING = 200;

/** What a label took to read and to write, in characters. */
export interface Effort {
  read: number;
  written: number;
  /** 0 when it was not measured. */
  activeSeconds: number;
}

export interface SpeedFigures {
  /** Labels whose time was measured. */
  measured: number;
  medianSeconds: number;
  /** A tenth of the labels took less, and a tenth longer. */
  p10Seconds: number;
  p90Seconds: number;
  /** Median words read or written in a minute. */
  wordsPerMinute: number;
  /** Labels that took less time than reading at 1,000 and writing at 200 words a minute would. */
  tooFast: number;
}

/** The least seconds in which anybody could read and write so much. */
export function leastSeconds({ read, written }: Pick<Effort, 'read' | 'written'>): number {
  return (60 / CHARACTERS_PER_WORD) * (read / FASTEST_READING + written / FASTEST_WRITING);
}

/** Gathers how long labels took. */
export class Speed {
  readonly #seconds: number[] = [];
  readonly #wordsPerMinute: number[] = [];
  #tooFast = 0;

  add(effort: Effort): void {
    if (!(effort.activeSeconds > 0)) return;
    this.#seconds.push(effort.activeSeconds);
    const words = (effort.read + effort.written) / CHARACTERS_PER_WORD;
    this.#wordsPerMinute.push((words / effort.activeSeconds) * 60);
    if (effort.activeSeconds < leastSeconds(effort)) this.#tooFast++;
  }

  /** Null when no time was measured. */
  get figures(): SpeedFigures | null {
    if (this.#seconds.length === 0) return null;
    const seconds = Float64Array.from(this.#seconds).sort();
    return {
      measured: seconds.length,
      medianSeconds: quantile(seconds, 0.5),
      p10Seconds: quantile(seconds, 0.1),
      p90Seconds: quantile(seconds, 0.9),
      wordsPerMinute: quantile(Float64Array.from(this.#wordsPerMinute).sort(), 0.5),
      tooFast: this.#tooFast,
    };
  }
}
