/**
 * A filled world to look at: people, a project with guidelines, work of both kinds with long and strange texts, models
 * with their lineage, runs with curves, a round that is going on and one that is done with its report.
 */
import { eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { models } from '@/db/schema.ts';
import { seedCompletion, seedModel, seedProject, seedPrompt, seedTask, seedUser } from '@/db/seed.ts';
import { freezeDataset } from '../datasets/freeze.ts';
import { takeNext } from '../labeling/assign.ts';
import { publishGuideline } from '../labeling/guidelines.ts';
import { submit } from '../labeling/submit.ts';
import { createInvite } from '../people/invites.ts';
import { seedCast } from './cast.ts';
import { type Line, seedActiveRound, seedDoneRound } from './rounds.ts';
import type { Scene } from './scene.ts';
import { ANSWERS, DEMONSTRATIONS, GUIDELINES, MORE_PROMPTS, PROMPT, STRANGE } from './texts.ts';

/** The scene's own places and people, beside those of every scene. */
export interface WholeProduct extends Scene {
  emptyProjectId: string;
  activeRoundId: string;
  doneRoundId: string;
  runId: string;
  /** A piece of the writer's work. */
  assignmentId: string;
  writerId: string;
  sftModelId: string;
  ppoModelId: string;
  emails: { admin: string; researcher: string; ranker: string; writer: string; idle: string };
  inviteePath: string;
}

/** Writes the scene into an empty, migrated database. */
export async function seedWholeProduct(db: Database): Promise<WholeProduct> {
  const project = await seedProject(db, {
    name: 'Everyday questions',
    description: 'Short, true and kind answers to what people ask on an ordinary day.',
    settings: { ratings: 'optional', strengths: true },
    guideline: '# Guidelines\n\nFirst words.',
  });
  const empty = await seedProject(db, {
    name: 'A project with a very long name, to see what a name of two hundred characters does to the bar, the menu and the tables that have to carry it without breaking',
  });
  const cast = await seedCast(db, project.id);
  const { admin, contractor: ranker } = cast;
  const { passwordHash } = admin;
  const writer = await seedUser(db, {
    name: 'Noor',
    email: 'noor@example.org',
    passwordHash: passwordHash ?? '',
    projectId: project.id,
  });
  const idle = await seedUser(db, {
    name: 'Sasha',
    email: 'sasha@example.org',
    passwordHash: passwordHash ?? '',
  });
  await publishGuideline(db, {
    projectId: project.id,
    markdown: GUIDELINES,
    changeNote: 'What to do with a false premise.',
    baseVersion: 1,
    authorId: admin.id,
  });

  const base = await seedModel(db, { name: 'documents, 1.9 M', kind: 'base' });
  const line = await seedModels(db, project.id, base.id);
  await seedWork(db, project.id, line.sft);
  const assignmentId = await seedHistory(db, project, writer.id);
  await seedHistory(db, project, ranker.id);
  const version = await freezeDataset(db, {
    projectId: project.id,
    kind: 'demonstrations',
    createdBy: admin.id,
  });
  await db.update(models).set({ datasetVersionId: version.id }).where(eq(models.kind, 'sft'));
  await db
    .update(models)
    .set({ metrics: { validationAccuracy: 0.728, loss: 0.541, scoreMean: 0.02 } })
    .where(eq(models.kind, 'reward'));
  await db
    .update(models)
    .set({ metrics: { rewardMean: 1.42, klToReference: 6.21, entropy: 1.12 } })
    .where(eq(models.kind, 'ppo'));
  const doneRoundId = await seedDoneRound(db, project.id, base.id, line);
  const { roundId: activeRoundId, runId } = await seedActiveRound(db, project.id, line);
  const invitation = await createInvite(db, {
    email: 'new.person@example.org',
    role: 'contractor',
    projectIds: [project.id],
    invitedBy: admin.id,
  });
  return {
    projectId: project.id,
    path: '/',
    as: admin.email,
    emptyProjectId: empty.id,
    activeRoundId,
    doneRoundId,
    runId,
    assignmentId,
    writerId: writer.id,
    sftModelId: line.sft,
    ppoModelId: line.ppo,
    emails: {
      admin: admin.email,
      researcher: cast.researcher.email,
      ranker: ranker.email,
      writer: writer.email,
      idle: idle.email,
    },
    inviteePath: invitation.path,
  };
}

async function seedModels(db: Database, projectId: string, base: string): Promise<Line> {
  const sft = await seedModel(db, { projectId, name: 'Round 1 SFT', kind: 'sft', parentId: base });
  const reward = await seedModel(db, { projectId, name: 'Round 1 reward', kind: 'reward', parentId: sft.id });
  const ppo = await seedModel(db, { projectId, name: 'Round 1 PPO', kind: 'ppo', parentId: sft.id });
  return { base, sft: sft.id, reward: reward.id, ppo: ppo.id };
}

async function seedWork(db: Database, projectId: string, modelId: string): Promise<void> {
  const prompt = await seedPrompt(db, projectId, PROMPT);
  const ids: string[] = [];
  for (const text of ANSWERS) ids.push((await seedCompletion(db, prompt, text, { modelId })).id);
  await seedTask(db, prompt, { completionIds: ids, priority: 20, wantedLabels: 2 });
  const strange = await seedPrompt(db, projectId, [
    { role: 'system', content: 'You are a careful translator.' },
    { role: 'user', content: 'Hello! Do you speak Hebrew?' },
    { role: 'assistant', content: 'Yes. What shall I translate?' },
    { role: 'user', content: STRANGE.prompt },
  ]);
  const strangeIds: string[] = [];
  for (const text of STRANGE.answers)
    strangeIds.push((await seedCompletion(db, strange, text, { modelId })).id);
  await seedTask(db, strange, { completionIds: strangeIds, priority: 10, wantedLabels: 2 });
  for (const text of MORE_PROMPTS) {
    await seedTask(db, await seedPrompt(db, projectId, text), { priority: 30, wantedLabels: 2 });
  }
}

/** A few submitted demonstrations, so that history, statistics and datasets have something to show. */
async function seedHistory(
  db: Database,
  project: Parameters<typeof takeNext>[1]['project'],
  labelerId: string,
): Promise<string> {
  let last = '';
  for (let i = 0; i < MORE_PROMPTS.length - 1; i++) {
    const assignmentId = await takeNext(db, { labelerId, project, kind: 'demonstration' });
    if (assignmentId === null) break;
    last = assignmentId;
    await submit(db, {
      assignmentId,
      labelerId,
      idempotencyKey: `scene-${labelerId}-${i}`,
      activeSeconds: 90 + 37 * i,
      content: { kind: 'demonstration', text: DEMONSTRATIONS[i]?.[1] ?? '', prompt: null, checklist: [] },
    });
  }
  return last;
}
