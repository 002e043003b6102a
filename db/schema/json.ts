/** What the JSON columns hold. The server parses them strictly where they come in; the types here name the shape. */

/** One turn of a conversation. */
export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** How a completion was sampled. */
export interface SamplingSettings {
  temperature?: number;
  topK?: number;
  topP?: number;
  maxNewTokens?: number;
  seed?: number;
  [setting: string]: unknown;
}

/** How a project wants its work done. */
export interface ProjectSettings {
  /** Labels that each new task wants, by kind. */
  wantedLabels: { demonstration: number; ranking: number };
  /** Seconds that a lease lasts without a heartbeat. */
  leaseSeconds: number;
  /** Whether labelers rate each completion 1–7 and flag it before ranking. */
  ratings: 'off' | 'optional' | 'required';
  /** Whether labelers say how much better one rank is than the next. */
  strengths: boolean;
}

/** How much better a rank is than the one below it. */
export type Strength = 'negligible' | 'slight' | 'better' | 'significant';

/** What is typed but not yet sent. */
export type Draft = DemonstrationDraft | RankingDraft;

export interface DemonstrationDraft {
  kind: 'demonstration';
  text: string;
}

export interface RankingDraft {
  kind: 'ranking';
  /** Completion ids, best first, ties together; completions not yet placed are absent. */
  groups: string[][];
  strengths: (Strength | null)[];
  allBad: boolean;
  ratings: { completionId: string; overall: number | null; flags: string[] }[];
  note: string;
}

/** Labels in a dataset version, by split. */
export interface SplitCounts {
  total: number;
  train: number;
  validation: number;
  evaluation: number;
}
