/** The values that the schema's text columns may hold, and their types. Imports nothing, so pages may use it too. */

export const ROLES = ['contractor', 'researcher', 'admin'] as const;
/** What a person may do; each role may do what the ones before it may. */
export type Role = (typeof ROLES)[number];

export const USER_STATUSES = ['active', 'paused'] as const;

export const USER_KINDS = ['person', 'imported'] as const;

export const SPLITS = ['train', 'validation', 'evaluation'] as const;
/** Which part of the data a prompt belongs to; everything made from the prompt follows it. */
export type Split = (typeof SPLITS)[number];

export const TASK_KINDS = ['demonstration', 'ranking'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

export const TASK_PURPOSES = ['training', 'evaluation', 'gold'] as const;
/** `evaluation` and `gold` labels never enter a dataset version. */
export type TaskPurpose = (typeof TASK_PURPOSES)[number];

export const TASK_STATES = ['open', 'closed'] as const;

export const ASSIGNMENT_STATES = ['active', 'submitted', 'skipped', 'expired', 'late'] as const;
/**
 * active: leased, being worked on; submitted: its label counts; skipped: set aside by the labeler;
 * expired: the lease ran out, the draft is kept; late: labelled after the task had all it wanted, kept but not counted.
 */
export type AssignmentState = (typeof ASSIGNMENT_STATES)[number];

export const PROJECT_STATES = ['active', 'archived'] as const;

export const REVIEW_VERDICTS = ['accepted', 'rejected'] as const;

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
