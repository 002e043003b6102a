import { asc, eq, inArray } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { tasks } from '@/db/schema.ts';
import { seedModel, seedProject, seedPrompt, seedRankingTask } from '@/db/seed.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { storeRewards } from '../worker/score-ranked.ts';
import { roundPriority } from './priorities.ts';
import { launchRound } from './rounds.ts';

const { db } = await openTestDatabase();

test('a newer round comes before all of an older one, and its votes before its other work', () => {
  expect(roundPriority(2, 'training')).toBeGreaterThan(roundPriority(1, 'evaluation'));
  // Uncertainty adds 4 at most.
  expect(roundPriority(1, 'evaluation')).toBeGreaterThan(roundPriority(1, 'training') + 4);
  expect(roundPriority(1, 'training')).toBeGreaterThan(0);
});

test('a round’s demonstrations come before work outside rounds; what a reward model is least sure of comes first', async () => {
  const project = await seedProject(db);
  await seedPrompt(db, project.id);
  const base = await seedModel(db, { projectId: project.id, kind: 'base' });
  const { roundId } = await launchRound(db, {
    projectId: project.id,
    targets: { demonstrations: 1, rankings: 5, votes: 0 },
    config: {},
    parentModelId: base.id,
    createdBy: (await person(db, 'admin')).user.id,
  });
  const [demonstration] = await db.select().from(tasks).where(eq(tasks.projectId, project.id));
  expect(demonstration?.priority).toBe(roundPriority(1, 'training'));

  const spreads = [0.5, 3, 0.1, 1, 2];
  const made: string[] = [];
  const scored: { id: string; reward: number }[] = [];
  for (const spread of spreads) {
    const { task, completionIds } = await seedRankingTask(db, project.id, { completions: 2, priority: 10 });
    made.push(task.id);
    for (const [index, id] of completionIds.entries()) scored.push({ id, reward: index * spread });
  }
  const half = await seedRankingTask(db, project.id, { completions: 2, priority: 10 });
  scored.push({ id: half.completionIds[0] ?? '', reward: 1 });
  await db
    .update(tasks)
    .set({ roundId })
    .where(inArray(tasks.id, [...made, half.task.id]));
  const model = await seedModel(db, { projectId: project.id, kind: 'reward' });
  await db.transaction((tx) => storeRewards(tx, project, model.id, scored));
  const rows = await db.select().from(tasks).where(inArray(tasks.id, made)).orderBy(asc(tasks.id));
  // By rank among the five, from 14 for the smallest spread to 10 for the largest.
  expect(rows.map(({ priority }) => priority)).toEqual([13, 10, 14, 12, 11]);
  const [unscored] = await db.select().from(tasks).where(eq(tasks.id, half.task.id));
  expect(unscored?.priority).toBe(10);
});
