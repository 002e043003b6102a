/** The words that every kind of work shares. Imports words only, so that pages may use them too. */
export {
  ASSIGNMENT_STATES,
  type AssignmentState,
  TASK_KINDS,
  type TaskKind,
} from '@/db/schema/values.ts';

/** Why a task is skipped. */
export const SKIP_REASONS = {
  unclear: 'The prompt is unclear',
  too_hard: 'I do not know enough about it',
  harmful: 'I would rather not work on this',
  wrong_language: 'Not in a language that I know',
  broken: 'Something is broken',
  other: 'Another reason',
} as const;
export type SkipReason = keyof typeof SKIP_REASONS;

/** The longest text that one label, prompt or completion may hold, in UTF-16 code units. */
export const LONGEST_TEXT = 400_000;
