/** One report of a stage's numbers. `step` counts from 1 to `totalSteps`; names are camelCase, units in docs of the stage. */
export interface MetricsReport {
  step: number;
  totalSteps: number;
  values: Record<string, number>;
}

/** A completion that a model wrote during training; `reward` is the normalised reward-model score where one is at hand. */
export interface Sample {
  prompt: string;
  completion: string;
  reward?: number;
}

/** Samples from the stage's fixed prompts; `step` 0 is before the first update. */
export interface SamplesReport {
  step: number;
  samples: Sample[];
}

/** What a stage needs from whoever runs it: the CLI, the worker, a test. The caller opens the device first. */
export interface StageContext {
  /** Everything that the run writes. When it holds a state of the very same config, the run goes on from there. */
  runFolder: string;
  /**
   * On abort the stage finishes the step that it is in, PPO only the minibatch, writes its state and a checkpoint, and
   * returns 'interrupted'.
   */
  signal: AbortSignal;
  onMetrics(report: MetricsReport): void | Promise<void>;
  onSamples(report: SamplesReport): void | Promise<void>;
  onMessage(line: string): void;
  /**
   * Called before a state, or the run's end, is written. A caller that gathers reports must have stored them when this
   * returns: a run that goes on from that state does not make them again.
   */
  beforeSave?(): void | Promise<void>;
}

/** How a stage ended. */
export interface StageResult {
  status: 'completed' | 'interrupted';
  /** The Hugging Face folder that the run wrote last: the result when completed, the latest weights when interrupted. */
  checkpoint: string;
  /** The last value of each metric, and the stage's closing figures. */
  metrics: Record<string, number>;
  /** The step that the run went on from, or null when it began here. */
  resumedFrom: number | null;
}

export const stageNames = ['pretrain', 'sft', 'reward', 'ppo', 'dpo'] as const;
export type StageName = (typeof stageNames)[number];
