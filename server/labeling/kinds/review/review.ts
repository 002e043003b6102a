import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Executor, Transaction } from '@/db/client.ts';
import { demonstrations, rankings, reviews, reviewVerdicts, tasks } from '@/db/schema.ts';
import { AppError } from '../../../errors.ts';
import { current } from '../../counted.ts';
import { type Task, written } from '../../label.ts';
import { holdTask } from '../../review-queue.ts';
import { demonstration } from '../demonstration/demonstration.ts';
import type { Kind } from '../kind.ts';
import { ranking } from '../ranking/ranking.ts';
import { type ReviewContent, reviewContent, reviewDraft } from './schema.ts';

/** Where the labels of a task under review are, and where the reviewer's own answer goes. */
const tableOf = (subject: Task) => (subject.kind === 'ranking' ? rankings : demonstrations);

/** Judging the labels that others gave to one task, and settling what the answer is where they differ. */
export const review: Kind<ReviewContent> = {
  name: 'review',
  content: reviewContent,
  draft: reviewDraft,
  table: reviews,

  async check(answering, { verdicts, answer }) {
    const { tx, task, assignment } = answering;
    const subject = await findSubject(tx, task.subjectTaskId);
    // A label that is edited at this moment is judged in its old version or its new one, and the edit knows which.
    await holdTask(tx, subject.id);
    await refuseOwn(tx, subject, assignment.labelerId);
    await checkVerdicts(tx, subject, verdicts);
    if (answer === null) return;
    if (answer.kind !== subject.kind) {
      throw bad(
        `answer: is a ${answer.kind}: expected a ${subject.kind}, as the task under review asks for.`,
      );
    }
    if (subject.brief !== null && verdicts.length > 1) {
      throw bad('answer: each label answers a prompt of its own here: expected verdicts alone.');
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
    const table = tableOf(subject);
    await tx.update(table).set({ supersededAt: sql`now()` }).where(ownAnswer(table, base.assignmentId));
    if (answer?.kind === 'demonstration') {
      const promptId = subject.promptId ?? (await writtenPrompt(tx, verdicts)) ?? base.promptId;
      await demonstration.insert(answering, { ...base, promptId }, answer);
    }
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

  async alongside(db, assignmentId) {
    const ids: string[] = [];
    for (const table of [demonstrations, rankings]) {
      const rows = await db.select({ id: table.id }).from(table).where(ownAnswer(table, assignmentId));
      ids.push(...rows.map(({ id }) => id));
    }
    return ids;
  },
};

const ownAnswer = (table: typeof demonstrations | typeof rankings, assignmentId: string) =>
  and(eq(table.assignmentId, assignmentId), isNull(table.supersededAt));

async function refuseOwn(tx: Transaction, subject: Task, reviewerId: string): Promise<void> {
  const table = tableOf(subject);
  const [own] = await tx
    .select({ id: table.id })
    .from(table)
    .where(and(eq(table.taskId, subject.id), eq(table.labelerId, reviewerId)))
    .limit(1);
  if (own) {
    throw new AppError(
      'FORBIDDEN',
      'You labelled this task yourself: nobody reviews their own work. Skip it.',
    );
  }
}

/** Holds the verdicts against the labels that count: one on each, each rejection with its why. */
async function checkVerdicts(
  tx: Transaction,
  subject: Task,
  verdicts: ReviewContent['verdicts'],
): Promise<void> {
  const table = tableOf(subject);
  const labels = await tx
    .select({ id: table.id, counts: current(table) })
    .from(table)
    .where(eq(table.taskId, subject.id))
    .orderBy(asc(table.id));
  const known = new Map(labels.map(({ id, counts }) => [id, counts]));
  const seen = new Set<string>();
  for (const [index, { labelId, verdict, comment }] of verdicts.entries()) {
    const counts = known.get(labelId);
    if (counts === undefined) {
      throw bad(`verdicts[${index}].labelId: ${labelId} is not a label of the task under review.`);
    }
    if (!counts) {
      throw new AppError(
        'CONFLICT',
        'A label was changed by its labeler while you judged it: reload to judge the new version. What you did is kept.',
      );
    }
    if (seen.has(labelId)) throw bad(`verdicts[${index}].labelId: ${labelId} is judged twice.`);
    seen.add(labelId);
    if (verdict === 'rejected' && comment.trim() === '') {
      throw bad(
        `verdicts[${index}].comment: is empty: expected why the label is rejected; its labeler reads it.`,
      );
    }
  }
  const missing = labels.find(({ id, counts }) => counts && !seen.has(id));
  if (missing !== undefined) {
    throw bad(`verdicts: the label ${missing.id} has no verdict: expected one on each label of the task.`);
  }
}

/** The prompt that the judged label's own labeler wrote, in the version that was judged. */
async function writtenPrompt(
  tx: Transaction,
  verdicts: ReviewContent['verdicts'],
): Promise<string | undefined> {
  const [row] = await tx
    .select({ promptId: demonstrations.promptId })
    .from(demonstrations)
    .where(
      inArray(
        demonstrations.id,
        verdicts.map(({ labelId }) => labelId),
      ),
    );
  return row?.promptId;
}

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
export async function findSubject(db: Executor, subjectTaskId: string | null): Promise<Task> {
  const [subject] = subjectTaskId ? await db.select().from(tasks).where(eq(tasks.id, subjectTaskId)) : [];
  if (!subject) throw new AppError('INTERNAL', 'A review without the task that it reviews.');
  return subject;
}

function bad(message: string): AppError {
  return new AppError('BAD_INPUT', message);
}
