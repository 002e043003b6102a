import { and, asc, eq, gt, inArray, notExists, or, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Database, Transaction } from '@/db/client.ts';
import {
  completions,
  demonstrations,
  type ReviewFinding,
  type ReviewReason,
  rankings,
  taskCompletions,
  tasks,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { Project } from '../people/access.ts';
import { record } from '../people/audit.ts';
import { current } from './counted.ts';
import type { Task } from './label.ts';
import { type LabelledTask, reviewsAnything, whyReview } from './review-findings.ts';

/*
 * What puts the labels of a task in review. A task comes into review once, whatever asks for it and however often: the
 * unique index on the subject holds that. Submissions look at their own task, in their own transaction; a sweep looks at
 * many, after scores came or settings changed. Whoever looks at a task holds its row, so that of two that complete it at
 * the same moment the second sees the first.
 */

/** Tasks that a sweep looks at in one transaction. */
const SWEEP_BATCH = 500;

const review = alias(tasks, 'review');

type ProjectOf = Pick<Project, 'id' | 'settings'>;

/** Holds a task's row until the transaction ends, without holding up who only refers to it. */
export async function holdTask(tx: Transaction, taskId: string): Promise<Task | null> {
  const [task] = await tx.select().from(tasks).where(eq(tasks.id, taskId)).for('no key update');
  return task ?? null;
}

/** Looks, after a label of a task was stored, whether its labels need review now. */
export async function reviewIfNeeded(tx: Transaction, project: ProjectOf, taskId: string): Promise<void> {
  if (reviewsAnything(project.settings.review)) await feed(tx, project, [taskId]);
}

/**
 * Looks at the labelled training tasks of a project that are not in review, and puts in review those that need it.
 * @param options.taskIds only these; all of them when absent
 * @returns how many were put in review
 */
export async function sweepReviews(
  db: Database | Transaction,
  project: ProjectOf,
  options: { taskIds?: string[] } = {},
): Promise<number> {
  if (!reviewsAnything(project.settings.review)) return 0;
  let made = 0;
  let after: string | null = null;
  for (;;) {
    const batch: { id: string }[] = await db
      .select({ id: tasks.id })
      .from(tasks)
      .where(
        and(
          eq(tasks.projectId, project.id),
          inArray(tasks.kind, ['demonstration', 'ranking']),
          eq(tasks.purpose, 'training'),
          or(sql`${tasks.taken} >= ${tasks.wantedLabels}`, eq(tasks.state, 'closed')),
          options.taskIds ? inArray(tasks.id, options.taskIds) : undefined,
          after === null ? undefined : gt(tasks.id, after),
          notInReview(db),
        ),
      )
      .orderBy(asc(tasks.id))
      .limit(SWEEP_BATCH);
    const ids = batch.map(({ id }) => id);
    after = ids.at(-1) ?? null;
    if (after === null) return made;
    made += await db.transaction((tx) => feed(tx, project, ids));
  }
}

/** Puts those of the tasks in review that need it. */
async function feed(tx: Transaction, project: ProjectOf, taskIds: string[]): Promise<number> {
  const held = await tx
    .select()
    .from(tasks)
    .where(
      and(
        inArray(tasks.id, taskIds),
        inArray(tasks.kind, ['demonstration', 'ranking']),
        eq(tasks.purpose, 'training'),
        notInReview(tx),
      ),
    )
    .orderBy(asc(tasks.id))
    .for('no key update', { of: tasks });
  const labelled = await loadLabelled(tx, held, project.settings.review.rewardMargin !== null);
  const needed = labelled.flatMap(({ task, promptId, count, ...labels }) => {
    if (count === 0 || (count < task.wantedLabels && task.state === 'open')) return [];
    const why = whyReview({ id: task.id, ...labels }, project.settings.review);
    return why ? [{ task, promptId, ...why }] : [];
  });
  return (await putInReview(tx, project, needed)).length;
}

interface Labelled extends Omit<LabelledTask, 'id'> {
  task: Task;
  /** The prompt that the labels answer. */
  promptId: string;
  /** Labels that count. */
  count: number;
}

/** The tasks that have labels, with what is needed to judge whether these need review. */
async function loadLabelled(tx: Transaction, held: Task[], withRewards: boolean): Promise<Labelled[]> {
  const idsOf = (kind: Task['kind']) => held.filter((task) => task.kind === kind).map(({ id }) => id);
  const ranked = await tx
    .select({ taskId: rankings.taskId, promptId: rankings.promptId, groups: rankings.groups })
    .from(rankings)
    .where(and(inArray(rankings.taskId, idsOf('ranking')), current(rankings)))
    .orderBy(asc(rankings.id));
  const written = await tx
    .select({ taskId: demonstrations.taskId, promptId: demonstrations.promptId })
    .from(demonstrations)
    .where(and(inArray(demonstrations.taskId, idsOf('demonstration')), current(demonstrations)))
    .orderBy(asc(demonstrations.id));
  const scored = withRewards
    ? await tx
        .select({
          taskId: taskCompletions.taskId,
          id: completions.id,
          reward: completions.reward,
          by: completions.rewardModelId,
        })
        .from(taskCompletions)
        .innerJoin(completions, eq(completions.id, taskCompletions.completionId))
        .where(inArray(taskCompletions.taskId, idsOf('ranking')))
    : [];
  const all = [...ranked, ...written.map((row) => ({ ...row, groups: null }))];
  const labelsOf = grouped(all, ({ taskId }) => taskId);
  const scoresOf = grouped(scored, ({ taskId }) => taskId);
  return held.flatMap((task) => {
    const labels = labelsOf.get(task.id) ?? [];
    const promptId = task.promptId ?? labels[0]?.promptId;
    if (promptId === undefined) return [];
    const orders = labels.flatMap(({ groups }) => (groups === null ? [] : [groups]));
    const rewards = ofOneModel(scoresOf.get(task.id) ?? []);
    return [{ task, promptId, count: labels.length, rankings: orders, rewards }];
  });
}

/** Scores that can be compared: those of the model that gave the most. */
function ofOneModel(scored: { id: string; reward: number | null; by: string | null }[]): Map<string, number> {
  const byModel = grouped(
    scored.filter(({ reward }) => reward !== null),
    ({ by }) => by,
  );
  const [most = []] = [...byModel.values()].sort((a, b) => b.length - a.length);
  return new Map(most.map(({ id, reward }) => [id, reward ?? 0]));
}

function grouped<T, K>(rows: T[], keyOf: (row: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
}

interface NeedsReview {
  task: Task;
  /** The prompt that its labels answer. */
  promptId: string;
  reason: ReviewReason;
  finding: ReviewFinding | null;
}

/**
 * Makes the reviews of tasks, each with the subject's completions, to be shown in an order of the reviewer's own.
 * @returns their task ids; those that are in review already are passed over
 */
async function putInReview(tx: Transaction, project: ProjectOf, needed: NeedsReview[]): Promise<string[]> {
  if (needed.length === 0) return [];
  const made = await tx
    .insert(tasks)
    .values(
      needed.map(({ task, promptId, reason, finding }) => ({
        projectId: project.id,
        promptId,
        kind: 'review' as const,
        subjectTaskId: task.id,
        reviewReason: reason,
        reviewFinding: finding,
        wantedLabels: project.settings.wantedLabels.review,
        priority: task.priority,
        roundId: task.roundId,
      })),
    )
    .onConflictDoNothing()
    .returning({ id: tasks.id, subjectTaskId: tasks.subjectTaskId });
  const reviewOf = new Map(made.map(({ id, subjectTaskId }) => [subjectTaskId, id]));
  const shown = await tx
    .select({ subjectTaskId: taskCompletions.taskId, completionId: taskCompletions.completionId })
    .from(taskCompletions)
    .where(
      inArray(
        taskCompletions.taskId,
        made.flatMap(({ subjectTaskId }) => subjectTaskId ?? []),
      ),
    )
    .orderBy(asc(taskCompletions.id));
  const copies = shown.flatMap(({ subjectTaskId, completionId }) => {
    const taskId = reviewOf.get(subjectTaskId);
    return taskId === undefined ? [] : [{ taskId, completionId }];
  });
  if (copies.length > 0) await tx.insert(taskCompletions).values(copies);
  return made.map(({ id }) => id);
}

/**
 * Wants one more review of a task's labels where all that were wanted are done, as after a rejected label was mended.
 * @returns the review's task id; null when it has none, or one is under way or waiting anyhow
 */
export async function reviewAgain(tx: Transaction, subjectTaskId: string): Promise<string | null> {
  const [opened] = await tx
    .update(tasks)
    .set({ wantedLabels: sql`${tasks.wantedLabels} + 1`, state: 'open' })
    .where(
      and(
        eq(tasks.subjectTaskId, subjectTaskId),
        sql`${tasks.taken} = ${tasks.wantedLabels}`,
        sql`not exists (select 1 from assignments a where a.task_id = ${tasks}."id" and a.state = 'active')`,
      ),
    )
    .returning({ id: tasks.id });
  return opened?.id ?? null;
}

/** What asking for a review came to. `again`: it had been reviewed, and is once more; `waiting`: it is in review anyhow. */
export interface ReviewAsked {
  reviewTaskId: string;
  outcome: 'made' | 'again' | 'waiting';
}

/**
 * Puts a task's labels in review because somebody asks for it. Asked twice, it is in review once.
 * @param input.note what is to be looked at; reviewers read it
 * @throws NOT_FOUND for a task of another project, BAD_INPUT for one that is not reviewed, CONFLICT when it has no label
 */
export async function askForReview(
  db: Database,
  input: { project: ProjectOf; taskId: string; note: string; actorId: string },
): Promise<ReviewAsked> {
  const { project, taskId, note } = input;
  return db.transaction(async (tx) => {
    const task = await holdTask(tx, taskId);
    if (!task || task.projectId !== project.id) {
      throw new AppError('NOT_FOUND', 'There is no such task in this project.');
    }
    if (task.kind === 'review') {
      throw new AppError('BAD_INPUT', 'taskId: is a review itself: expected the task that it reviews.');
    }
    if (task.purpose !== 'training') {
      throw new AppError(
        'BAD_INPUT',
        `taskId: is a task of purpose ${task.purpose}: only labels for training are reviewed.`,
      );
    }
    const [labelled] = await loadLabelled(tx, [task], false);
    if (!labelled || labelled.count === 0) {
      throw new AppError('CONFLICT', 'Nobody has labelled this task yet: there is nothing to review.');
    }
    const asked = await askOnce(tx, project, labelled, note);
    await record(
      tx,
      input.actorId,
      'review.asked',
      { kind: 'task', id: taskId },
      { reviewTaskId: asked.reviewTaskId, outcome: asked.outcome, note },
    );
    return asked;
  });
}

async function askOnce(
  tx: Transaction,
  project: ProjectOf,
  { task, promptId }: Labelled,
  note: string,
): Promise<ReviewAsked> {
  const finding = note === '' ? null : { note };
  const [made] = await putInReview(tx, project, [{ task, promptId, reason: 'asked', finding }]);
  if (made !== undefined) return { reviewTaskId: made, outcome: 'made' };
  if (finding !== null) {
    await tx
      .update(tasks)
      .set({
        reviewFinding: sql`coalesce(${tasks.reviewFinding}, '{}') || ${JSON.stringify(finding)}::jsonb`,
      })
      .where(eq(tasks.subjectTaskId, task.id));
  }
  const again = await reviewAgain(tx, task.id);
  if (again !== null) return { reviewTaskId: again, outcome: 'again' };
  const [waiting] = await tx.select({ id: tasks.id }).from(tasks).where(eq(tasks.subjectTaskId, task.id));
  if (!waiting) throw new AppError('INTERNAL', 'The review was not written; nothing was changed.');
  return { reviewTaskId: waiting.id, outcome: 'waiting' };
}

function notInReview(db: Database | Transaction) {
  return notExists(db.select({ one: sql`1` }).from(review).where(eq(review.subjectTaskId, tasks.id)));
}
