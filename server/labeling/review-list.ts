import { and, desc, eq, lt, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Database } from '@/db/client.ts';
import { prompts, type ReviewFinding, type ReviewReason, type TaskKind, tasks } from '@/db/schema.ts';

/** Characters of a prompt that the list shows. */
const EXCERPT = 240;

export interface ReviewItem {
  /** The review, a task itself. */
  taskId: string;
  /** The task whose labels are reviewed, and its kind. */
  subjectTaskId: string;
  subjectKind: TaskKind;
  reason: ReviewReason;
  finding: ReviewFinding | null;
  /** The last turn of the prompt, cut. */
  prompt: string;
  priority: number;
  createdAt: Date;
  /** `waiting`: in nobody's hands; `under way`: somebody judges it now; `done`: every review that is wanted is in. */
  state: 'waiting' | 'under way' | 'done';
  wanted: number;
  /** Reviews that count. */
  reviews: number;
  /** Verdicts of these reviews. */
  accepted: number;
  rejected: number;
  /** How many of the reviewers gave an answer of their own. */
  answers: number;
}

/**
 * A project's reviews, newest first.
 * @param options.open only those that are not done
 * @param options.before the last task id of the page before
 */
export async function listReviewQueue(
  db: Database,
  projectId: string,
  options: { open?: boolean | undefined; before?: string | undefined; limit: number },
): Promise<{ items: ReviewItem[]; next: string | null }> {
  const subject = alias(tasks, 'subject');
  const counted = sql`from reviews r where r.task_id = ${tasks}."id" and r.superseded_at is null and not r.late`;
  const reviews = sql<number>`(select count(*)::int ${counted})`;
  const verdicts = (verdict: string) =>
    sql<number>`(select count(*)::int from review_verdicts v where v.verdict = ${verdict} and v.review_id in (select r.id ${counted}))`;
  const answersIn = (table: string) =>
    sql`(select count(*) from ${sql.identifier(table)} a where a.task_id = ${tasks}."id" and a.superseded_at is null and not a.late)`;
  const rows = await db
    .select({
      taskId: tasks.id,
      subjectTaskId: subject.id,
      subjectKind: subject.kind,
      reason: tasks.reviewReason,
      finding: tasks.reviewFinding,
      prompt: sql<string>`left(coalesce(${prompts.messages} -> -1 ->> 'content', ''), ${EXCERPT})`,
      priority: tasks.priority,
      createdAt: tasks.createdAt,
      wanted: tasks.wantedLabels,
      taken: tasks.taken,
      reviews,
      accepted: verdicts('accepted'),
      rejected: verdicts('rejected'),
      answers: sql<number>`(${answersIn('demonstrations')} + ${answersIn('rankings')})::int`,
    })
    .from(tasks)
    .innerJoin(subject, eq(subject.id, tasks.subjectTaskId))
    .leftJoin(prompts, eq(prompts.id, tasks.promptId))
    .where(
      and(
        eq(tasks.projectId, projectId),
        eq(tasks.kind, 'review'),
        options.open ? sql`${reviews} < ${tasks.wantedLabels}` : undefined,
        options.before ? lt(tasks.id, options.before) : undefined,
      ),
    )
    .orderBy(desc(tasks.id))
    .limit(options.limit + 1);
  const items = rows.slice(0, options.limit).map(({ taken, reason, ...row }): ReviewItem => {
    const state = row.reviews >= row.wanted ? 'done' : taken > row.reviews ? 'under way' : 'waiting';
    return { ...row, reason: reason ?? 'asked', state };
  });
  return { items, next: rows.length > options.limit ? (items.at(-1)?.taskId ?? null) : null };
}
