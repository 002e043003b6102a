import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import { assignments, memberships, type ProjectSettings, tasks, users } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { Project } from '../people/access.ts';
import { record } from '../people/audit.ts';

/*
 * Screening: tasks with known answers that a member does before any other work. The first ones that they hand in decide,
 * as many as the project asks for; more do not help and do not harm.
 */

/** Averages of the same scores may differ in their last bit by the order in which they were added. */
const ROUNDING = 1e-9;

type Screening = NonNullable<ProjectSettings['screening']>;

/** How far a person's screening has come. */
export interface ScreeningResult {
  /** Screening tasks handed in. */
  done: number;
  /** Mean accuracy on those that decide, 0 to 1; null before the first. */
  accuracy: number | null;
}

const NOT_BEGUN: ScreeningResult = { done: 0, accuracy: null };

/**
 * How far the screening of those who have begun it has come, by person.
 * @param labelerId only this person's
 */
export async function screeningResults(
  db: Executor,
  projectId: string,
  screening: Screening,
  labelerId?: string,
): Promise<Map<string, ScreeningResult>> {
  const rows = await db.execute<{ labelerId: string; done: number; accuracy: number | null }>(sql`
    select labeler_id as "labelerId", count(*)::int as done, avg(gold_score)::float8 as accuracy
    from (select a.labeler_id, a.gold_score,
        row_number() over (partition by a.labeler_id order by a.ended_at, a.id) as place
      from ${assignments} a join ${tasks} t on t.id = a.task_id
      where a.project_id = ${projectId} and a.state in ('submitted', 'late') and t.purpose = 'screening'
        ${labelerId === undefined ? sql`` : sql`and a.labeler_id = ${labelerId}`}) as deciding
    where place <= ${screening.tasks}
    group by labeler_id`);
  return new Map(rows.map(({ labelerId: id, done, accuracy }) => [id, { done, accuracy }]));
}

/** How far one person's screening has come. */
export async function screeningResult(
  db: Executor,
  projectId: string,
  labelerId: string,
  screening: Screening,
): Promise<ScreeningResult> {
  return (await screeningResults(db, projectId, screening, labelerId)).get(labelerId) ?? NOT_BEGUN;
}

/**
 * Notes who has passed the project's screening by now: one member after a submission, all of them after the rule changed.
 * Whoever has passed, or was let through, stays so.
 * @param labelerId only this member; every one when absent
 */
export async function settleScreening(
  tx: Transaction,
  project: Pick<Project, 'id' | 'settings'>,
  labelerId?: string,
): Promise<void> {
  const { screening } = project.settings;
  if (screening === null) return;
  // Of two last tasks that are handed in at once, the second waits here and then counts the first.
  const waiting = await tx
    .select({ id: memberships.id, userId: memberships.userId })
    .from(memberships)
    .where(
      and(
        eq(memberships.projectId, project.id),
        labelerId === undefined ? undefined : eq(memberships.userId, labelerId),
        isNull(memberships.screenedAt),
      ),
    )
    .orderBy(asc(memberships.id))
    .for('no key update');
  if (waiting.length === 0) return;
  const results = await screeningResults(tx, project.id, screening, labelerId);
  const passed = waiting.filter(({ userId }) => {
    const { done, accuracy } = results.get(userId) ?? NOT_BEGUN;
    return done === screening.tasks && (accuracy ?? 0) >= screening.pass - ROUNDING;
  });
  if (passed.length === 0) return;
  await tx
    .update(memberships)
    .set({ screenedAt: sql`now()` })
    .where(
      inArray(
        memberships.id,
        passed.map(({ id }) => id),
      ),
    );
}

/**
 * Lets a member do real work whatever their screening came to.
 * @throws NOT_FOUND when the person is no member of the project
 */
export async function letThrough(
  db: Database,
  input: { projectId: string; userId: string; actorId: string },
): Promise<void> {
  const { projectId, userId, actorId } = input;
  await db.transaction(async (tx) => {
    const [member] = await tx
      .select({ id: memberships.id, screenedAt: memberships.screenedAt, name: users.name })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(
        and(
          eq(memberships.projectId, projectId),
          eq(memberships.userId, userId),
          isNull(memberships.endedAt),
        ),
      )
      .for('update', { of: memberships });
    if (!member) throw new AppError('NOT_FOUND', 'This person is no member of the project.');
    if (member.screenedAt !== null) return;
    await tx.update(memberships).set({ screenedAt: sql`now()` }).where(eq(memberships.id, member.id));
    await record(tx, actorId, 'member.let_through', { kind: 'project', id: projectId }, { userId });
  });
}
