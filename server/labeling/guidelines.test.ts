import { eq } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { assignments, demonstrations, guidelineReads } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { type Caller, person } from '@/tests/support/people.ts';

const { db } = await openTestDatabase();

async function projectOfTwo() {
  const project = await seedProject(db, { guideline: 'Be kind.' });
  const contractor = await person(db, 'contractor', project.id);
  const admin = await person(db, 'admin');
  for (let i = 0; i < 2; i++) await seedTask(db, await seedPrompt(db, project.id));
  return { projectId: project.id, contractor: contractor.api, labeler: contractor.user, admin: admin.api };
}

async function nextWork(api: Caller, projectId: string) {
  const next = await api.labeling.next({ projectId });
  if (next.status !== 'work') throw new Error(next.reason);
  return next.work;
}

const answer = (assignmentId: string) => ({
  assignmentId,
  idempotencyKey: uuidv7(),
  content: {
    kind: 'demonstration' as const,
    text: 'So it is.',
    prompt: null,
    checklist: ['helpful' as const, 'truthful' as const, 'harmless' as const],
  },
});

it('tells of a version until the person has read it, and of the next one again', async () => {
  const { projectId, contractor, admin, labeler } = await projectOfTwo();
  const first = await contractor.guidelines.news({ projectId });
  expect(first).toMatchObject({ current: { version: 1 }, readVersion: null });
  const guidelineId = first.current?.id ?? '';
  await contractor.guidelines.markRead({ projectId, guidelineId });
  await contractor.guidelines.markRead({ projectId, guidelineId });
  expect(await db.select().from(guidelineReads).where(eq(guidelineReads.userId, labeler.id))).toHaveLength(1);
  expect((await contractor.guidelines.news({ projectId })).readVersion).toBe(1);

  await admin.guidelines.publish({
    projectId,
    markdown: 'Be kind and brief.',
    changeNote: 'Brief too.',
    baseVersion: 1,
  });
  expect(await contractor.guidelines.news({ projectId })).toMatchObject({
    current: { version: 2, changeNote: 'Brief too.' },
    readVersion: 1,
  });
});

it('refuses to have read what is no version of the project', async () => {
  const { projectId, contractor } = await projectOfTwo();
  const other = await projectOfTwo();
  const foreign = await other.contractor.guidelines.news({ projectId: other.projectId });
  await expect(
    contractor.guidelines.markRead({ projectId, guidelineId: foreign.current?.id ?? '' }),
  ).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('keeps a label with the version its task was handed out under, unless the labeler takes on the newer one', async () => {
  const { projectId, contractor, admin } = await projectOfTwo();
  const kept = await nextWork(contractor, projectId);
  const { id: second } = await admin.guidelines.publish({ projectId, markdown: 'Two.', baseVersion: 1 });
  await contractor.labeling.submit(answer(kept.assignment.id));

  const changed = await nextWork(contractor, projectId);
  expect(changed.guideline?.version).toBe(2);
  const { id: third } = await admin.guidelines.publish({ projectId, markdown: 'Three.', baseVersion: 2 });
  await expect(
    contractor.labeling.adoptGuideline({ assignmentId: changed.assignment.id, guidelineId: second }),
  ).rejects.toThrow('Version 3 of the guidelines was published meanwhile');
  expect(
    await contractor.labeling.adoptGuideline({ assignmentId: changed.assignment.id, guidelineId: third }),
  ).toEqual({ id: third, version: 3, markdown: 'Three.' });
  // A reload brings it under the version that was taken on, which counts as read.
  expect((await nextWork(contractor, projectId)).guideline?.version).toBe(3);
  expect((await contractor.guidelines.news({ projectId })).readVersion).toBe(3);
  await contractor.labeling.submit(answer(changed.assignment.id));

  const made = await db
    .select({ assignmentId: demonstrations.assignmentId, guidelineId: demonstrations.guidelineId })
    .from(demonstrations)
    .where(eq(demonstrations.projectId, projectId));
  expect(new Map(made.map((one) => [one.assignmentId, one.guidelineId]))).toEqual(
    new Map([
      [kept.assignment.id, kept.guideline?.id],
      [changed.assignment.id, third],
    ]),
  );
  // What was made stays as it was made.
  await expect(
    contractor.labeling.adoptGuideline({ assignmentId: kept.assignment.id, guidelineId: third }),
  ).rejects.toMatchObject({ code: 'CONFLICT' });

  const use = await admin.guidelines.use({ projectId });
  expect(new Map(use.map((one) => [one.guidelineId, one]))).toEqual(
    new Map([
      [kept.guideline?.id, { guidelineId: kept.guideline?.id, labels: 1, readers: 0 }],
      [third, { guidelineId: third, labels: 1, readers: 1 }],
    ]),
  );
});

it('takes on guidelines for one’s own tasks only', async () => {
  const { projectId, contractor, admin } = await projectOfTwo();
  const work = await nextWork(contractor, projectId);
  const { id } = await admin.guidelines.publish({ projectId, markdown: 'Two.', baseVersion: 1 });
  const stranger = await person(db, 'contractor', projectId);
  await expect(
    stranger.api.labeling.adoptGuideline({ assignmentId: work.assignment.id, guidelineId: id }),
  ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const [untouched] = await db.select().from(assignments).where(eq(assignments.id, work.assignment.id));
  expect(untouched?.guidelineId).toBe(work.guideline?.id);
});
