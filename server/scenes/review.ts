import { eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { memberships } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { takeNext } from '../labeling/assign.ts';
import type { LabelContent } from '../labeling/kinds/kinds.ts';
import { askForReview } from '../labeling/review-queue.ts';
import { submit } from '../labeling/submit.ts';
import type { Project } from '../people/access.ts';
import { seedCast, seedCrowd } from './cast.ts';
import { seedRankingProject } from './ranking.ts';
import type { Scene } from './scene.ts';
import { ANSWERS, DEMONSTRATIONS, GUIDELINES } from './texts.ts';

/** Three rankings of one prompt that contradict one another, and so came into review by themselves. */
export async function reviewRanking(db: Database): Promise<Scene> {
  const { project, cast, completionIds } = await seedRankingProject(db, {
    answers: ANSWERS.slice(0, 4),
    settings: { ratings: 'optional', review: { agreementBelow: 0.6, rewardMargin: 1, sampled: 0 } },
  });
  const [a = '', b = '', c = '', d = ''] = completionIds;
  const orders = [
    [[a], [c], [b, d]],
    [[b], [a], [d], [c]],
    [[d], [b], [c], [a]],
  ];
  const labelers = await seedCrowd(db, project.id, orders.length);
  for (const [index, groups] of orders.entries()) {
    await label(db, project, labelers[index]?.id ?? '', {
      kind: 'ranking',
      groups,
      strengths: null,
      allBad: false,
      note: index === 1 ? 'B says it plainly; A is longer than it needs to be.' : '',
      ratings: [
        { completionId: a, overall: 6 - 2 * index, flags: [] },
        { completionId: d, overall: 2 + 2 * index, flags: index === 2 ? [] : ['fails_instruction'] },
      ],
    });
  }
  await mayReview(db, cast.contractor.id);
  return { projectId: project.id, path: '/work', as: cast.contractor.email };
}

/** Two answers to one prompt, one of them wrong. */
export async function reviewDemonstration(db: Database): Promise<Scene> {
  const project = await seedProject(db, { name: 'Everyday questions', guideline: GUIDELINES });
  const cast = await seedCast(db, project.id);
  const [question = '', answer = ''] = DEMONSTRATIONS[2] ?? [];
  const prompt = await seedPrompt(db, project.id, question);
  const task = await seedTask(db, prompt, { wantedLabels: 2 });
  const texts = [answer, '17 % of 240 is **41.8**: take 10 %, then 7 %, and add them.'];
  const labelers = await seedCrowd(db, project.id, texts.length);
  for (const [index, text] of texts.entries()) {
    await label(db, project, labelers[index]?.id ?? '', {
      kind: 'demonstration',
      text,
      prompt: null,
      checklist: ['helpful', 'truthful', 'harmless'],
    });
  }
  await askForReview(db, {
    project,
    taskId: task.id,
    note: 'The two answers name different numbers: which is right?',
    actorId: cast.admin.id,
  });
  await mayReview(db, cast.contractor.id);
  return { projectId: project.id, path: '/work', as: cast.contractor.email };
}

async function label(
  db: Database,
  project: Project,
  labelerId: string,
  content: LabelContent,
): Promise<void> {
  const assignmentId = await takeNext(db, { labelerId, project, kind: content.kind });
  if (assignmentId === null) throw new Error('The scene has no task to label.');
  const idempotencyKey = `scene-${labelerId}`;
  await submit(db, { assignmentId, labelerId, idempotencyKey, activeSeconds: 140, content });
}

async function mayReview(db: Database, userId: string): Promise<void> {
  await db.update(memberships).set({ mayReview: true }).where(eq(memberships.userId, userId));
}
