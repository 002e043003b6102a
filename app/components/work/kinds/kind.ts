import type { ComponentType } from 'react';
import type { Outputs } from '../../../lib/trpc.ts';

export type Work = Extract<Outputs['labeling']['next'], { status: 'work' }>['work'];
export type Draft = NonNullable<Work['draft']['content']>;
/** What is submitted. */
export type LabelContent = Outputs['labeling']['historyItem']['versions'][number]['content'];

/** What a label is about: on the page of the task, in the history, and in a review. */
export type Subject = Pick<Work, 'prompt' | 'brief' | 'completions'> & {
  assignmentId: string;
  settings: Work['project']['settings'];
  /** What a review judges; null for the other kinds. */
  review: Work['review'];
};

export interface EditorProps<D extends Draft> {
  subject: Subject;
  draft: D;
  change(draft: D): void;
}

/**
 * A kind of task on the pages: where one is worked on, read in the history, changed, or judged in a review. The
 * counterpart of the server's definition of the same name (server/labeling/kinds).
 */
export interface WorkKind<D extends Draft, C extends LabelContent> {
  /** `Ranking`: headings, lists. */
  name: string;
  /** The button that hands it in. */
  submitVerb: string;
  /** How this kind of work is done, for the labeler, in plain words; Markdown. */
  guide: string;
  /** Whether the guidelines may stand beside the work where there is room. */
  guidelinesBeside: boolean;
  /** An untouched draft. */
  empty(subject: Subject): D;
  isDraft(value: unknown): value is D;
  /** Whether anything was done that a skip would set aside. */
  isTouched(draft: D): boolean;
  /** Why it cannot be handed in yet; empty when it can. */
  missing(subject: Subject, draft: D): string;
  /** What is sent. Called when nothing is missing. */
  toContent(subject: Subject, draft: D): C;
  /** A draft that begins where a label stands, to change it. */
  fromContent(content: C): D;
  /** A draft in a line or more of plain words: two of them are told apart by it. */
  describe(subject: Subject, draft: D): string;
  /** Where it is worked on. Under the prompt, above the bar of actions. */
  Editor: ComponentType<EditorProps<D>>;
  /** What is shown once more before it is sent, as it will be stored; absent when it is sent at once. */
  Confirmation?: ComponentType<{ subject: Subject; draft: D }>;
  /** A submitted label, to be read. */
  View: ComponentType<{ subject: Subject; content: C }>;
}
