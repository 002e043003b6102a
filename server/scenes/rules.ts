import { eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { assignments, guidelineReads, memberships, rankings, tasks } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { publishGuideline } from '../labeling/guidelines.ts';
import { currentGuideline } from '../labeling/work.ts';
import { seedCast } from './cast.ts';
import { demonstration } from './demonstration.ts';
import { seedRankingProject } from './ranking.ts';
import type { Scene } from './scene.ts';
import { ANSWERS, DEMONSTRATIONS, GUIDELINES } from './texts.ts';

/** A new version of the guidelines has come since the contractor last read them. */
export async function guidelinesChanged(db: Database): Promise<Scene> {
  const { project, cast } = await seedRankingProject(db, { answers: ANSWERS.slice(0, 4) });
  const first = await currentGuideline(db, project.id);
  if (!first) throw new Error('The scene has no guidelines.');
  await db.insert(guidelineReads).values({ userId: cast.contractor.id, guidelineId: first.id });
  await publishGuideline(db, {
    projectId: project.id,
    markdown: GUIDELINES.replace('correct it first', 'correct it first, kindly').replace(
      '> A tie is',
      '4. Numbers carry their unit.\n\n> A tie is',
    ),
    changeNote: 'Numbers carry their unit.',
    baseVersion: first.version,
    authorId: cast.admin.id,
  });
  return { projectId: project.id, path: '/work', as: cast.contractor.email };
}

/** Three screening tasks before any real work, for a contractor who has done none. */
export async function screening(db: Database): Promise<Scene> {
  const { project, cast } = await seedRankingProject(db, {
    answers: ANSWERS.slice(0, 4),
    settings: { screening: { tasks: 3, pass: 0.7 } },
  });
  for (let i = 0; i < 3; i++) await seedKnown(db, project.id, 'screening', i);
  return { projectId: project.id, path: '/work', as: cast.contractor.email };
}

/** A contractor who did ten gold tasks, in a project that shows them how well. */
export async function gold(db: Database): Promise<Scene> {
  const { project, cast } = await seedRankingProject(db, {
    answers: ANSWERS.slice(0, 4),
    settings: { gold: { rate: 0.2, shown: true } },
  });
  for (let i = 0; i < 10; i++) {
    const { taskId, promptId, ids } = await seedKnown(db, project.id, 'gold', i);
    const right = i % 4 !== 3;
    const [assignment] = await db
      .insert(assignments)
      .values({
        taskId,
        projectId: project.id,
        kind: 'ranking',
        labelerId: cast.contractor.id,
        state: 'submitted',
        shownOrder: ids,
        activeSeconds: 60 + 7 * i,
        goldScore: right ? 1 : 0,
        endedAt: new Date(),
      })
      .returning({ id: assignments.id });
    if (!assignment) throw new Error('The assignment was not written.');
    await db.update(tasks).set({ taken: 1 }).where(eq(tasks.id, taskId));
    await db.insert(rankings).values({
      assignmentId: assignment.id,
      taskId,
      projectId: project.id,
      promptId,
      labelerId: cast.contractor.id,
      idempotencyKey: `scene-gold-${i}`,
      activeSeconds: 60 + 7 * i,
      groups: (right ? ids : [...ids].reverse()).map((id) => [id]),
    });
  }
  return { projectId: project.id, path: '/work/stats', as: cast.contractor.email };
}

/** A ranking task whose answer is known: the first completion is the better one. */
async function seedKnown(
  db: Database,
  projectId: string,
  purpose: 'gold' | 'screening',
  index: number,
): Promise<{ taskId: string; promptId: string; ids: string[] }> {
  const [question = '', answer = ''] = DEMONSTRATIONS[index % 5] ?? [];
  const prompt = await seedPrompt(db, projectId, index < 5 ? question : `${question} (in one sentence)`);
  const ids: string[] = [];
  for (const text of [answer, 'I do not know.']) ids.push((await seedCompletion(db, prompt, text)).id);
  const task = await seedTask(db, prompt, { completionIds: ids, purpose, wantedLabels: 1000 });
  await db
    .update(tasks)
    .set({ gold: { groups: ids.map((id) => [id]) } })
    .where(eq(tasks.id, task.id));
  return { taskId: task.id, promptId: prompt.id, ids };
}

/** A contractor who was warned and works on. */
export async function warned(db: Database): Promise<Scene> {
  const scene = await demonstration(db);
  await db
    .update(memberships)
    .set({
      standing: 'warned',
      standingNote: 'Your last forty rankings took four seconds each: please read every completion.',
      standingSince: new Date(),
    })
    .where(eq(memberships.projectId, scene.projectId));
  await db.update(memberships).set({ standing: 'good' }).where(eq(memberships.role, 'researcher'));
  return scene;
}

/** A project in which nothing has been done yet. */
export async function emptyProject(db: Database): Promise<Scene> {
  const project = await seedProject(db, { name: 'Recipes' });
  const cast = await seedCast(db, project.id);
  return { projectId: project.id, path: `/projects/${project.id}`, as: cast.admin.email };
}

/** A contractor for whom there is no task. */
export async function nothingToDo(db: Database): Promise<Scene> {
  const project = await seedProject(db, { name: 'Recipes', guideline: GUIDELINES });
  const cast = await seedCast(db, project.id);
  return { projectId: project.id, path: '/work', as: cast.contractor.email };
}
