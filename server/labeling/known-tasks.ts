import { and, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database, Transaction } from '@/db/client.ts';
import {
  assignments,
  completions,
  type Message,
  prompts,
  type TaskPurpose,
  taskCompletions,
  tasks,
} from '@/db/schema.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { type Line, parseLine } from '../datasets/lines.ts';
import { insertPrompts } from '../datasets/prompts-import.ts';
import { AppError } from '../errors.ts';
import type { Project } from '../people/access.ts';
import { record } from '../people/audit.ts';
import { FEWEST_COMPLETIONS, MOST_COMPLETIONS } from './kinds/ranking/vocabulary.ts';
import { conversation, writtenText } from './schemas.ts';
import { createTasks, type NewTask } from './tasks.ts';

/** Tasks whose answer is known: `gold` ones are mixed in among the others, `screening` ones come before them. */
export const knownPurpose = z.enum(['gold', 'screening']);
type KnownPurpose = z.output<typeof knownPurpose>;

const EXPECTED = '{ prompt, completions[], ranks[] }, the native format of rankings';

// The further fields of the native format say who ranked and how: here it is simply known.
const knownLine = z.strictObject({
  prompt: z.union([writtenText, conversation], {
    error: 'expected text, or a list of { role, content } that ends with the user',
  }),
  completions: z
    .array(writtenText)
    .min(FEWEST_COMPLETIONS, `holds too few: expected ${FEWEST_COMPLETIONS} to ${MOST_COMPLETIONS}`)
    .max(MOST_COMPLETIONS, `holds too many: expected ${FEWEST_COMPLETIONS} to ${MOST_COMPLETIONS}`),
  /** 1 for the best; equal for a tie. */
  ranks: z.array(z.number().int().min(1)),
  group_id: z.unknown().optional(),
  strength: z.unknown().optional(),
  flags: z.unknown().optional(),
  labeler: z.unknown().optional(),
  split: z.unknown().optional(),
});

/** What an upload of known answers came to. */
export interface KnownUploaded {
  /** New tasks. */
  tasks: number;
  /** Lines whose task was there already, for the same purpose with the same prompt and completions. */
  existing: number;
}

/**
 * Makes gold or screening tasks from rankings in JSON lines, all of them or none. Everybody of the project can be given
 * each of them.
 * @throws BAD_INPUT that names file, line and field; nothing is written then
 */
export async function uploadKnownTasks(
  db: Database,
  input: {
    project: Project;
    purpose: KnownPurpose;
    /** Names the source in errors, and on prompts and completions. */
    fileName: string;
    lines: AsyncIterable<Line>;
    actorId: string;
  },
): Promise<KnownUploaded> {
  const { project, purpose, fileName, actorId } = input;
  const given: ReturnType<typeof parseKnown>[] = [];
  for await (const line of input.lines) given.push(parseKnown(line));
  return db.transaction(async (tx) => {
    const written = await insertPrompts(
      tx,
      project.id,
      given.map(({ messages }) => ({ messages, source: fileName, externalId: null })),
    );
    const there = await existingTasks(tx, project.id, purpose);
    const rows: (typeof completions.$inferInsert)[] = [];
    const items: NewTask[] = [];
    for (const [index, { groups }] of given.entries()) {
      const promptId = written[index]?.id;
      if (promptId === undefined) throw new AppError('INTERNAL', 'A prompt was not written.');
      const key = taskKey(promptId, groups.flat());
      if (there.has(key)) continue;
      there.add(key);
      // Ids are ordered by time: given in the order of the ranks, they would tell the answer to whoever sees them.
      const idOf = new Map(shuffled(groups.flat()).map((text) => [text, uuidv7()]));
      const ids = groups.map((group) => group.flatMap((text) => idOf.get(text) ?? []));
      for (const [text, id] of idOf) {
        rows.push({ id, projectId: project.id, promptId, text, source: fileName });
      }
      items.push({ promptId, completionIds: [...idOf.values()], gold: { groups: ids } });
    }
    for (let i = 0; i < rows.length; i += 2000) await tx.insert(completions).values(rows.slice(i, i + 2000));
    await createTasks(tx, { project, kind: 'ranking', purpose, items });
    const result = { tasks: items.length, existing: given.length - items.length };
    const subject = { kind: 'project', id: project.id };
    await record(tx, actorId, 'known_tasks.uploaded', subject, { fileName, purpose, ...result });
    return result;
  });
}

function parseKnown(line: Line): { messages: Message[]; groups: string[][] } {
  const { prompt, completions: texts, ranks } = parseLine(line, knownLine, EXPECTED);
  if (ranks.length !== texts.length) {
    throw bad(line, `ranks: expected ${texts.length} numbers, one for each completion, not ${ranks.length}`);
  }
  const twice = texts.findIndex((text, index) => texts.indexOf(text) < index);
  if (twice !== -1) throw bad(line, `completions[${twice}]: is the same text as one before it`);
  const order = [...new Set(ranks)].sort((a, b) => a - b);
  if (order.length < 2) {
    throw bad(line, 'ranks: ties all completions: expected one that is better than another');
  }
  const groups = order.map((rank) => texts.filter((_, index) => ranks[index] === rank));
  return { messages: typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt, groups };
}

function bad(line: Line, what: string): AppError {
  return new AppError('BAD_INPUT', `${line.where}: ${what}.`);
}

/** What makes two known tasks the same: the prompt and the completions, in whatever order. */
function taskKey(promptId: string, texts: string[]): string {
  return JSON.stringify([promptId, [...texts].sort()]);
}

async function existingTasks(
  tx: Transaction,
  projectId: string,
  purpose: KnownPurpose,
): Promise<Set<string>> {
  const rows = await tx
    .select({ promptId: tasks.promptId, texts: sql<string[]>`array_agg(${completions.text})` })
    .from(tasks)
    .innerJoin(taskCompletions, eq(taskCompletions.taskId, tasks.id))
    .innerJoin(completions, eq(completions.id, taskCompletions.completionId))
    .where(and(eq(tasks.projectId, projectId), eq(tasks.purpose, purpose)))
    .groupBy(tasks.id);
  return new Set(rows.map(({ promptId, texts }) => taskKey(promptId ?? '', texts)));
}

function shuffled(texts: string[]): string[] {
  return texts
    .map((text) => ({ text, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ text }) => text);
}

export interface KnownTask {
  id: string;
  purpose: TaskPurpose;
  messages: Message[] | null;
  completions: number;
  state: 'open' | 'closed';
  /** Labels handed in. */
  answered: number;
  /** Mean accuracy of those, 0 to 1; null before the first. */
  accuracy: number | null;
  createdAt: Date;
}

/** A project's gold and screening tasks, newest first. */
export async function listKnownTasks(
  db: Database,
  input: { projectId: string; before?: string | undefined; limit: number },
): Promise<{ items: KnownTask[]; next: string | null; total: number }> {
  const known = and(eq(tasks.projectId, input.projectId), inArray(tasks.purpose, ['gold', 'screening']));
  // The outer task by its full name: Drizzle leaves the table's name out of the columns of a query on one table.
  const done = sql`from ${assignments} a where a.task_id = "tasks"."id" and a.state in ('submitted', 'late')`;
  const rows = await db
    .select({
      id: tasks.id,
      purpose: tasks.purpose,
      messages: prompts.messages,
      completions: sql<number>`(select count(*)::int from ${taskCompletions} c where c.task_id = "tasks"."id")`,
      state: tasks.state,
      answered: sql<number>`(select count(*)::int ${done})`,
      accuracy: sql<number | null>`(select avg(a.gold_score)::float8 ${done})`,
      createdAt: tasks.createdAt,
    })
    .from(tasks)
    .leftJoin(prompts, eq(prompts.id, tasks.promptId))
    .where(and(known, input.before ? lt(tasks.id, input.before) : undefined))
    .orderBy(desc(tasks.id))
    .limit(input.limit + 1);
  const [count] = await db.select({ total: sql<number>`count(*)::int` }).from(tasks).where(known);
  const items = rows.slice(0, input.limit);
  return {
    items,
    next: rows.length > input.limit ? (items.at(-1)?.id ?? null) : null,
    total: count?.total ?? 0,
  };
}

/**
 * Hands a gold or screening task out no more (`closed`), or again. What was answered stays, with its score.
 * @throws NOT_FOUND when it is none of the project's
 */
export async function setKnownState(
  db: Database,
  input: { projectId: string; taskId: string; state: 'open' | 'closed'; actorId: string },
): Promise<void> {
  const { projectId, taskId, state, actorId } = input;
  await db.transaction(async (tx) => {
    const changed = await tx
      .update(tasks)
      .set({ state })
      .where(
        and(
          eq(tasks.id, taskId),
          eq(tasks.projectId, projectId),
          inArray(tasks.purpose, ['gold', 'screening']),
        ),
      )
      .returning({ id: tasks.id });
    if (changed.length === 0) {
      throw new AppError('NOT_FOUND', 'There is no such task with a known answer in this project.');
    }
    await record(tx, actorId, 'known_task.state', { kind: 'task', id: taskId }, { state });
  });
}
