import { and, eq } from 'drizzle-orm';
import type { Executor, Transaction } from '@/db/client.ts';
import { assignments, projects, type TaskKind, tasks } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { Answering } from './label.ts';

export type Assignment = typeof assignments.$inferSelect;

/** Somebody's request about one of their own assignments. */
export interface OwnAssignment {
  assignmentId: string;
  labelerId: string;
}

const none = () => new AppError('NOT_FOUND', 'There is no such assignment, or it is another person’s.');

/**
 * Locks an assignment for the rest of the transaction, when it belongs to the labeler.
 * @throws NOT_FOUND when it does not exist or is somebody else's: the two look alike on purpose
 */
export async function lockOwn(
  tx: Transaction,
  { assignmentId, labelerId }: OwnAssignment,
): Promise<Answering> {
  const [row] = await tx
    .select({ assignment: assignments, task: tasks, project: projects })
    .from(assignments)
    .innerJoin(tasks, eq(tasks.id, assignments.taskId))
    .innerJoin(projects, eq(projects.id, assignments.projectId))
    .where(and(eq(assignments.id, assignmentId), eq(assignments.labelerId, labelerId)))
    .for('update', { of: assignments });
  if (!row) throw none();
  return { tx, ...row };
}

/** Reads an assignment, when it belongs to the labeler. Errors as lockOwn's. */
export async function findOwn(db: Executor, { assignmentId, labelerId }: OwnAssignment): Promise<Assignment> {
  const [assignment] = await db
    .select()
    .from(assignments)
    .where(and(eq(assignments.id, assignmentId), eq(assignments.labelerId, labelerId)));
  if (!assignment) throw none();
  return assignment;
}

/** Refuses content of one kind for an assignment of another. */
export function requireKind(assignment: Assignment, kind: TaskKind): void {
  if (assignment.kind !== kind) {
    throw new AppError(
      'BAD_INPUT',
      `This assignment is a ${assignment.kind}: expected a ${assignment.kind}, not a ${kind}.`,
    );
  }
}
