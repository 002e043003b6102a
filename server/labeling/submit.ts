import { and, eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/db/client.ts';
import { assignments, demonstrations, rankings, ratings, tasks } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { Project } from '../people/access.ts';
import { takePlace } from './assign.ts';
import { checkRanking } from './check-ranking.ts';
import { type Assignment, lockOwn, type OwnAssignment, requireKind } from './own-assignment.ts';
import type { RankingContent } from './schemas.ts';

/** What a submission came to. `late`: the task had all its labels already; the text is kept but does not count. */
export interface Submitted {
  labelId: string;
  state: 'submitted' | 'late';
  /** True when the very same submission was stored before: nothing new was written. */
  repeated: boolean;
}

interface Submission extends OwnAssignment {
  idempotencyKey: string;
  activeSeconds?: number | undefined;
}

/** Columns that both kinds of label take from their assignment. */
interface LabelBase {
  assignmentId: string;
  taskId: string;
  projectId: string;
  promptId: string;
  labelerId: string;
  guidelineId: string | null;
  late: boolean;
  idempotencyKey: string;
  activeSeconds: number;
}

/** Stores a demonstration. Sent twice with one idempotency key, it is stored once. */
export async function submitDemonstration(
  db: Database,
  input: Submission & { text: string },
): Promise<Submitted> {
  return db.transaction(async (tx) => {
    const { assignment } = await lockOwn(tx, input);
    requireKind(assignment, 'demonstration');
    const [stored] = await tx
      .select({ id: demonstrations.id, late: demonstrations.late })
      .from(demonstrations)
      .where(
        and(
          eq(demonstrations.assignmentId, assignment.id),
          eq(demonstrations.idempotencyKey, input.idempotencyKey),
        ),
      );
    if (stored) return repeated(stored);
    const base = await endAssignment(tx, assignment, input);
    const [label] = await tx
      .insert(demonstrations)
      .values({ ...base, text: input.text })
      .returning({ id: demonstrations.id });
    return submitted(label, base);
  });
}

/**
 * Stores a ranking exactly as given.
 * @throws BAD_INPUT when it does not rank the task's completions once each (checkRanking); nothing is written then
 */
export async function submitRanking(
  db: Database,
  input: Submission & { ranking: RankingContent },
): Promise<Submitted> {
  return db.transaction(async (tx) => {
    const { assignment, project } = await lockOwn(tx, input);
    requireKind(assignment, 'ranking');
    const [stored] = await tx
      .select({ id: rankings.id, late: rankings.late })
      .from(rankings)
      .where(
        and(eq(rankings.assignmentId, assignment.id), eq(rankings.idempotencyKey, input.idempotencyKey)),
      );
    if (stored) return repeated(stored);
    checkRanking(assignment.shownOrder, input.ranking, project.settings);
    const base = await endAssignment(tx, assignment, input);
    const label = await insertRanking(tx, base, input.ranking, project);
    return submitted(label, base);
  });
}

/** Writes a ranking with its ratings; the ranking has been checked. */
export async function insertRanking(
  tx: Transaction,
  base: LabelBase & { version?: number },
  ranking: RankingContent,
  project: Project,
): Promise<{ id: string } | undefined> {
  const [label] = await tx
    .insert(rankings)
    .values({
      ...base,
      groups: ranking.groups,
      strengths: ranking.strengths,
      allBad: ranking.allBad,
      note: ranking.note,
    })
    .returning({ id: rankings.id });
  const given = ranking.ratings.filter((rating) => rating.overall !== null || rating.flags.length > 0);
  if (label && given.length > 0 && project.settings.ratings !== 'off') {
    await tx.insert(ratings).values(given.map((rating) => ({ ...rating, rankingId: label.id })));
  }
  return label;
}

/**
 * Ends an assignment with a label: in its own place while it holds one, in a free place of the task after its lease
 * expired, and as a late label when there is none.
 */
async function endAssignment(tx: Transaction, assignment: Assignment, input: Submission): Promise<LabelBase> {
  if (assignment.state === 'submitted' || assignment.state === 'late') {
    throw new AppError('CONFLICT', 'This task is submitted already: change it in your history.');
  }
  if (assignment.state === 'skipped') {
    throw new AppError('CONFLICT', 'You skipped this task: undo the skip first; your draft is kept.');
  }
  const counted = assignment.state === 'active' || (await takePlace(tx, assignment.taskId));
  const seconds = Math.max(assignment.activeSeconds, input.activeSeconds ?? 0);
  await tx
    .update(assignments)
    .set({
      state: counted ? 'submitted' : 'late',
      leaseUntil: null,
      endedAt: sql`now()`,
      activeSeconds: seconds,
    })
    .where(eq(assignments.id, assignment.id));
  const [task] = await tx
    .select({ promptId: tasks.promptId })
    .from(tasks)
    .where(eq(tasks.id, assignment.taskId));
  if (!task) throw new AppError('INTERNAL', 'An assignment without a task.');
  return {
    assignmentId: assignment.id,
    taskId: assignment.taskId,
    projectId: assignment.projectId,
    promptId: task.promptId,
    labelerId: assignment.labelerId,
    guidelineId: assignment.guidelineId,
    late: !counted,
    idempotencyKey: input.idempotencyKey,
    activeSeconds: seconds,
  };
}

function repeated(stored: { id: string; late: boolean }): Submitted {
  return { labelId: stored.id, state: stored.late ? 'late' : 'submitted', repeated: true };
}

function submitted(label: { id: string } | undefined, base: LabelBase): Submitted {
  if (!label) throw new AppError('INTERNAL', 'The label was not written; nothing was changed.');
  return { labelId: label.id, state: base.late ? 'late' : 'submitted', repeated: false };
}
