import { randomInt } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { assignments, demonstrations, rankings, tasks } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedRankingTask, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { type Caller, person } from '@/tests/support/people.ts';
import { nextCandidate, releaseExpired } from './assign.ts';
import type { Work } from './work.ts';

const { db } = await openTestDatabase();

async function nextWork(
  api: Caller,
  projectId: string,
  kind?: 'demonstration' | 'ranking',
): Promise<Work | null> {
  const next = await api.labeling.next(kind ? { projectId, kind } : { projectId });
  return next.status === 'work' ? next.work : null;
}

async function expire(assignmentId: string): Promise<void> {
  await db
    .update(assignments)
    .set({ leaseUntil: sql`now() - interval '1 second'` })
    .where(eq(assignments.id, assignmentId));
}

describe('handing out work', () => {
  it('gives each labeler another task, by priority and then age', async () => {
    const project = await seedProject(db);
    const [low, high, older] = [
      await seedTask(db, await seedPrompt(db, project.id), { priority: 0 }),
      await seedTask(db, await seedPrompt(db, project.id), { priority: 5 }),
      await seedTask(db, await seedPrompt(db, project.id), { priority: 5 }),
    ];
    const given: (string | undefined)[] = [];
    for (let i = 0; i < 4; i++) {
      const { api } = await person(db, 'contractor', project.id);
      given.push((await nextWork(api, project.id))?.assignment.taskId);
    }
    expect(given).toEqual([high.id, older.id, low.id, undefined]);
  });

  it('gives a person the work they already hold, also when two tabs ask at once', async () => {
    const project = await seedProject(db);
    for (let i = 0; i < 5; i++) await seedTask(db, await seedPrompt(db, project.id));
    const { api } = await person(db, 'contractor', project.id);
    const given = await Promise.all(Array.from({ length: 8 }, () => nextWork(api, project.id)));
    expect(new Set(given.map((work) => work?.assignment.id)).size).toBe(1);
  });

  it('finds the next task of a long queue in its index, without sorting', async () => {
    const project = await seedProject(db);
    const prompt = await seedPrompt(db, project.id);
    await db.execute(sql`
      insert into tasks (id, project_id, prompt_id, kind, wanted_labels, taken, priority)
      select gen_random_uuid(), ${project.id}::uuid, ${prompt.id}::uuid, 'demonstration', 1, i % 2, i % 7
      from generate_series(1, 5000) as i`);
    await db.execute(sql`analyze tasks`);
    const plan = await db.execute(
      sql`explain ${nextCandidate(db, { project, labelerId: uuidv7() }, 'demonstration').getSQL()}`,
    );
    const lines = plan.map((row) => String(row['QUERY PLAN'])).join('\n');
    expect(lines).toContain('using tasks_open');
    expect(lines).not.toContain('Sort');
  });

  it('takes the kind with the higher priority when any kind will do', async () => {
    const project = await seedProject(db);
    await seedTask(db, await seedPrompt(db, project.id), { priority: 1 });
    await seedRankingTask(db, project.id, { priority: 2 });
    const { api } = await person(db, 'contractor', project.id);
    expect((await nextWork(api, project.id))?.assignment.kind).toBe('ranking');
  });

  it('shuffles the shown order for each labeler, shows every completion and no model', async () => {
    const project = await seedProject(db);
    const { completionIds } = await seedRankingTask(db, project.id, { completions: 6, wantedLabels: 12 });
    const orders = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const { api } = await person(db, 'contractor', project.id);
      const work = await nextWork(api, project.id, 'ranking');
      const shown = work?.completions ?? [];
      expect(shown.map((completion) => completion.id).sort()).toEqual([...completionIds].sort());
      for (const completion of shown) expect(Object.keys(completion).sort()).toEqual(['id', 'text']);
      orders.add(shown.map((completion) => completion.id).join());
    }
    // Twelve shuffles of 720 orders: fewer than eight different ones happens less than once in 10^9.
    expect(orders.size).toBeGreaterThanOrEqual(8);
  });

  it('returns an expired lease to the queue, and the lost task with its draft to its first labeler', async () => {
    const project = await seedProject(db);
    const task = await seedTask(db, await seedPrompt(db, project.id), { wantedLabels: 2 });
    const first = await person(db, 'contractor', project.id);
    const work = await nextWork(first.api, project.id);
    const assignmentId = work?.assignment.id ?? '';
    const content = { kind: 'demonstration' as const, text: 'half a thought' };
    await first.api.labeling.saveDraft({ assignmentId, revision: 0, content });
    await expire(assignmentId);
    expect(await releaseExpired(db, project.id)).toBe(1);
    expect(await releaseExpired(db, project.id)).toBe(0);
    const [freed] = await db.select().from(tasks).where(eq(tasks.id, task.id));
    expect(freed?.taken).toBe(0);

    const second = await person(db, 'contractor', project.id);
    expect((await nextWork(second.api, project.id))?.assignment.taskId).toBe(task.id);
    const again = await nextWork(first.api, project.id);
    expect(again?.assignment.id).toBe(assignmentId);
    expect(again?.draft).toMatchObject({ content, revision: 1 });
  });

  it('accepts late text: counted while the task wants a label, set aside when not', async () => {
    const project = await seedProject(db);
    const task = await seedTask(db, await seedPrompt(db, project.id), { wantedLabels: 2 });
    const people = [];
    for (let i = 0; i < 3; i++) {
      const someone = await person(db, 'contractor', project.id);
      const work = await nextWork(someone.api, project.id);
      const assignmentId = work?.assignment.id ?? '';
      people.push({ ...someone, assignmentId });
      await expire(assignmentId);
      await releaseExpired(db, project.id);
    }
    const states = [];
    for (const { api, assignmentId } of people) {
      const sent = await api.labeling.submit({
        assignmentId,
        idempotencyKey: uuidv7(),
        content: { kind: 'demonstration', text: 'late' },
      });
      states.push(sent.state);
    }
    expect(states).toEqual(['submitted', 'submitted', 'late']);
    const labels = await db.select().from(demonstrations).where(eq(demonstrations.taskId, task.id));
    expect(labels.map((label) => label.late).sort()).toEqual([false, false, true]);
  });

  it('holds its invariants under 30 concurrent labelers with random skips, expiries and repeated sends', async () => {
    const project = await seedProject(db);
    const wanted = new Map<string, number>();
    for (let i = 0; i < 40; i++) {
      const wantedLabels = 1 + (i % 4);
      const { id } =
        i % 2 === 0
          ? await seedTask(db, await seedPrompt(db, project.id), { wantedLabels })
          : (await seedRankingTask(db, project.id, { completions: 3, wantedLabels })).task;
      wanted.set(id, wantedLabels);
    }
    const acknowledged: { labelId: string; state: string }[] = [];

    async function labeler(api: Caller): Promise<void> {
      for (let turn = 0; turn < 12; turn++) {
        const work = await nextWork(api, project.id);
        if (!work) return;
        const assignmentId = work.assignment.id;
        const chance = randomInt(100);
        if (chance < 12) {
          await api.labeling.skip({ assignmentId, reason: 'other' });
          if (chance < 4) await api.labeling.undoSkip({ assignmentId }).catch(() => {});
          continue;
        }
        if (chance < 30) {
          await expire(assignmentId);
          await releaseExpired(db, project.id);
        }
        const idempotencyKey = uuidv7();
        const ids = work.completions.map((completion) => completion.id);
        const send = () =>
          work.assignment.kind === 'demonstration'
            ? api.labeling.submit({
                assignmentId,
                idempotencyKey,
                content: { kind: 'demonstration', text: `text of ${assignmentId}` },
              })
            : api.labeling.submit({
                assignmentId,
                idempotencyKey,
                content: { kind: 'ranking', groups: ids.map((id) => [id]) },
              });
        const sent = await Promise.all(chance < 60 ? [send(), send()] : [send()]);
        expect(new Set(sent.map((result) => result.labelId)).size).toBe(1);
        acknowledged.push(...sent.slice(0, 1));
      }
    }
    const people = [];
    for (let i = 0; i < 30; i++) people.push(await person(db, 'contractor', project.id));
    await Promise.all(people.map(({ api }) => labeler(api)));

    const rows = await db.select().from(assignments).where(eq(assignments.projectId, project.id));
    for (const [taskId, wantedLabels] of wanted) {
      const mine = rows.filter((row) => row.taskId === taskId);
      const holding = mine.filter((row) => row.state === 'active' || row.state === 'submitted');
      expect(holding.length).toBeLessThanOrEqual(wantedLabels);
      const [task] = await db.select().from(tasks).where(eq(tasks.id, taskId));
      expect(task?.taken).toBe(holding.length);
      expect(new Set(mine.map((row) => row.labelerId)).size).toBe(mine.length);
    }
    const stored = [
      ...(await db.select().from(demonstrations).where(eq(demonstrations.projectId, project.id))),
      ...(await db.select().from(rankings).where(eq(rankings.projectId, project.id))),
    ];
    expect(stored.map((label) => label.id).sort()).toEqual(acknowledged.map((label) => label.labelId).sort());
    expect(stored.filter((label) => label.late).length).toBe(
      acknowledged.filter((label) => label.state === 'late').length,
    );
    expect(stored.length).toBeGreaterThan(60);
  });
});
