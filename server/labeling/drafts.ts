import { eq, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { type AssignmentState, assignments, type Draft } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { leaseEnd } from './assign.ts';
import { keepBefore } from './kept-drafts.ts';
import { lockOwn, type OwnAssignment, requireKind } from './own-assignment.ts';

export type DraftSaved =
  | { status: 'saved'; revision: number; savedAt: Date; leaseUntil: Date | null }
  /** Somebody (another tab) saved since: nothing was overwritten, and this is what the server holds. */
  | { status: 'conflict'; revision: number; content: Draft | null; savedAt: Date | null };

/**
 * Saves what is typed so far. A save names the revision it was typed upon: when the server holds another, nothing is
 * overwritten and the server's text comes back. Accepted as long as nothing was submitted, lease or no lease, so that
 * an expired lease loses no words. Renews a live lease. What it replaces is kept when kept-drafts.ts says so.
 * @param input.revision the revision that this draft changes; 0 for the first
 * @param input.keepsBefore keeps the draft that it replaces whatever the policy says: it lost a conflict
 */
export async function saveDraft(
  db: Database,
  input: OwnAssignment & {
    revision: number;
    content: Draft;
    activeSeconds?: number | undefined;
    keepsBefore?: boolean | undefined;
  },
): Promise<DraftSaved> {
  return db.transaction(async (tx) => {
    const { assignment, project } = await lockOwn(tx, input);
    requireKind(assignment, input.content.kind);
    if (assignment.state === 'submitted' || assignment.state === 'late') {
      throw new AppError('CONFLICT', 'This task is submitted already: change it in your history.');
    }
    if (assignment.draftRevision !== input.revision) {
      return {
        status: 'conflict',
        revision: assignment.draftRevision,
        content: assignment.draft,
        savedAt: assignment.draftSavedAt,
      };
    }
    await keepBefore(tx, assignment, input.content, input.keepsBefore ?? false);
    const [saved] = await tx
      .update(assignments)
      .set({
        draft: input.content,
        draftRevision: assignment.draftRevision + 1,
        draftSavedAt: sql`now()`,
        activeSeconds: sql`greatest(${assignments.activeSeconds}, ${input.activeSeconds ?? 0})`,
        ...(assignment.state === 'active' ? { leaseUntil: leaseEnd(project) } : {}),
      })
      .where(eq(assignments.id, assignment.id))
      .returning();
    return {
      status: 'saved',
      revision: assignment.draftRevision + 1,
      savedAt: saved?.draftSavedAt ?? new Date(),
      leaseUntil: saved?.leaseUntil ?? null,
    };
  });
}

/** How an assignment stands; `leaseUntil` is null unless it is in its labeler's hands (`active`). */
export interface Lease {
  state: AssignmentState;
  leaseUntil: Date | null;
}

/** Says that the person is still at it: renews the lease, while it is theirs. */
export async function heartbeat(
  db: Database,
  input: OwnAssignment & { activeSeconds?: number | undefined },
): Promise<Lease> {
  return db.transaction(async (tx) => {
    const { assignment, project } = await lockOwn(tx, input);
    if (assignment.state !== 'active') return { state: assignment.state, leaseUntil: null };
    const [renewed] = await tx
      .update(assignments)
      .set({
        leaseUntil: leaseEnd(project),
        activeSeconds: sql`greatest(${assignments.activeSeconds}, ${input.activeSeconds ?? 0})`,
      })
      .where(eq(assignments.id, assignment.id))
      .returning({ leaseUntil: assignments.leaseUntil });
    return { state: 'active', leaseUntil: renewed?.leaseUntil ?? null };
  });
}
