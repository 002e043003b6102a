import { isDeepStrictEqual } from 'node:util';
import { count, desc, eq, max, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import { assignments, type Draft, draftRevisions } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { findOwn, lockOwn, type OwnAssignment, requireKind } from './own-assignment.ts';

/*
 * Earlier saves of a draft. A save every second would keep everything many times over, so an earlier save is kept when
 * losing it would hurt: always when it loses a conflict or is replaced by less than half of it, else one in so many
 * minutes of growing, and one in a minute of shrinking (a text that is deleted key by key is caught while it is whole).
 * What is kept is never deleted, so the storage is bounded where it is written: with every ten kept saves of a task the
 * minutes double, and past MOST_KEPT only what a person decides between two texts is kept.
 */

/** Earlier saves of one task from which on no more are kept by themselves. */
export const MOST_KEPT = 200;
/** Earlier saves that a page shows. */
const SHOWN = 50;
const GROWING_MS = 5 * 60_000;
const SHRINKING_MS = 60_000;

export interface KeptDraft {
  revision: number;
  content: Draft;
  savedAt: Date;
}

/** How much a person put into a draft: characters of text, and one for each other answer. */
export function amountOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value === 'number' || value === true) return 1;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce(
    (sum, [key, part]) => sum + (key === 'kind' || key === 'role' ? 0 : amountOf(part)),
    0,
  );
}

/**
 * Whether a save is kept when the next one takes its place.
 * @param kept how many are kept already, and when the newest of them was saved (the moment the task was handed out when
 * there is none)
 */
export function isWorthKeeping(before: KeptDraft, next: Draft, kept: { count: number; last: Date }): boolean {
  if (kept.count >= MOST_KEPT) return false;
  const [held, coming] = [amountOf(before.content), amountOf(next)];
  if (coming < held / 2) return true;
  const since = before.savedAt.getTime() - kept.last.getTime();
  return since >= (coming < held ? SHRINKING_MS : GROWING_MS) * 2 ** Math.floor(kept.count / 10);
}

/**
 * The save that a new one is about to replace, when the policy above or the caller (`always`) wants it kept.
 * @returns null when it need not be
 */
export async function worthKeeping(
  db: Executor,
  assignment: typeof assignments.$inferSelect,
  next: Draft,
  always: boolean,
): Promise<KeptDraft | null> {
  const { id, draft, draftRevision, draftSavedAt } = assignment;
  if (draft === null || draftSavedAt === null || isDeepStrictEqual(draft, next)) return null;
  const before = { revision: draftRevision, content: draft, savedAt: draftSavedAt };
  if (always) return before;
  const { count, last } = await keptSoFar(db, id);
  return isWorthKeeping(before, next, { count, last: last ?? assignment.createdAt }) ? before : null;
}

export async function keep(tx: Transaction, assignmentId: string, draft: KeptDraft): Promise<void> {
  await tx.insert(draftRevisions).values({ assignmentId, ...draft });
}

async function keptSoFar(db: Executor, assignmentId: string): Promise<{ count: number; last: Date | null }> {
  const [row] = await db
    .select({ count: count(), last: max(draftRevisions.savedAt) })
    .from(draftRevisions)
    .where(eq(draftRevisions.assignmentId, assignmentId));
  return { count: row?.count ?? 0, last: row?.last ?? null };
}

/**
 * Keeps a text that is not to be the draft: the loser of a conflict, or one that came after its task was handed in.
 * Given twice, it is kept once. Accepted in every state, for a text is never refused for its hour.
 * @throws CONFLICT when so many are kept of this task that no further one is taken
 */
export async function setDraftAside(db: Database, input: OwnAssignment & { content: Draft }): Promise<void> {
  await db.transaction(async (tx) => {
    const { assignment } = await lockOwn(tx, input);
    requireKind(assignment, input.content.kind);
    const held = [assignment.draft, ...(await listKept(tx, assignment.id)).map(({ content }) => content)];
    if (amountOf(input.content) === 0 || held.some((one) => isDeepStrictEqual(one, input.content))) return;
    if ((await keptSoFar(tx, assignment.id)).count >= MOST_KEPT) {
      throw new AppError(
        'CONFLICT',
        `${MOST_KEPT} earlier drafts of this task are kept already: this one stays in your browser only.`,
      );
    }
    // Two numbers on: the kept text has the first, the draft, unchanged, the second.
    await tx
      .update(assignments)
      .set({ draftRevision: assignment.draftRevision + 2 })
      .where(eq(assignments.id, assignment.id));
    await tx.insert(draftRevisions).values({
      assignmentId: assignment.id,
      revision: assignment.draftRevision + 1,
      content: input.content,
      savedAt: sql`now()`,
    });
  });
}

/** The newest earlier saves of one's own draft, newest first. */
export async function earlierDrafts(db: Database, own: OwnAssignment): Promise<KeptDraft[]> {
  const { id } = await findOwn(db, own);
  return listKept(db, id);
}

function listKept(db: Executor, assignmentId: string): Promise<KeptDraft[]> {
  return db
    .select({
      revision: draftRevisions.revision,
      content: draftRevisions.content,
      savedAt: draftRevisions.savedAt,
    })
    .from(draftRevisions)
    .where(eq(draftRevisions.assignmentId, assignmentId))
    .orderBy(desc(draftRevisions.revision))
    .limit(SHOWN);
}
