import { eq, sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { type AssignmentState, assignments, tasks } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask, seedUser } from '@/db/seed.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { takeNext } from './assign.ts';
import { undoSkip } from './skip.ts';

/*
 * Two requests that each hold one task and wait for the other's: Postgres ends one of them after a second. Not left to
 * chance here: a third connection holds both tasks until both requests wait, so that they meet in the worst order.
 */

const { db, client, connect } = await openTestDatabase();
const other = connect(1).client;

/** Holds tasks while both of two requests come to wait, lets go, and returns what became of them. */
async function meet<T>(hold: string, ids: string[], requests: () => Promise<T>[]): Promise<T[]> {
  let results: Promise<T[]> = Promise.resolve([]);
  await other.begin(async (tx) => {
    await tx.unsafe(hold, [ids]);
    results = Promise.all(requests());
    // Handled here as well, so that a rejection before the lock is let go is not an unhandled one.
    results.catch(() => {});
    for (;;) {
      const [row] = await client`select count(*)::int as waiting from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      if (row?.waiting === 2) return;
    }
  });
  return results;
}

async function twoTasks() {
  const project = await seedProject(db);
  const first = await seedTask(db, await seedPrompt(db, project.id), { wantedLabels: 1 });
  const second = await seedTask(db, await seedPrompt(db, project.id), { wantedLabels: 1 });
  const [anna, ben] = [
    await seedUser(db, { projectId: project.id }),
    await seedUser(db, { projectId: project.id }),
  ];
  const give = async (labelerId: string, taskId: string, state: AssignmentState, secondsAgo: number) => {
    const [made] = await db
      .insert(assignments)
      .values({
        taskId,
        projectId: project.id,
        kind: 'demonstration',
        labelerId,
        state,
        leaseUntil: state === 'active' ? sql`now() + interval '1 hour'` : null,
        endedAt: sql`now() - make_interval(secs => ${secondsAgo})`,
      })
      .returning();
    return made?.id ?? '';
  };
  return { project, first, second, anna, ben, give };
}

describe('two requests that come to want each other’s task', () => {
  it('taking back what they lost, when the places go to others at that moment', async () => {
    const { project, first, second, anna, ben, give } = await twoTasks();
    await give(anna.id, first.id, 'expired', 1);
    await give(anna.id, second.id, 'expired', 2);
    await give(ben.id, second.id, 'expired', 1);
    await give(ben.id, first.id, 'expired', 2);
    const taken = await meet('update tasks set taken = 1 where id = any($1)', [first.id, second.id], () =>
      [anna, ben].map(({ id: labelerId }) => takeNext(db, { labelerId, project })),
    );
    expect(taken).toEqual([null, null]);
  });

  it('each taking back a skip of the task that the other holds', async () => {
    const { first, second, anna, ben, give } = await twoTasks();
    await db.update(tasks).set({ taken: 1, wantedLabels: 2 });
    await give(anna.id, first.id, 'active', 0);
    await give(ben.id, second.id, 'active', 0);
    const skipped = [
      { labelerId: anna.id, assignmentId: await give(anna.id, second.id, 'skipped', 1) },
      { labelerId: ben.id, assignmentId: await give(ben.id, first.id, 'skipped', 1) },
    ];
    await meet('select id from tasks where id = any($1) for update', [first.id, second.id], () =>
      skipped.map((one) => undoSkip(db, one)),
    );
    for (const { assignmentId } of skipped) {
      const [row] = await db.select().from(assignments).where(eq(assignments.id, assignmentId));
      expect(row?.state).toBe('active');
    }
    const counts = await db.select({ taken: tasks.taken }).from(tasks).where(eq(tasks.id, first.id));
    expect(counts).toEqual([{ taken: 1 }]);
  });
});
