import type { Measurement } from './row.ts';

export interface BenchOptions {
  /** threads of both sides */
  threads: number;
  /** also what takes minutes */
  full: boolean;
  /** tells how far it is, and what a reader of the figures must know */
  say(line: string): void;
}

/** A folder of benchmarks: its `suite.ts` exports one of these as `suite`. */
export interface Suite {
  run(options: BenchOptions): Promise<Measurement[]>;
}
