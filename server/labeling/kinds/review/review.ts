import { and, asc, eq, inArray, isNull } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import { demonstrations, rankings, reviews, reviewVerdicts, type TaskKind, tasks } from '@/db/schema.ts';
import { AppError } from '../../../errors.ts';
import { written } from '../../label.ts';
import { demonstration } from '../demonstration/demonstration.ts';
import type { Kind } from '../kind.ts';
import { ranking } from '../ranking/ranking.ts';
import { type ReviewContent, reviewContent, reviewDraft } from './schema.ts';

/** Judging the labels that others gave to one task, and settling what the answer is where they differ. */
export const review: Kind<ReviewContent> = {
  name: 'review',
  content: reviewContent,
  draft: reviewDraft,
  table: reviews,

  async check(answering, { verdicts, answer }) {
    const { tx, task } = answering;
    const subject = await findSubject(tx, task.subjectTaskId);
    const wanted = new Set(await labelsOfTask(tx, subject));
    const seen = new Set<string>();
    for (const [index, { labelId }] of verdicts.entries()) {
      if (!wanted.has(labelId)) {
        throw bad(`verdicts[${index}].labelId: ${labelId} is not a label of the task under review.`);
      }
      if (seen.has(labelId)) throw bad(`verdicts[${index}].labelId: ${labelId} is judged twice.`);
      seen.add(labelId);
    }
    const missing = [...wanted].find((id) => !seen.has(id));
    if (missing !== undefined) {
      throw bad(`verdicts: the label ${missing} has no verdict: expected one on each label of the task.`);
    }
    if (answer === null) return;
    if (answer.kind !== subject.kind) {
      throw bad(
        `answer: is a ${answer.kind}: expected a ${subject.kind}, as the task under review asks for.`,
      );
    }
    // The prompt is the one that the labels answer, whoever wrote it.
    if (answer.kind === 'demonstration') {
      await demonstration.check({ ...answering, task: { ...subject, brief: null } }, answer);
    } else await ranking.check(answering, answer);
  },

  async insert(answering, base, { verdicts, answer }) {
    const { tx, task } = answering;
    const subject = await findSubject(tx, task.subjectTaskId);
    const rows = await tx
      .insert(reviews)
      .values({ ...base, subjectTaskId: subject.id })
      .returning({ id: reviews.id });
    const { id } = written(rows);
    await tx.insert(reviewVerdicts).values(verdicts.map((verdict) => ({ ...verdict, reviewId: id })));
    if (answer?.kind === 'demonstration') await demonstration.insert(answering, base, answer);
    if (answer?.kind === 'ranking') await ranking.insert(answering, base, answer);
    return id;
  },

  async load(db, labelIds) {
    const rows = await db.select().from(reviews).where(inArray(reviews.id, labelIds));
    const verdicts = await db
      .select()
      .from(reviewVerdicts)
      .where(inArray(reviewVerdicts.reviewId, labelIds))
      .orderBy(asc(reviewVerdicts.id));
    const contents = new Map<string, ReviewContent>();
    for (const row of rows) {
      contents.set(row.id, {
        kind: 'review',
        verdicts: verdicts
          .filter(({ reviewId }) => reviewId === row.id)
          .map(({ labelId, verdict, comment }) => ({ labelId, verdict, comment })),
        answer: await loadAnswer(db, row.assignmentId, row.version),
      });
    }
    return contents;
  },
};

/** The reviewer's own answer that came with a version of a review. */
async function loadAnswer(
  db: Executor,
  assignmentId: string,
  version: number,
): Promise<ReviewContent['answer']> {
  for (const kind of [demonstration, ranking]) {
    const { table } = kind;
    const [row] = await db
      .select({ id: table.id })
      .from(table)
      .where(and(eq(table.assignmentId, assignmentId), eq(table.version, version)));
    if (row) return (await kind.load(db, [row.id])).get(row.id) ?? null;
  }
  return null;
}

/** The task whose labels a review judges. */
export async function findSubject(db: Executor, subjectTaskId: string | null) {
  const [subject] = subjectTaskId ? await db.select().from(tasks).where(eq(tasks.id, subjectTaskId)) : [];
  if (!subject) throw new AppError('INTERNAL', 'A review without the task that it reviews.');
  return subject;
}

/** The labels of a task that count, oldest first. */
export async function labelsOfTask(db: Executor, task: { id: string; kind: TaskKind }): Promise<string[]> {
  const table = task.kind === 'ranking' ? rankings : demonstrations;
  const rows = await db
    .select({ id: table.id })
    .from(table)
    .where(and(eq(table.taskId, task.id), isNull(table.supersededAt), eq(table.late, false)))
    .orderBy(asc(table.id));
  return rows.map(({ id }) => id);
}

function bad(message: string): AppError {
  return new AppError('BAD_INPUT', message);
}
