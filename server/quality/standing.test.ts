import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { assignments, datasetVersionLabels, memberships, models, runs, tasks } from '@/db/schema.ts';
import { seedModel, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { freezeDataset, recomputeHash } from '../datasets/freeze.ts';
import { impactOf } from './impact.ts';

const { db } = await openTestDatabase();

/** A project in which two people wrote demonstrations of `count` prompts each, and an admin. */
async function written(count: number) {
  const project = await seedProject(db, {
    settings: { wantedLabels: { demonstration: 2, ranking: 1, review: 1 } },
  });
  const people = [
    await person(db, 'contractor', project.id),
    await person(db, 'contractor', project.id),
  ] as const;
  const admin = await person(db, 'admin');
  for (let i = 0; i < count; i++) await seedTask(db, await seedPrompt(db, project.id), { wantedLabels: 2 });
  for (const { api } of people) {
    for (let i = 0; i < count; i++) {
      const next = await api.labeling.next({ projectId: project.id });
      if (next.status !== 'work') throw new Error(next.reason);
      await api.labeling.submit({
        assignmentId: next.work.assignment.id,
        idempotencyKey: uuidv7(),
        content: { kind: 'demonstration', text: `Answer ${i}.` },
      });
    }
  }
  return { project, people, admin };
}

const demonstrationsOf = (projectId: string) => ({
  projectId,
  kind: 'demonstrations' as const,
  createdBy: null,
});

describe('standing', () => {
  it('revoked: labels stay out of the next version and in the old ones, and come back when reinstated', async () => {
    const { project, people, admin } = await written(3);
    const [bad] = people;
    const projectId = project.id;
    const before = await freezeDataset(db, demonstrationsOf(projectId));
    expect(before.counts.total).toBe(6);
    const set = (standing: 'good' | 'revoked', from: 'good' | 'revoked', note: string) =>
      admin.api.quality.setStanding({ projectId, userId: bad.user.id, standing, from, note });
    await set('revoked', 'good', 'Copied from elsewhere.');
    const after = await freezeDataset(db, demonstrationsOf(projectId));
    expect(after.counts.total).toBe(3);
    const held = await db
      .select()
      .from(datasetVersionLabels)
      .where(eq(datasetVersionLabels.datasetVersionId, before.id));
    expect(held).toHaveLength(6);
    expect(await recomputeHash(db, before.id)).toBe(before.contentHash);
    await set('good', 'revoked', '');
    expect((await freezeDataset(db, demonstrationsOf(projectId))).counts.total).toBe(6);
    const detail = await admin.api.quality.person({ projectId, userId: bad.user.id });
    expect(detail.history.map(({ standing, from, note, by }) => [standing, from, note, by])).toEqual([
      ['good', 'revoked', '', admin.user.name],
      ['revoked', 'good', 'Copied from elsewhere.', admin.user.name],
    ]);
  });

  it('paused: what is in hand goes back, its draft is kept', async () => {
    const { project, people, admin } = await written(1);
    const [one] = people;
    const projectId = project.id;
    const task = await seedTask(db, await seedPrompt(db, projectId));
    const next = await one.api.labeling.next({ projectId });
    if (next.status !== 'work') throw new Error(next.reason);
    const assignmentId = next.work.assignment.id;
    await one.api.labeling.saveDraft({
      assignmentId,
      revision: 0,
      content: { kind: 'demonstration', text: 'Half of it', prompt: null, checklist: [] },
    });
    await admin.api.quality.setStanding({
      projectId,
      userId: one.user.id,
      standing: 'paused',
      from: 'good',
      note: 'Please wait for our call.',
    });
    const [held] = await db.select().from(assignments).where(eq(assignments.id, assignmentId));
    expect(held).toMatchObject({ state: 'expired', leaseUntil: null, draft: { text: 'Half of it' } });
    const [open] = await db.select().from(tasks).where(eq(tasks.id, task.id));
    expect(open?.taken).toBe(0);
    expect(await one.api.quality.ownStanding({ projectId })).toMatchObject({
      standing: 'paused',
      note: 'Please wait for our call.',
    });
  });

  it('needs a reason, and is not changed behind another admin’s back', async () => {
    const { project, people, admin } = await written(1);
    const projectId = project.id;
    const userId = people[0].user.id;
    const change = (standing: 'warned' | 'paused' | 'revoked', from: 'good' | 'warned', note: string) =>
      admin.api.quality.setStanding({ projectId, userId, standing, from, note });
    await expect(change('warned', 'good', '  ')).rejects.toThrow(
      'note: is empty: expected a sentence that tells the person why.',
    );
    await change('warned', 'good', 'Please read the guidelines again.');
    await expect(change('revoked', 'good', 'No.')).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('is warned by now, not in good standing'),
    });
    await change('warned', 'warned', 'A second time.');
    await expect(
      admin.api.quality.setStanding({
        projectId,
        userId: uuidv7(),
        standing: 'warned',
        from: 'good',
        note: 'x',
      }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(
      admin.api.quality.person({ projectId, userId: (await person(db, 'contractor')).user.id }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('of somebody who is no member lets nobody in', async () => {
    const { project, admin } = await written(1);
    const stranger = await person(db, 'contractor');
    await admin.api.quality.setStanding({
      projectId: project.id,
      userId: stranger.user.id,
      standing: 'revoked',
      from: 'good',
      note: 'Labels of unknown origin.',
    });
    await expect(stranger.api.labeling.next({ projectId: project.id })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const [row] = await db.select().from(memberships).where(eq(memberships.userId, stranger.user.id));
    expect(row?.endedAt).not.toBeNull();
  });
});

describe('impact', () => {
  it('walks from labels to versions, to the models trained on them, and to what came of these', async () => {
    const { project, people, admin } = await written(2);
    const [bad, good] = people;
    const projectId = project.id;
    const version = await freezeDataset(db, demonstrationsOf(projectId));
    const base = await seedModel(db, { name: 'base' });
    const made = async (
      name: string,
      kind: 'sft' | 'reward' | 'ppo',
      parentId: string,
      run: Partial<typeof runs.$inferInsert> = {},
    ) => {
      const [row] = await db
        .insert(runs)
        .values({ projectId, stage: kind, status: 'completed', config: {}, parentModelId: parentId, ...run })
        .returning();
      const model = await seedModel(db, { projectId, name, kind, parentId });
      await db
        .update(models)
        .set({ runId: row?.id, datasetVersionId: run.datasetVersionId ?? null })
        .where(eq(models.id, model.id));
      return model.id;
    };
    const sft = await made('sft', 'sft', base.id, { datasetVersionId: version.id });
    const reward = await made('reward', 'reward', sft);
    const elsewhere = await made('clean sft', 'sft', base.id);
    await made('ppo of the clean one', 'ppo', elsewhere, { rewardModelId: reward });
    await made('next sft', 'sft', reward);
    await made('clean ppo', 'ppo', elsewhere);
    await db.insert(runs).values({
      projectId,
      name: 'going on',
      stage: 'reward',
      status: 'running',
      config: {},
      parentModelId: sft,
    });
    // A later version without them, and a model on it: not touched.
    await admin.api.quality.setStanding({
      projectId,
      userId: bad.user.id,
      standing: 'revoked',
      from: 'good',
      note: 'Copied.',
    });
    const clean = await freezeDataset(db, demonstrationsOf(projectId));
    await made('on the clean version', 'sft', base.id, { datasetVersionId: clean.id });

    const impact = await impactOf(db, projectId, bad.user.id);
    expect(impact.labels).toEqual({ demonstrations: 2, rankings: 0 });
    expect(impact.versions).toEqual([
      { id: version.id, name: 'demonstrations 1', kind: 'demonstrations', held: 2, total: 4 },
    ]);
    expect(impact.models.map(({ name, through, of }) => [name, through, of])).toEqual([
      ['sft', 'data', 'demonstrations 1'],
      ['reward', 'parent', 'sft'],
      ['ppo of the clean one', 'reward', 'reward'],
      ['next sft', 'parent', 'reward'],
    ]);
    expect(impact.runs.map(({ name }) => name)).toEqual(['going on']);
    expect((await impactOf(db, projectId, good.user.id)).versions).toHaveLength(2);
    const nobody = await person(db, 'contractor', projectId);
    expect(await impactOf(db, projectId, nobody.user.id)).toEqual({
      labels: { demonstrations: 0, rankings: 0 },
      versions: [],
      models: [],
      runs: [],
    });
  });
});
