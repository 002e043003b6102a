import type { Executor } from './client.ts';
import {
  completions,
  guidelines,
  type Message,
  memberships,
  models,
  type ProjectSettings,
  projects,
  prompts,
  type Role,
  type Split,
  type TaskKind,
  type TaskPurpose,
  taskCompletions,
  tasks,
  users,
} from './schema.ts';
import { uuidv7 } from './uuid.ts';

/*
 * Small pieces of a filled database, to be put together by tests and in development. Each writes one thing with
 * sensible values for what is not given, and returns its row. They bypass what the server checks.
 */

let counter = 0;
const next = () => ++counter;

/** A person, with a membership when a project is given. Cannot sign in unless a password hash is given. */
export async function seedUser(
  db: Executor,
  options: { role?: Role; name?: string; email?: string; passwordHash?: string; projectId?: string } = {},
) {
  const role = options.role ?? 'contractor';
  const name = options.name ?? `${role} ${next()}`;
  const email = options.email ?? `${uuidv7()}@example.org`;
  const [user] = await db
    .insert(users)
    .values({ email, name, role, passwordHash: options.passwordHash ?? null })
    .returning();
  if (options.projectId !== undefined) {
    await db.insert(memberships).values({ userId: only(user).id, projectId: options.projectId, role });
  }
  return only(user);
}

export async function seedProject(
  db: Executor,
  options: {
    name?: string;
    description?: string;
    settings?: Partial<ProjectSettings>;
    guideline?: string;
  } = {},
) {
  const [project] = await db
    .insert(projects)
    .values({
      name: options.name ?? `Project ${uuidv7()}`,
      description: options.description ?? '',
      settings: {
        wantedLabels: { demonstration: 1, ranking: 1, review: 1 },
        leaseSeconds: 900,
        ratings: 'optional',
        strengths: false,
        gold: { rate: 0, shown: false },
        screening: null,
        dailyCap: null,
        review: { agreementBelow: null, rewardMargin: null, sampled: 0 },
        ...options.settings,
      },
    })
    .returning();
  if (options.guideline !== undefined) {
    await db
      .insert(guidelines)
      .values({ projectId: only(project).id, version: 1, markdown: options.guideline });
  }
  return only(project);
}

/** A prompt: text for a single turn of the user, or a conversation. */
export async function seedPrompt(
  db: Executor,
  projectId: string,
  prompt: string | Message[] = `Prompt ${next()}?`,
  options: { split?: Split; source?: string } = {},
) {
  const messages: Message[] = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
  const [row] = await db
    .insert(prompts)
    .values({
      projectId,
      messages,
      contentHash: uuidv7(),
      source: options.source ?? 'seed',
      split: options.split ?? 'train',
    })
    .returning();
  return only(row);
}

export async function seedModel(
  db: Executor,
  options: {
    projectId?: string;
    name?: string;
    kind?: 'base' | 'sft' | 'reward' | 'ppo';
    parentId?: string;
  } = {},
) {
  const kind = options.kind ?? 'base';
  const [model] = await db
    .insert(models)
    .values({
      projectId: options.projectId ?? null,
      name: options.name ?? `${kind} ${next()}`,
      kind,
      folder: `models/${uuidv7()}`,
      parentId: options.parentId ?? null,
    })
    .returning();
  return only(model);
}

export async function seedCompletion(
  db: Executor,
  prompt: { id: string; projectId: string },
  text: string = `Completion ${next()}.`,
  options: { modelId?: string } = {},
) {
  const [completion] = await db
    .insert(completions)
    .values({
      projectId: prompt.projectId,
      promptId: prompt.id,
      text,
      source: 'seed',
      modelId: options.modelId ?? null,
    })
    .returning();
  return only(completion);
}

/** A task; of kind ranking when completions are given. */
export async function seedTask(
  db: Executor,
  prompt: { id: string; projectId: string },
  options: {
    completionIds?: string[];
    wantedLabels?: number;
    priority?: number;
    purpose?: TaskPurpose;
  } = {},
) {
  const kind: TaskKind = options.completionIds === undefined ? 'demonstration' : 'ranking';
  const [task] = await db
    .insert(tasks)
    .values({
      projectId: prompt.projectId,
      promptId: prompt.id,
      kind,
      wantedLabels: options.wantedLabels ?? 1,
      priority: options.priority ?? 0,
      purpose: options.purpose ?? 'training',
    })
    .returning();
  const { id: taskId } = only(task);
  if (options.completionIds) {
    await db
      .insert(taskCompletions)
      .values(options.completionIds.map((completionId) => ({ taskId, completionId })));
  }
  return only(task);
}

/** A prompt with completions and the ranking task over them. */
export async function seedRankingTask(
  db: Executor,
  projectId: string,
  options: { completions?: number; wantedLabels?: number; priority?: number; split?: Split } = {},
) {
  const prompt = await seedPrompt(db, projectId, undefined, options.split ? { split: options.split } : {});
  const completionIds: string[] = [];
  for (let i = 0; i < (options.completions ?? 4); i++) {
    completionIds.push((await seedCompletion(db, prompt)).id);
  }
  const task = await seedTask(db, prompt, { ...options, completionIds });
  return { prompt, task, completionIds };
}

function only<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('An insert returned no row.');
  return row;
}
