import { and, asc, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import { assignments, auditLog, memberships, type Standing, tasks, users } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { lockTaking } from '../labeling/assign.ts';
import { lockAgainstFreezing } from '../labeling/edit.ts';
import { record } from '../people/audit.ts';

const ACTION = 'member.standing';

/** How a person stands in a project, as they are told. */
export interface OwnStanding {
  standing: Standing;
  note: string;
  since: Date | null;
}

/** A person's standing in a project; good for those who are no members, as admins. */
export async function standingOf(db: Executor, projectId: string, userId: string): Promise<OwnStanding> {
  const [row] = await db
    .select({
      standing: memberships.standing,
      note: memberships.standingNote,
      since: memberships.standingSince,
    })
    .from(memberships)
    .where(and(eq(memberships.projectId, projectId), eq(memberships.userId, userId)));
  return row ?? { standing: 'good', note: '', since: null };
}

export interface StandingChange {
  standing: Standing;
  from: Standing;
  note: string;
  at: Date;
  by: string | null;
}

/** Every change of a person's standing in a project, newest first, from the audit log. */
export async function standingHistory(
  db: Executor,
  projectId: string,
  userId: string,
): Promise<StandingChange[]> {
  return db
    .select({
      standing: sql<Standing>`${auditLog.details} ->> 'standing'`,
      from: sql<Standing>`${auditLog.details} ->> 'from'`,
      note: sql<string>`coalesce(${auditLog.details} ->> 'note', '')`,
      at: auditLog.createdAt,
      by: users.name,
    })
    .from(auditLog)
    .leftJoin(users, eq(users.id, auditLog.actorId))
    .where(
      and(
        eq(auditLog.subjectKind, 'project'),
        eq(auditLog.subjectId, projectId),
        eq(auditLog.action, ACTION),
        sql`${auditLog.details} ->> 'userId' = ${userId}`,
      ),
    )
    .orderBy(desc(auditLog.id));
}

/**
 * Warns, pauses, revokes or reinstates a person in a project. Paused and revoked people get no more work: what they hold
 * goes back to the queue, its draft kept. A revoked person's labels enter no further dataset version; frozen ones stay as
 * they are. The change and its note stand in the audit log.
 *
 * @param input.note what the person is told; needed for everything but good
 * @throws BAD_INPUT without a note, NOT_FOUND for nobody, CONFLICT when the standing is not `from` any more or is the
 * same already
 */
export async function setStanding(
  db: Database,
  input: {
    projectId: string;
    userId: string;
    standing: Standing;
    /** The standing that the admin saw: two who decide at once do not overrule each other unseen. */
    from: Standing;
    note: string;
    actorId: string;
  },
): Promise<void> {
  const { projectId, userId, standing, from, note, actorId } = input;
  if (standing !== 'good' && note === '') {
    throw new AppError('BAD_INPUT', 'note: is empty: expected a sentence that tells the person why.');
  }
  await db.transaction(async (tx) => {
    const [user] = await tx.select({ name: users.name }).from(users).where(eq(users.id, userId));
    if (!user) throw new AppError('NOT_FOUND', 'There is no such person.');
    // Taking work waits: whoever is paused is not handed a task at the same moment.
    await lockTaking(tx, userId, projectId);
    // In the order of submissions and edits: the assignment and its task, then freezing, then the membership.
    if (standing === 'paused' || standing === 'revoked') await giveBackWork(tx, projectId, userId);
    // A freeze is either before the change or after it, with all of the person's labels or none.
    await lockAgainstFreezing(tx, projectId, 'shared');
    // Labels of people who are no members (admins, authors of imported labels) can be revoked too: the row that says so
    // has ended, and lets nobody in.
    await tx
      .insert(memberships)
      .values({ userId, projectId, role: 'contractor', endedAt: sql`now()` })
      .onConflictDoNothing();
    const [member] = await tx
      .select({ id: memberships.id, standing: memberships.standing })
      .from(memberships)
      .where(and(eq(memberships.userId, userId), eq(memberships.projectId, projectId)))
      .for('update');
    if (!member) throw new AppError('INTERNAL', 'The membership was not written; nothing was changed.');
    if (member.standing !== from) {
      throw new AppError(
        'CONFLICT',
        `${user.name} is ${named(member.standing)} by now, not ${named(from)}: look again before you change it.`,
      );
    }
    if (standing === from && standing !== 'warned') {
      throw new AppError('CONFLICT', `${user.name} is ${named(standing)} already.`);
    }
    await tx
      .update(memberships)
      .set({ standing, standingNote: note, standingSince: sql`now()` })
      .where(eq(memberships.id, member.id));
    await record(tx, actorId, ACTION, { kind: 'project', id: projectId }, { userId, standing, from, note });
  });
}

function named(standing: Standing): string {
  return standing === 'good' ? 'in good standing' : standing;
}

/**
 * Ends what a person has in hand, as an expired lease does: the draft stays with them, the places go back. Locks in the
 * order of assign.ts: assignments, then tasks by id.
 */
async function giveBackWork(tx: Transaction, projectId: string, userId: string): Promise<void> {
  const held = await tx
    .select({ id: assignments.id, taskId: assignments.taskId })
    .from(assignments)
    .where(
      and(
        eq(assignments.projectId, projectId),
        eq(assignments.labelerId, userId),
        eq(assignments.state, 'active'),
      ),
    )
    .orderBy(asc(assignments.id))
    .for('update');
  if (held.length === 0) return;
  await tx
    .update(assignments)
    .set({ state: 'expired', leaseUntil: null, endedAt: sql`now()` })
    .where(
      inArray(
        assignments.id,
        held.map(({ id }) => id),
      ),
    );
  for (const taskId of held.map((row) => row.taskId).sort()) {
    await tx
      .update(tasks)
      .set({ taken: sql`${tasks.taken} - 1` })
      .where(eq(tasks.id, taskId));
  }
}
