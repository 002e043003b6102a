import type { Transaction } from '@/db/client.ts';
import type { tasks } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { Project } from '../people/access.ts';
import type { Assignment } from './own-assignment.ts';

export type Task = typeof tasks.$inferSelect;

/** The columns that every kind of label has, as a submission or an edit fills them. */
export interface LabelBase {
  assignmentId: string;
  taskId: string;
  projectId: string;
  promptId: string;
  labelerId: string;
  guidelineId: string | null;
  version: number;
  late: boolean;
  idempotencyKey: string;
  activeSeconds: number;
}

/** What a label answers: the assignment, locked, with its task and project, and the transaction that holds the lock. */
export interface Answering {
  tx: Transaction;
  assignment: Assignment;
  task: Task;
  project: Project;
}

/** The row that an insert returned. */
export function written<T>(rows: T[]): T {
  const [row] = rows;
  if (row === undefined) throw new AppError('INTERNAL', 'The label was not written; nothing was changed.');
  return row;
}
