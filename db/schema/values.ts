/** The values that the schema's text columns may hold, and their types. Imports nothing, so pages may use it too. */

export const ROLES = ['contractor', 'researcher', 'admin'] as const;
/** What a person may do; each role may do what the ones before it may. */
export type Role = (typeof ROLES)[number];

export const USER_STATUSES = ['active', 'paused'] as const;

export const USER_KINDS = ['person', 'imported'] as const;

export const SPLITS = ['train', 'validation', 'evaluation'] as const;
/** Which part of the data a prompt belongs to; everything made from the prompt follows it. */
export type Split = (typeof SPLITS)[number];

export const TASK_KINDS = ['demonstration', 'ranking', 'review'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

export const TASK_PURPOSES = ['training', 'evaluation', 'gold', 'screening'] as const;
/**
 * Only `training` labels enter a dataset version. `gold`: a task whose answer is known, handed out among the others;
 * `screening`: one that is handed out before any real work.
 */
export type TaskPurpose = (typeof TASK_PURPOSES)[number];

export const PROMPT_FORMS = ['plain', 'few_shot', 'user_based'] as const;
/** InstructGPT's three kinds of prompts that labelers write themselves (Ouyang et al. 2022, section 3.2). */
export type PromptForm = (typeof PROMPT_FORMS)[number];

export const STANDINGS = ['good', 'warned', 'paused', 'revoked'] as const;
/**
 * How a person stands in a project. warned: told so, works on; paused: gets no work; revoked: gets no work, and their
 * labels enter no further dataset version.
 */
export type Standing = (typeof STANDINGS)[number];

export const REVIEW_REASONS = ['low_agreement', 'reward_disagreement', 'sampled', 'asked'] as const;
/** Why a label is reviewed. */
export type ReviewReason = (typeof REVIEW_REASONS)[number];

export const TASK_STATES = ['open', 'closed'] as const;

export const ASSIGNMENT_STATES = ['active', 'submitted', 'skipped', 'expired', 'late'] as const;
/**
 * active: leased, being worked on; submitted: its label counts; skipped: set aside by the labeler;
 * expired: the lease ran out, the draft is kept; late: labelled after the task had all it wanted, kept but not counted.
 */
export type AssignmentState = (typeof ASSIGNMENT_STATES)[number];

export const PROJECT_STATES = ['active', 'archived'] as const;

export const REVIEW_VERDICTS = ['accepted', 'rejected'] as const;
export type ReviewVerdict = (typeof REVIEW_VERDICTS)[number];

export const DATASET_KINDS = ['demonstrations', 'rankings'] as const;
export type DatasetKind = (typeof DATASET_KINDS)[number];

export const MODEL_KINDS = ['base', 'sft', 'reward', 'ppo'] as const;
export type ModelKind = (typeof MODEL_KINDS)[number];

export const RUN_STAGES = ['pretrain', 'sft', 'reward', 'ppo'] as const;
export type RunStage = (typeof RUN_STAGES)[number];

export const RUN_STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export const ROUND_STATES = [
  'demonstrations',
  'sft',
  'sampling',
  'ranking',
  'reward',
  'ppo',
  'evaluation',
  'done',
] as const;
export type RoundState = (typeof ROUND_STATES)[number];

export const ROUND_STATUSES = ['active', 'failed', 'cancelled', 'done'] as const;
export type RoundStatus = (typeof ROUND_STATUSES)[number];

export const JOB_STATES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const MATCH_OUTCOMES = ['a', 'b', 'tie'] as const;
