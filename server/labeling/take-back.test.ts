import { eq, sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { assignments, tasks } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { releaseExpired } from './assign.ts';

const { db } = await openTestDatabase();

async function expiredInHand() {
  const project = await seedProject(db);
  await seedTask(db, await seedPrompt(db, project.id));
  const { api } = await person(db, 'contractor', project.id);
  const next = await api.labeling.next({ projectId: project.id });
  if (next.status !== 'work') throw new Error(next.reason);
  const { id: assignmentId, taskId } = next.work.assignment;
  await db
    .update(assignments)
    .set({ leaseUntil: sql`now() - interval '1 second'` })
    .where(eq(assignments.id, assignmentId));
  await releaseExpired(db, project.id);
  return { project, api, assignmentId, taskId };
}

const taken = async (taskId: string) => (await db.select().from(tasks).where(eq(tasks.id, taskId)))[0]?.taken;

it('a lease that ran out is taken back while the place is free, however many tabs ask at once', async () => {
  const { api, assignmentId, taskId } = await expiredInHand();
  expect(await api.labeling.heartbeat({ assignmentId })).toEqual({ state: 'expired', leaseUntil: null });
  expect(await taken(taskId)).toBe(0);
  const answers = await Promise.all(Array.from({ length: 5 }, () => api.labeling.takeBack({ assignmentId })));
  expect(answers.map(({ state }) => state)).toEqual(Array(5).fill('active'));
  expect(await taken(taskId)).toBe(1);
});

it('a task that went to somebody else is not taken back', async () => {
  const { project, api, assignmentId, taskId } = await expiredInHand();
  const { api: other } = await person(db, 'contractor', project.id);
  await other.labeling.next({ projectId: project.id });
  expect(await api.labeling.takeBack({ assignmentId })).toEqual({ state: 'expired', leaseUntil: null });
  expect(await taken(taskId)).toBe(1);
});

it('nor is one taken back beside another of its kind in the same hands, nor by another person', async () => {
  const { project, api, assignmentId, taskId } = await expiredInHand();
  const question = await seedPrompt(db, project.id);
  await seedTask(db, question, { priority: 9 });
  await db.update(tasks).set({ state: 'closed' }).where(eq(tasks.id, taskId));
  await api.labeling.next({ projectId: project.id });
  await db.update(tasks).set({ state: 'open' }).where(eq(tasks.id, taskId));
  expect(await api.labeling.takeBack({ assignmentId })).toMatchObject({ state: 'expired' });
  const { api: other } = await person(db, 'contractor', project.id);
  await expect(other.labeling.takeBack({ assignmentId })).rejects.toThrow('another person');
});
