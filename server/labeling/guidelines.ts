import { and, desc, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import {
  demonstrations,
  guidelineReads,
  guidelines,
  projects,
  rankings,
  reviews,
  users,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { record } from '../people/audit.ts';

export type Guideline = typeof guidelines.$inferSelect;

/** Every version of a project's guidelines, newest first. */
export async function listGuidelines(db: Database, projectId: string) {
  return db
    .select({
      id: guidelines.id,
      version: guidelines.version,
      markdown: guidelines.markdown,
      changeNote: guidelines.changeNote,
      author: users.name,
      createdAt: guidelines.createdAt,
    })
    .from(guidelines)
    .leftJoin(users, eq(users.id, guidelines.authorId))
    .where(eq(guidelines.projectId, projectId))
    .orderBy(desc(guidelines.version));
}

/**
 * Publishes the next version. Work handed out from now on carries it; what was handed out keeps its own.
 * @param input.baseVersion the version that was edited (0 for none): another one published meanwhile is a CONFLICT
 */
export async function publishGuideline(
  db: Database,
  input: {
    projectId: string;
    markdown: string;
    changeNote: string;
    baseVersion: number;
    authorId: string | null;
  },
): Promise<Guideline> {
  return db.transaction(async (tx) => {
    // Two authors publish one after the other: the second finds the first's version.
    await tx.select({ id: projects.id }).from(projects).where(eq(projects.id, input.projectId)).for('update');
    const [newest] = await tx
      .select({ version: guidelines.version })
      .from(guidelines)
      .where(eq(guidelines.projectId, input.projectId))
      .orderBy(desc(guidelines.version))
      .limit(1);
    const version = newest?.version ?? 0;
    if (version !== input.baseVersion) {
      throw new AppError(
        'CONFLICT',
        `Version ${version} was published meanwhile, and yours is based on version ${input.baseVersion}: look at it first.`,
      );
    }
    const { projectId, markdown, changeNote, authorId } = input;
    const [guideline] = await tx
      .insert(guidelines)
      .values({ projectId, markdown, changeNote, authorId, version: version + 1 })
      .returning();
    if (!guideline) throw new AppError('INTERNAL', 'The guideline was not written.');
    await record(
      tx,
      authorId,
      'guideline.published',
      { kind: 'guideline', id: guideline.id },
      { version: version + 1 },
    );
    return guideline;
  });
}

/** How far a version of the guidelines has come. */
export interface GuidelineUse {
  guidelineId: string;
  /** Labels that stand today, of every kind, made under it. */
  labels: number;
  /** People who have said that they read it. */
  readers: number;
}

/** What each version of a project's guidelines is used for; versions without label or reader are left out. */
export async function guidelineUse(db: Database, projectId: string): Promise<GuidelineUse[]> {
  const use = new Map<string, GuidelineUse>();
  const of = (guidelineId: string) => {
    const known = use.get(guidelineId) ?? { guidelineId, labels: 0, readers: 0 };
    use.set(guidelineId, known);
    return known;
  };
  const total = sql<number>`count(*)::int`;
  for (const table of [demonstrations, rankings, reviews]) {
    const counted = await db
      .select({ guidelineId: table.guidelineId, labels: total })
      .from(table)
      .where(and(eq(table.projectId, projectId), isNull(table.supersededAt)))
      .groupBy(table.guidelineId);
    for (const { guidelineId, labels } of counted) {
      if (guidelineId !== null) of(guidelineId).labels += labels;
    }
  }
  const read = await db
    .select({ guidelineId: guidelineReads.guidelineId, readers: total })
    .from(guidelineReads)
    .innerJoin(guidelines, eq(guidelines.id, guidelineReads.guidelineId))
    .where(eq(guidelines.projectId, projectId))
    .groupBy(guidelineReads.guidelineId);
  for (const { guidelineId, readers } of read) of(guidelineId).readers = readers;
  return [...use.values()];
}
