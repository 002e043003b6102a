import type { PromptForm, ReviewVerdict, TaskKind } from './values.ts';

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
  wantedLabels: Record<TaskKind, number>;
  /** Seconds that a lease lasts without a heartbeat. */
  leaseSeconds: number;
  /** Whether labelers rate each completion 1–7 and flag it before ranking. */
  ratings: 'off' | 'optional' | 'required';
  /** Whether labelers say how much better one rank is than the next. */
  strengths: boolean;
  /** Tasks whose answer is known, mixed in among the others. */
  gold: {
    /** The share of tasks handed out that are gold, 0 to 0.5. */
    rate: number;
    /** Whether labelers see their own gold accuracy. */
    shown: boolean;
  };
  /** Tasks to be passed before any real work; null when there are none. */
  screening: {
    /** Screening tasks to be done. */
    tasks: number;
    /** Mean accuracy on them that passes, 0 to 1. */
    pass: number;
  } | null;
  /** Labels that one person may submit in a day (UTC), all kinds together; null for no limit. */
  dailyCap: number | null;
  /** What puts a task's labels into the review queue. */
  review: {
    /** Mean pairwise agreement of its rankings below which a task is reviewed, 0 to 1; null for never. */
    agreementBelow: number | null;
    /** Reward margin, in the reward model's normalised units, by which it must contradict a labeler; null for never. */
    rewardMargin: number | null;
    /** Share of all labels that are reviewed whatever they are, 0 to 1. */
    sampled: number;
  };
}

/** What a task asks for when it has no prompt yet: the labeler writes the prompt too. */
export interface Brief {
  form: PromptForm;
  /** What to write about, in a sentence or two; Markdown. */
  instruction: string;
}

/** How much better a rank is than the one below it. */
export type Strength = 'negligible' | 'slight' | 'better' | 'significant';

/** What is typed but not yet sent. */
export type Draft = DemonstrationDraft | RankingDraft | ReviewDraft;

export interface DemonstrationDraft {
  kind: 'demonstration';
  text: string;
  /** The prompt, turn by turn, when the labeler writes that too; the last turn is the user's. */
  prompt: Message[] | null;
  /** Closing questions answered with yes. */
  checklist: string[];
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

export interface ReviewDraft {
  kind: 'review';
  /** One for each label looked at so far. */
  verdicts: { labelId: string; verdict: ReviewVerdict | null; comment: string }[];
  /** The reviewer's own answer, when they give one. */
  answer: DemonstrationDraft | RankingDraft | null;
}

/** What put a task's labels into review, in numbers; which of them depends on the reason. */
export interface ReviewFinding {
  /** Share of the pairs on which its rankings agree, 0 to 1, and of how many pairs. */
  agreement?: number;
  pairs?: number;
  /** The pair on which the reward model contradicts a labeler the most, and by how much, in its normalised units. */
  margin?: number;
  /** The completion that the reward model prefers, and the one that the labeler preferred. */
  preferred?: string;
  over?: string;
  /** What whoever asked for it wants looked at. */
  note?: string;
}

/** Labels that a freeze left out, by why; a reason that kept none out is absent. */
export interface LeftOut {
  /** Rejected in review. */
  rejected?: number;
  /** Of people whose labels count no more in the project. */
  revoked?: number;
}

/** Labels in a dataset version, by split. */
export interface SplitCounts {
  total: number;
  train: number;
  validation: number;
  evaluation: number;
}
