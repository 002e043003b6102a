import type { Database } from '@/db/client.ts';
import { type Brief, tasks } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { takeNext } from '../labeling/assign.ts';
import { saveDraft } from '../labeling/drafts.ts';
import { seedCast } from './cast.ts';
import type { Scene } from './scene.ts';
import { essay, GUIDELINES, MORE_PROMPTS, PROMPT } from './texts.ts';

async function seedWritingProject(db: Database) {
  const project = await seedProject(db, {
    name: 'Everyday questions',
    description: 'Short, true and kind answers to what people ask on an ordinary day.',
    guideline: GUIDELINES,
  });
  return { project, cast: await seedCast(db, project.id) };
}

/** A prompt to answer, and a few more behind it. */
export async function demonstration(db: Database): Promise<Scene> {
  const { project, cast } = await seedWritingProject(db);
  for (const [index, text] of [PROMPT, ...MORE_PROMPTS].entries()) {
    await seedTask(db, await seedPrompt(db, project.id, text), { priority: 10 - index });
  }
  return { projectId: project.id, path: '/work', as: cast.contractor.email };
}

/** Ten thousand words written and not yet sent. */
export async function demonstrationLongDraft(db: Database): Promise<Scene> {
  const scene = await demonstration(db);
  const { project, labelerId } = await projectAndLabeler(db, scene);
  const assignmentId = await takeNext(db, { labelerId, project });
  if (assignmentId === null) throw new Error('The scene has no task to hand out.');
  await saveDraft(db, {
    assignmentId,
    labelerId,
    revision: 0,
    activeSeconds: 5400,
    content: { kind: 'demonstration', text: essay(10_000, 7), prompt: null, checklist: [] },
  });
  return scene;
}

const BRIEFS: Brief[] = [
  {
    form: 'few_shot',
    instruction:
      'Write an **instruction with two or three examples** of what goes in and what comes out, then one more input: for example, turning recipes into shopping lists.',
  },
  { form: 'plain', instruction: 'Write any question that you would like to have answered today.' },
  {
    form: 'user_based',
    instruction: 'A person who plans a move to another city asks for help. Write what they would ask.',
  },
];

/** Tasks that ask for the prompt as well as the answer, in InstructGPT's three forms. */
export async function demonstrationFewShot(db: Database): Promise<Scene> {
  const { project, cast } = await seedWritingProject(db);
  for (const [index, brief] of BRIEFS.entries()) {
    await db
      .insert(tasks)
      .values({ projectId: project.id, kind: 'demonstration', brief, priority: 10 - index });
  }
  return { projectId: project.id, path: '/work', as: cast.contractor.email };
}

async function projectAndLabeler(db: Database, scene: Scene) {
  const project = await db.query.projects.findFirst({ where: (row, { eq }) => eq(row.id, scene.projectId) });
  const labeler = await db.query.users.findFirst({ where: (row, { eq }) => eq(row.email, scene.as) });
  if (!project || !labeler) throw new Error('The scene was not written.');
  return { project, labelerId: labeler.id };
}
