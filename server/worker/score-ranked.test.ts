import { eq } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { completions, rounds, tasks } from '@/db/schema.ts';
import { seedModel, seedProject, seedRankingTask } from '@/db/seed.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { launchRound } from '../rounds/rounds.ts';
import { rankedForReview, storeRewards } from './score-ranked.ts';

const { db } = await openTestDatabase();

test('rewards that come after the labels put in review those that they contradict, and no others', async () => {
  const review = { agreementBelow: null, rewardMargin: 1, sampled: 0 };
  const project = await seedProject(db, { settings: { review } });
  const base = await seedModel(db, { projectId: project.id, kind: 'sft' });
  const { roundId } = await launchRound(db, {
    projectId: project.id,
    targets: { demonstrations: 0, rankings: 2, votes: 0 },
    config: {},
    parentModelId: base.id,
    createdBy: (await person(db, 'admin')).user.id,
  });
  const { api } = await person(db, 'contractor', project.id);
  const made = [];
  for (let i = 0; i < 2; i++) {
    const seeded = await seedRankingTask(db, project.id, { completions: 2 });
    await db.update(tasks).set({ roundId }).where(eq(tasks.id, seeded.task.id));
    const next = await api.labeling.next({ projectId: project.id });
    if (next.status !== 'work') throw new Error(next.reason);
    const groups = seeded.completionIds.map((id) => [id]);
    await api.labeling.submit({
      assignmentId: next.work.assignment.id,
      idempotencyKey: `ranked by hand ${i}`,
      content: { kind: 'ranking', groups },
    });
    made.push(seeded);
  }
  // Of a task outside the round, nothing is scored.
  await seedRankingTask(db, project.id, { completions: 2 });
  const ranked = await rankedForReview(db, { id: roundId, projectId: project.id });
  expect(ranked.map(({ id }) => id)).toEqual(made.flatMap(({ completionIds }) => completionIds).sort());

  const model = await seedModel(db, { projectId: project.id, kind: 'reward' });
  const scores = [0.2, 1.1, -0.3, 0.8];
  const scored = ranked.map(({ id }, index) => ({ id, reward: scores[index] ?? 0 }));
  // 0.9 is within the margin, 1.1 beyond it.
  expect(await db.transaction((tx) => storeRewards(tx, project, model.id, scored))).toBe(1);
  expect(await db.transaction((tx) => storeRewards(tx, project, model.id, scored))).toBe(0);
  const stored = await db
    .select({ reward: completions.reward, by: completions.rewardModelId })
    .from(completions)
    .where(eq(completions.id, ranked[3]?.id ?? ''));
  expect(stored).toEqual([{ reward: 0.8, by: model.id }]);
  const inReview = await db
    .select({ subject: tasks.subjectTaskId, reason: tasks.reviewReason, roundId: tasks.roundId })
    .from(tasks)
    .where(eq(tasks.kind, 'review'));
  expect(inReview).toEqual([{ subject: made[1]?.task.id, reason: 'reward_disagreement', roundId }]);

  // A project that does not ask for it pays for no scoring.
  const quiet = await seedProject(db);
  expect(await rankedForReview(db, { id: roundId, projectId: quiet.id })).toEqual([]);
  expect((await db.select().from(rounds)).map(({ id }) => id)).toEqual([roundId]);
});
