import { and, eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/db/client.ts';
import { assignments, tasks } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { findMember, placesToday, type Worker, whyBarred, whyCapped } from './allowance.ts';
import { leaseEnd, lockTaking, takePlace } from './assign.ts';
import { findOwn, lockOwn, type OwnAssignment } from './own-assignment.ts';
import type { SkipReason } from './vocabulary.ts';

/** Sets a task aside for good (undoSkip brings it back). Its place goes to somebody else; the draft is kept. */
export async function skip(
  db: Database,
  input: OwnAssignment & { reason: SkipReason; note: string },
): Promise<void> {
  await db.transaction(async (tx) => {
    const { assignment } = await lockOwn(tx, input);
    if (assignment.state === 'skipped') return;
    if (assignment.state !== 'active' && assignment.state !== 'expired') {
      throw new AppError('CONFLICT', 'This task is submitted already: it can no longer be skipped.');
    }
    await tx
      .update(assignments)
      .set({
        state: 'skipped',
        leaseUntil: null,
        endedAt: sql`now()`,
        skipReason: input.reason,
        skipNote: input.note,
      })
      .where(eq(assignments.id, assignment.id));
    if (assignment.state === 'active') {
      await tx
        .update(tasks)
        .set({ taken: sql`${tasks.taken} - 1` })
        .where(eq(tasks.id, assignment.taskId));
    }
  });
}

/**
 * Takes a skip back. The task returns to the person's hands when it still wants a label and they hold nothing else of
 * its kind that has a draft; a task handed out since and not yet begun is given back for it.
 * @throws CONFLICT when the place is taken, when work has begun on the task that came after, or when the person gets no
 * more work now (paused, or done for the day)
 */
export async function undoSkip(db: Database, input: OwnAssignment): Promise<void> {
  await db.transaction(async (tx) => {
    const { labelerId, projectId } = await findOwn(tx, input);
    await lockTaking(tx, labelerId, projectId);
    const { assignment, project } = await lockOwn(tx, input);
    if (assignment.state === 'active') return;
    if (assignment.state !== 'skipped') throw new AppError('CONFLICT', 'This task was not skipped.');
    const [held] = await tx
      .select()
      .from(assignments)
      .where(
        and(
          eq(assignments.labelerId, assignment.labelerId),
          eq(assignments.projectId, assignment.projectId),
          eq(assignments.kind, assignment.kind),
          eq(assignments.state, 'active'),
        ),
      )
      .for('update');
    await requireAllowed(tx, { labelerId, project }, held !== undefined);
    if (held) {
      if (held.draftRevision > 0) {
        throw new AppError('CONFLICT', 'You have begun the next task: submit or skip that one first.');
      }
      await tx
        .update(assignments)
        .set({ state: 'expired', leaseUntil: null, endedAt: sql`now()` })
        .where(eq(assignments.id, held.id));
    }
    // Tasks in the order of their ids, as everywhere (assign.ts).
    const giveBack = async () => {
      if (!held) return;
      await tx
        .update(tasks)
        .set({ taken: sql`${tasks.taken} - 1` })
        .where(eq(tasks.id, held.taskId));
    };
    const heldFirst = held !== undefined && held.taskId < assignment.taskId;
    if (heldFirst) await giveBack();
    if (!(await takePlace(tx, assignment.taskId))) {
      throw new AppError(
        'CONFLICT',
        'Somebody else has taken this task meanwhile; your draft is kept in your history.',
      );
    }
    if (!heldFirst) await giveBack();
    await tx
      .update(assignments)
      .set({
        state: 'active',
        leaseUntil: leaseEnd(project),
        endedAt: null,
        skipReason: null,
        skipNote: null,
      })
      .where(eq(assignments.id, assignment.id));
  });
}

/**
 * @param exchanges whether another task goes back for it
 * @throws CONFLICT when the person gets no work now
 */
async function requireAllowed(tx: Transaction, worker: Worker, exchanges: boolean): Promise<void> {
  const { project } = worker;
  const { dailyCap } = project.settings;
  const barred = whyBarred(project, await findMember(tx, worker));
  if (barred !== null) throw new AppError('CONFLICT', barred);
  if (dailyCap !== null && !exchanges && (await placesToday(tx, worker)) >= dailyCap) {
    throw new AppError('CONFLICT', `${whyCapped(project, dailyCap)} Your draft is kept in your history.`);
  }
}
