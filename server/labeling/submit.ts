import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { assignments } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { takePlace } from './assign.ts';
import { kindOf, type LabelContent } from './kinds/kinds.ts';
import type { Answering, LabelBase } from './label.ts';
import { lockOwn, type OwnAssignment, requireKind } from './own-assignment.ts';
import { reviewIfNeeded } from './review-queue.ts';
import { settleScreening } from './screening.ts';

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
  content: LabelContent;
}

/**
 * Stores a label exactly as given. Sent twice with one idempotency key, it is stored once.
 * @throws BAD_INPUT when it does not answer its task (each kind's `check`), CONFLICT when the task was submitted or
 * skipped; nothing is written then
 */
export async function submit(db: Database, input: Submission): Promise<Submitted> {
  const { content, idempotencyKey } = input;
  const kind = kindOf(content);
  return db.transaction(async (tx) => {
    const answering = await lockOwn(tx, input);
    const { assignment } = answering;
    requireKind(assignment, content.kind);
    if (assignment.state === 'submitted' || assignment.state === 'late') {
      const { table } = kind;
      const [stored] = await tx
        .select({ id: table.id, late: table.late })
        .from(table)
        .where(and(eq(table.assignmentId, assignment.id), eq(table.idempotencyKey, idempotencyKey)));
      if (!stored) {
        throw new AppError('CONFLICT', 'This task is submitted already: change it in your history.');
      }
      return { labelId: stored.id, state: stored.late ? 'late' : 'submitted', repeated: true };
    }
    await kind.check(answering, content);
    const base = await labelBase(answering, input);
    // Sent together, run one after the other.
    const [, labelId] = await Promise.all([
      endAssignment(answering, base, content),
      kind.insert(answering, base, content),
    ]);
    if (!base.late) await reviewIfNeeded(tx, answering.project, base.taskId);
    if (answering.task.purpose === 'screening') {
      await settleScreening(tx, answering.project, assignment.labelerId);
    }
    return { labelId, state: base.late ? 'late' : 'submitted', repeated: false };
  });
}

/**
 * What a label is stored under: in the assignment's own place while it holds one, in a free place of the task after its
 * lease expired, and late when there is none.
 */
async function labelBase(answering: Answering, input: Submission): Promise<LabelBase> {
  const { tx, assignment, task } = answering;
  if (assignment.state === 'skipped') {
    throw new AppError('CONFLICT', 'You skipped this task: undo the skip first; your draft is kept.');
  }
  const kind = kindOf(input.content);
  const counted = assignment.state === 'active' || (await takePlace(tx, assignment.taskId));
  const promptId = task.promptId ?? (await kind.writePrompt?.(answering, input.content));
  if (promptId === undefined) throw new AppError('INTERNAL', 'A task without a prompt.');
  return {
    assignmentId: assignment.id,
    taskId: assignment.taskId,
    projectId: assignment.projectId,
    promptId,
    labelerId: assignment.labelerId,
    guidelineId: assignment.guidelineId,
    version: 1,
    late: !counted,
    idempotencyKey: input.idempotencyKey,
    activeSeconds: Math.max(assignment.activeSeconds, input.activeSeconds ?? 0),
  };
}

async function endAssignment(
  { tx, task }: Answering,
  { assignmentId, late, activeSeconds }: LabelBase,
  content: LabelContent,
): Promise<void> {
  const { grade } = kindOf(content);
  await tx
    .update(assignments)
    .set({
      state: late ? 'late' : 'submitted',
      leaseUntil: null,
      endedAt: sql`now()`,
      activeSeconds,
      goldScore: task.gold && grade ? grade(content, task.gold) : null,
    })
    .where(eq(assignments.id, assignmentId));
}
