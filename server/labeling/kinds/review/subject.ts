import { and, asc, eq, inArray, isNull, or } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import {
  assignments,
  demonstrations,
  guidelines,
  type ReviewFinding,
  type ReviewReason,
  rankings,
} from '@/db/schema.ts';
import { demonstration } from '../demonstration/demonstration.ts';
import type { DemonstrationContent } from '../demonstration/schema.ts';
import { ranking } from '../ranking/ranking.ts';
import type { RankingContent } from '../ranking/schema.ts';
import { findSubject } from './review.ts';

/** What a reviewer judges: the labels of one task. Who gave them is not in it. */
export interface ReviewSubject {
  kind: 'demonstration' | 'ranking';
  reason: ReviewReason;
  /** The number behind the reason; null where there is none. */
  finding: ReviewFinding | null;
  /** Whether the reviewer may give the answer; not where each labeler wrote a prompt of their own. */
  answerable: boolean;
  /** In the order in which the task was handed out to their labelers; of one labeler, the older version first. */
  labels: {
    labelId: string;
    /** Counts the labelers of the task from 1: `Label 2`, in every version of it. */
    number: number;
    /** Whether it is to be judged; false for an older version that was judged once. */
    current: boolean;
    /** Version of the guideline under which it was made; null when there was none. */
    guidelineVersion: number | null;
    activeSeconds: number;
    /** The completions as its labeler saw them, whose letters a note may use. */
    shownOrder: string[];
    content: DemonstrationContent | RankingContent;
  }[];
}

/**
 * The subject of a review task: the labels that count of the task under review.
 * @param judged ids of further labels to show: the versions that a review judged, wherever they stand now
 */
export async function loadReviewSubject(
  db: Executor,
  task: {
    subjectTaskId: string | null;
    reviewReason: ReviewReason | null;
    reviewFinding: ReviewFinding | null;
  },
  judged: string[] = [],
): Promise<ReviewSubject> {
  const subject = await findSubject(db, task.subjectTaskId);
  const kind = subject.kind === 'ranking' ? ranking : demonstration;
  const table = subject.kind === 'ranking' ? rankings : demonstrations;
  const counts = and(isNull(table.supersededAt), eq(table.late, false));
  const rows = await db
    .select({
      labelId: table.id,
      assignmentId: table.assignmentId,
      supersededAt: table.supersededAt,
      activeSeconds: table.activeSeconds,
      shownOrder: assignments.shownOrder,
      guidelineVersion: guidelines.version,
    })
    .from(table)
    .innerJoin(assignments, eq(assignments.id, table.assignmentId))
    .leftJoin(guidelines, eq(guidelines.id, table.guidelineId))
    .where(and(eq(table.taskId, subject.id), or(counts, inArray(table.id, judged))))
    .orderBy(asc(table.assignmentId), asc(table.version));
  const contents: Map<string, DemonstrationContent | RankingContent> = await kind.load(
    db,
    rows.map(({ labelId }) => labelId),
  );
  const labelers = [...new Set(rows.map(({ assignmentId }) => assignmentId))];
  return {
    kind: kind.name,
    reason: task.reviewReason ?? 'asked',
    finding: task.reviewFinding,
    answerable: subject.brief === null || labelers.length === 1,
    labels: rows.flatMap(({ assignmentId, supersededAt, ...row }) => {
      const content = contents.get(row.labelId);
      const number = labelers.indexOf(assignmentId) + 1;
      return content ? [{ ...row, number, current: supersededAt === null, content }] : [];
    }),
  };
}
