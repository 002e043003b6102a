import { and, desc, eq, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { assignments, guidelineReads, guidelines } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { lockOwn, type OwnAssignment } from './own-assignment.ts';
import { currentGuideline } from './work.ts';

/** What a labeler is to be told of a project's guidelines. */
export interface GuidelineNews {
  /** The newest version; null when none has been written. */
  current: { id: string; version: number; changeNote: string; createdAt: Date } | null;
  /** The newest version that this person has said to have read; null for none. */
  readVersion: number | null;
}

/** Whether there is a version that a person has not read yet. */
export async function guidelineNews(
  db: Database,
  { projectId, userId }: { projectId: string; userId: string },
): Promise<GuidelineNews> {
  const [newest] = await db
    .select({
      id: guidelines.id,
      version: guidelines.version,
      changeNote: guidelines.changeNote,
      createdAt: guidelines.createdAt,
    })
    .from(guidelines)
    .where(eq(guidelines.projectId, projectId))
    .orderBy(desc(guidelines.version))
    .limit(1);
  if (!newest) return { current: null, readVersion: null };
  const [read] = await db
    .select({ version: guidelines.version })
    .from(guidelineReads)
    .innerJoin(guidelines, eq(guidelines.id, guidelineReads.guidelineId))
    .where(and(eq(guidelineReads.userId, userId), eq(guidelines.projectId, projectId)))
    .orderBy(desc(guidelines.version))
    .limit(1);
  return { current: newest, readVersion: read?.version ?? null };
}

/**
 * Notes that a person has read a version; said twice, it is noted once.
 * @throws NOT_FOUND when it is no version of the project's guidelines
 */
export async function markGuidelineRead(
  db: Database,
  input: { projectId: string; guidelineId: string; userId: string },
): Promise<void> {
  const [guideline] = await db
    .select({ id: guidelines.id })
    .from(guidelines)
    .where(and(eq(guidelines.id, input.guidelineId), eq(guidelines.projectId, input.projectId)));
  if (!guideline) throw new AppError('NOT_FOUND', 'This project has no such version of its guidelines.');
  await db
    .insert(guidelineReads)
    .values({ userId: input.userId, guidelineId: guideline.id })
    .onConflictDoNothing();
}

/**
 * Ties an open task to the newest version, at its labeler's own wish: by itself a label stays with the version under
 * which its task was handed out. Having read that version is part of it.
 * @throws CONFLICT when the task is submitted already, or when a still newer version has been published than the one named
 */
export async function adoptGuideline(
  db: Database,
  input: OwnAssignment & { guidelineId: string },
): Promise<{ id: string; version: number; markdown: string }> {
  return db.transaction(async (tx) => {
    const { assignment } = await lockOwn(tx, input);
    if (assignment.state === 'submitted' || assignment.state === 'late') {
      throw new AppError(
        'CONFLICT',
        'This task is submitted already: its label stays with the guidelines that it was made under.',
      );
    }
    const current = await currentGuideline(tx, assignment.projectId);
    if (current?.id !== input.guidelineId) {
      throw new AppError(
        'CONFLICT',
        current
          ? `Version ${current.version} of the guidelines was published meanwhile: look at what changed first.`
          : 'This project has no guidelines.',
      );
    }
    await tx.update(assignments).set({ guidelineId: current.id }).where(eq(assignments.id, assignment.id));
    await tx
      .insert(guidelineReads)
      .values({ userId: input.labelerId, guidelineId: current.id, readAt: sql`now()` })
      .onConflictDoNothing();
    const { id, version, markdown } = current;
    return { id, version, markdown };
  });
}
