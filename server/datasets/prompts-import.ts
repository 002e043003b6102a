import { createHash } from 'node:crypto';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database, Transaction } from '@/db/client.ts';
import { type Message, prompts, SPLITS, type Split } from '@/db/schema.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { conversation, writtenText } from '../labeling/schemas.ts';
import { createTasks } from '../labeling/tasks.ts';
import type { Project } from '../people/access.ts';
import { record } from '../people/audit.ts';
import { type Line, parseLine } from './lines.ts';

const BATCH = 1000;
const EXPECTED = '{ prompt, id?, split?, source?, metadata? }';

const promptLine = z.strictObject({
  prompt: z.union([writtenText, conversation], {
    error: 'expected text, or a list of { role, content } that ends with the user',
  }),
  id: z.union([z.string(), z.number().transform(String)]).nullish(),
  split: z.enum(SPLITS, { error: `expected one of ${SPLITS.join(', ')}` }).nullish(),
  source: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

/** A prompt on its way into a project. */
export interface NewPrompt {
  messages: Message[];
  source: string;
  externalId: string | null;
  /** Decided by the conversation's hash when absent. */
  split?: Split | undefined;
  metadata?: Record<string, unknown> | undefined;
}

export interface ImportSource {
  project: Project;
  /** Names the source in errors and on the prompts. */
  fileName: string;
  lines: AsyncIterable<Line>;
  actorId: string | null;
}

export interface PromptsImported {
  /** New in the project. */
  imported: number;
  /** Were there already, by their text. */
  existing: number;
  /** Demonstration tasks made. */
  tasks: number;
}

/**
 * Imports prompts from JSON lines `{ prompt, id?, split?, source?, metadata? }`, all of them or none.
 * @param input.demonstrationTasks whether each new prompt of the split `train` becomes a demonstration task
 * @throws BAD_INPUT that names file, line and field; nothing is written then
 */
export async function importPrompts(
  db: Database,
  input: ImportSource & { demonstrationTasks: boolean },
): Promise<PromptsImported> {
  return db.transaction(async (tx) => {
    const result: PromptsImported = { imported: 0, existing: 0, tasks: 0 };
    const flush = async (batch: NewPrompt[]) => {
      const written = await insertPrompts(tx, input.project.id, batch);
      const fresh = written.filter((prompt) => prompt.isNew);
      result.imported += fresh.length;
      result.existing += batch.length - fresh.length;
      if (!input.demonstrationTasks) return;
      const items = fresh
        .filter((prompt) => prompt.split === 'train')
        .map((prompt) => ({ promptId: prompt.id }));
      const created = await createTasks(tx, { project: input.project, kind: 'demonstration', items });
      result.tasks += created.length;
    };
    let batch: NewPrompt[] = [];
    for await (const line of input.lines) {
      const { prompt, id, split, source, metadata } = parseLine(line, promptLine, EXPECTED);
      batch.push({
        messages: typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt,
        source: source ?? input.fileName,
        externalId: id ?? null,
        split: split ?? undefined,
        metadata: metadata ?? undefined,
      });
      if (batch.length === BATCH) {
        await flush(batch);
        batch = [];
      }
    }
    await flush(batch);
    await record(
      tx,
      input.actorId,
      'prompts.imported',
      { kind: 'project', id: input.project.id },
      {
        fileName: input.fileName,
        ...result,
      },
    );
    return result;
  });
}

export interface WrittenPrompt {
  id: string;
  split: Split;
  isNew: boolean;
}

/**
 * Writes the prompts that the project does not have yet.
 * @returns for each prompt given, in order, its row; a conversation given twice is new once
 */
export async function insertPrompts(
  tx: Transaction,
  projectId: string,
  given: NewPrompt[],
): Promise<WrittenPrompt[]> {
  if (given.length === 0) return [];
  const rows = given.map(({ messages, source, externalId, split, metadata }) => {
    const contentHash = hashConversation(messages);
    return {
      id: uuidv7(),
      projectId,
      messages,
      contentHash,
      source,
      externalId,
      split: split ?? splitOf(contentHash),
      metadata: metadata ?? {},
    };
  });
  const unique = new Map<string, (typeof rows)[number]>();
  for (const row of rows) if (!unique.has(row.contentHash)) unique.set(row.contentHash, row);
  await tx
    .insert(prompts)
    .values([...unique.values()])
    .onConflictDoNothing({ target: [prompts.projectId, prompts.contentHash] });
  const stored = await tx
    .select({ id: prompts.id, split: prompts.split, contentHash: prompts.contentHash })
    .from(prompts)
    .where(and(eq(prompts.projectId, projectId), inArray(prompts.contentHash, [...unique.keys()])));
  const byHash = new Map(stored.map((row) => [row.contentHash, row]));
  return rows.flatMap((row) => {
    const found = byHash.get(row.contentHash);
    return found ? [{ id: found.id, split: found.split, isNew: found.id === row.id }] : [];
  });
}

/** SHA-256 of a conversation, in hex: the prompt's identity within a project. */
export function hashConversation(messages: Message[]): string {
  const canonical = JSON.stringify(messages.map(({ role, content }) => [role, content]));
  return createHash('sha256').update(canonical).digest('hex');
}

/** The split that a hash falls into: 80 % train, 10 % validation, 10 % evaluation, the same for ever. */
export function splitOf(hash: string): Split {
  const bucket = Number.parseInt(hash.slice(0, 8), 16) % 10;
  return bucket < 8 ? 'train' : bucket === 8 ? 'validation' : 'evaluation';
}

/** How many prompts a project has in each split. */
export async function countPrompts(db: Database, projectId: string): Promise<Record<Split, number>> {
  const rows = await db
    .select({ split: prompts.split, count: sql<number>`count(*)::int` })
    .from(prompts)
    .where(eq(prompts.projectId, projectId))
    .groupBy(prompts.split);
  const counts: Record<Split, number> = { train: 0, validation: 0, evaluation: 0 };
  for (const { split, count } of rows) counts[split] = count;
  return counts;
}
