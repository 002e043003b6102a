import { and, eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { assignments } from '@/db/schema.ts';
import { findMember, whyBarred } from './allowance.ts';
import { leaseEnd, lockTaking, takePlace } from './assign.ts';
import type { Lease } from './drafts.ts';
import { findOwn, lockOwn, type OwnAssignment } from './own-assignment.ts';

/**
 * Takes a task back into the hands of the person whose lease on it ran out, when its place is still free, they hold
 * nothing else of its kind, and they may work in the project. Changes nothing otherwise.
 * @returns how it stands now: `active` when it is theirs
 */
export async function takeBack(db: Database, input: OwnAssignment): Promise<Lease> {
  return db.transaction(async (tx) => {
    const { labelerId, projectId } = await findOwn(tx, input);
    await lockTaking(tx, labelerId, projectId);
    const { assignment, project } = await lockOwn(tx, input);
    const { state, leaseUntil, kind } = assignment;
    if (state !== 'expired') return { state, leaseUntil };
    const [held] = await tx
      .select({ id: assignments.id })
      .from(assignments)
      .where(
        and(
          eq(assignments.labelerId, labelerId),
          eq(assignments.projectId, projectId),
          eq(assignments.kind, kind),
          eq(assignments.state, 'active'),
        ),
      )
      .limit(1);
    const barred = whyBarred(project, await findMember(tx, { labelerId, project }));
    if (held || barred !== null || !(await takePlace(tx, assignment.taskId))) {
      return { state: 'expired', leaseUntil: null };
    }
    const [taken] = await tx
      .update(assignments)
      .set({ state: 'active', leaseUntil: leaseEnd(project), endedAt: null })
      .where(eq(assignments.id, assignment.id))
      .returning({ leaseUntil: assignments.leaseUntil });
    return { state: 'active', leaseUntil: taken?.leaseUntil ?? null };
  });
}
