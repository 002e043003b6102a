import { and, asc, desc, eq, ilike, inArray, lt, notExists, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/db/client.ts';
import {
  type Brief,
  completions,
  type Message,
  prompts,
  type Split,
  type TaskKind,
  type TaskPurpose,
  taskCompletions,
  tasks,
} from '@/db/schema.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { AppError } from '../errors.ts';
import type { Project } from '../people/access.ts';
import { FEWEST_COMPLETIONS, MOST_COMPLETIONS } from './kinds/ranking/vocabulary.ts';

/** Rows in one insert: below Postgres's limit of 65,535 parameters. */
const CHUNK = 2000;

export interface PromptItem {
  id: string;
  messages: Message[];
  split: Split;
  source: string;
  completions: number;
  tasks: number;
  createdAt: Date;
}

/** A project's prompts, newest first. */
export async function listPrompts(
  db: Database,
  input: {
    projectId: string;
    search?: string | undefined;
    split?: Split | undefined;
    before?: string | undefined;
    limit: number;
  },
): Promise<{ items: PromptItem[]; next: string | null; total: number }> {
  const pattern = input.search ? `%${input.search.replace(/[\\%_]/g, '\\$&')}%` : undefined;
  const wanted = and(
    eq(prompts.projectId, input.projectId),
    input.split ? eq(prompts.split, input.split) : undefined,
    pattern ? ilike(sql`${prompts.messages} -> -1 ->> 'content'`, pattern) : undefined,
  );
  const rows = await db
    .select({
      id: prompts.id,
      messages: prompts.messages,
      split: prompts.split,
      source: prompts.source,
      completions: countOf(completions),
      tasks: countOf(tasks),
      createdAt: prompts.createdAt,
    })
    .from(prompts)
    .where(and(wanted, input.before ? lt(prompts.id, input.before) : undefined))
    .orderBy(desc(prompts.id))
    .limit(input.limit + 1);
  const [count] = await db.select({ total: sql<number>`count(*)::int` }).from(prompts).where(wanted);
  const items = rows.slice(0, input.limit);
  return {
    items,
    next: rows.length > input.limit ? (items.at(-1)?.id ?? null) : null,
    total: count?.total ?? 0,
  };
}

/** How many rows of a table belong to the prompt of the outer query. */
function countOf(table: typeof completions | typeof tasks) {
  // The outer column by its full name: Drizzle leaves the table's name out of the columns of a query on one table.
  return sql<number>`(select count(*)::int from ${table} as "of" where "of"."prompt_id" = "prompts"."id")`;
}

/** A task to be made, of a kind that creators choose: reviews are made by what finds them needed. */
export type NewTask =
  | {
      promptId: string;
      /** The completions to rank; absent for a demonstration. */
      completionIds?: string[];
      /** The known answer, for gold and screening: each of the completions once, best first, ties together. */
      gold?: { groups: string[][] };
    }
  /** The labeler writes the prompt too, as the brief says. */
  | { brief: Brief };

/** Labels that a task with a known answer wants: enough for everybody to be given it. */
const EVERYBODY = 10_000;

const isCheck = (purpose: TaskPurpose) => purpose === 'gold' || purpose === 'screening';

/**
 * Makes tasks of one kind.
 * @throws BAD_INPUT when a ranking task has fewer than 2 or more than 9 completions, one twice, or one of another prompt;
 * when a gold or screening task has no known answer that its labels can be held against, or another task has one
 * @returns the tasks' ids, in the order given
 */
export async function createTasks(
  db: Executor,
  input: {
    project: Pick<Project, 'id' | 'settings'>;
    kind: Exclude<TaskKind, 'review'>;
    purpose?: TaskPurpose;
    wantedLabels?: number | undefined;
    priority?: number;
    roundId?: string | null;
    items: NewTask[];
  },
): Promise<string[]> {
  const purpose = input.purpose ?? 'training';
  checkKnownAnswers(purpose, input.items);
  await checkItems(db, input.kind, input.items);
  const wantedLabels =
    input.wantedLabels ?? (isCheck(purpose) ? EVERYBODY : input.project.settings.wantedLabels[input.kind]);
  const rows = input.items.map((item) => ({
    id: uuidv7(),
    projectId: input.project.id,
    ...('brief' in item
      ? { promptId: null, brief: item.brief }
      : { promptId: item.promptId, brief: null, gold: item.gold ?? null }),
    kind: input.kind,
    purpose,
    wantedLabels,
    priority: input.priority ?? 0,
    roundId: input.roundId ?? null,
  }));
  const members = input.items.flatMap((item, index) => {
    const taskId = rows[index]?.id;
    return taskId === undefined ? [] : completionsOf(item).map((completionId) => ({ taskId, completionId }));
  });
  await db.transaction(async (tx) => {
    for (let i = 0; i < rows.length; i += CHUNK) await tx.insert(tasks).values(rows.slice(i, i + CHUNK));
    for (let i = 0; i < members.length; i += CHUNK) {
      await tx.insert(taskCompletions).values(members.slice(i, i + CHUNK));
    }
  });
  return rows.map((row) => row.id);
}

/** Makes demonstration tasks whose prompts the labelers write themselves, all of one brief. */
export function createBriefTasks(
  db: Database,
  input: {
    project: Project;
    brief: Brief;
    count: number;
    wantedLabels?: number | undefined;
    priority?: number;
  },
): Promise<string[]> {
  const { brief, count, ...options } = input;
  const items = Array.from({ length: count }, () => ({ brief }));
  return createTasks(db, { ...options, kind: 'demonstration', items });
}

/** Makes demonstration tasks for prompts of a split that have none yet, oldest prompts first. */
export async function createDemonstrationTasks(
  db: Database,
  input: {
    project: Project;
    split: Split;
    count: number;
    wantedLabels?: number | undefined;
    priority?: number;
    roundId?: string | null;
  },
): Promise<string[]> {
  const existing = db
    .select({ one: sql`1` })
    .from(tasks)
    .where(and(eq(tasks.promptId, prompts.id), eq(tasks.kind, 'demonstration')));
  const chosen = await db
    .select({ promptId: prompts.id })
    .from(prompts)
    .where(and(eq(prompts.projectId, input.project.id), eq(prompts.split, input.split), notExists(existing)))
    .orderBy(asc(prompts.id))
    .limit(input.count);
  const { split: _, count: __, ...options } = input;
  return createTasks(db, { ...options, kind: 'demonstration', items: chosen });
}

function completionsOf(item: NewTask): string[] {
  return 'brief' in item ? [] : (item.completionIds ?? []);
}

/** A known answer ranks each of its task's completions once, and says of two at least which is better. */
function checkKnownAnswers(purpose: TaskPurpose, items: NewTask[]): void {
  for (const [index, item] of items.entries()) {
    const place = `tasks[${index}].gold`;
    const gold = 'brief' in item ? undefined : item.gold;
    if (gold === undefined) {
      if (isCheck(purpose)) throw bad(`${place}: is missing: a ${purpose} task has a known answer.`);
      continue;
    }
    if (!isCheck(purpose)) throw bad(`${place}: a ${purpose} task has no known answer.`);
    const ranked = gold.groups.flat();
    const shown = completionsOf(item);
    if (ranked.length !== shown.length || !shown.every((id) => ranked.includes(id))) {
      throw bad(`${place}: expected each completion of the task exactly once.`);
    }
    if (gold.groups.length < 2)
      throw bad(`${place}: ties all completions: nothing could be held against it.`);
  }
}

async function checkItems(db: Executor, kind: TaskKind, items: NewTask[]): Promise<void> {
  const ids = new Set<string>();
  for (const [index, item] of items.entries()) {
    const place = `tasks[${index}].completionIds`;
    const completionIds = completionsOf(item);
    if (kind === 'demonstration') {
      if (completionIds.length > 0) throw bad(`${place}: a demonstration task has no completions.`);
      continue;
    }
    if (completionIds.length < FEWEST_COMPLETIONS || completionIds.length > MOST_COMPLETIONS) {
      throw bad(
        `${place}: expected ${FEWEST_COMPLETIONS} to ${MOST_COMPLETIONS} completions, not ${completionIds.length}.`,
      );
    }
    if (new Set(completionIds).size < completionIds.length) throw bad(`${place}: names a completion twice.`);
    for (const id of completionIds) ids.add(id);
  }
  if (ids.size === 0) return;
  const promptOf = new Map<string, string>();
  const all = [...ids];
  for (let i = 0; i < all.length; i += CHUNK) {
    const rows = await db
      .select({ id: completions.id, promptId: completions.promptId })
      .from(completions)
      .where(inArray(completions.id, all.slice(i, i + CHUNK)));
    for (const row of rows) promptOf.set(row.id, row.promptId);
  }
  for (const [index, item] of items.entries()) {
    if ('brief' in item) continue;
    const { promptId, completionIds = [] } = item;
    const foreign = completionIds.find((id) => promptOf.get(id) !== promptId);
    if (foreign !== undefined) {
      throw bad(`tasks[${index}].completionIds: ${foreign} is not a completion of the prompt ${promptId}.`);
    }
  }
}

function bad(message: string): AppError {
  return new AppError('BAD_INPUT', message);
}
