import { asc, eq, inArray } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import { demonstrations, guidelines, type ReviewReason, rankings } from '@/db/schema.ts';
import { demonstration } from '../demonstration/demonstration.ts';
import type { DemonstrationContent } from '../demonstration/schema.ts';
import { ranking } from '../ranking/ranking.ts';
import type { RankingContent } from '../ranking/schema.ts';
import { findSubject, labelsOfTask } from './review.ts';

/** What a reviewer judges: the labels of one task. Who gave them is not in it. */
export interface ReviewSubject {
  kind: 'demonstration' | 'ranking';
  reason: ReviewReason;
  /** Oldest first. */
  labels: {
    labelId: string;
    /** Version of the guideline under which it was made; null when there was none. */
    guidelineVersion: number | null;
    activeSeconds: number;
    content: DemonstrationContent | RankingContent;
  }[];
}

/** The subject of a review task. */
export async function loadReviewSubject(
  db: Executor,
  task: { subjectTaskId: string | null; reviewReason: ReviewReason | null },
): Promise<ReviewSubject> {
  const subject = await findSubject(db, task.subjectTaskId);
  const ids = await labelsOfTask(db, subject);
  const kind = subject.kind === 'ranking' ? ranking : demonstration;
  const table = subject.kind === 'ranking' ? rankings : demonstrations;
  const rows = await db
    .select({ labelId: table.id, activeSeconds: table.activeSeconds, guidelineVersion: guidelines.version })
    .from(table)
    .leftJoin(guidelines, eq(guidelines.id, table.guidelineId))
    .where(inArray(table.id, ids))
    .orderBy(asc(table.id));
  const contents: Map<string, DemonstrationContent | RankingContent> = await kind.load(db, ids);
  return {
    kind: kind.name,
    reason: task.reviewReason ?? 'asked',
    labels: rows.flatMap((row) => {
      const content = contents.get(row.labelId);
      return content ? [{ ...row, content }] : [];
    }),
  };
}
