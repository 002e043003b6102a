import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import { datasetVersionLabels, datasetVersions, demonstrations, matches, rankings } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { rejectedInReview } from './counted.ts';
import { kindOf, type LabelContent } from './kinds/kinds.ts';
import type { Answering } from './label.ts';
import { lockOwn, type OwnAssignment, requireKind } from './own-assignment.ts';
import { holdTask, reviewAgain, reviewIfNeeded } from './review-queue.ts';

export interface Edited {
  labelId: string;
  version: number;
}

interface Edit extends OwnAssignment {
  /** The version that the person saw when they began to edit. */
  baseVersion: number;
  idempotencyKey: string;
  content: LabelContent;
}

/**
 * Puts a new version in the place of one's own label; the older one stays readable. What the first version scored against
 * a known answer stays: nobody mends their accuracy afterwards.
 * @throws CONFLICT when it is frozen into a dataset version, counted as a vote, or was edited since `baseVersion`;
 * BAD_INPUT as for a submission
 */
export async function editLabel(db: Database, input: Edit): Promise<Edited> {
  const { content, idempotencyKey } = input;
  const kind = kindOf(content);
  const { table } = kind;
  return db.transaction(async (tx) => {
    const answering = await lockOwn(tx, input);
    const { assignment, task } = answering;
    requireKind(assignment, content.kind);
    await lockAgainstFreezing(tx, assignment.projectId, 'shared');
    const [current] = await tx
      .select()
      .from(table)
      .where(and(eq(table.assignmentId, assignment.id), isNull(table.supersededAt)));
    if (!current) throw new AppError('CONFLICT', 'Nothing was submitted for this task yet.');
    if (current.idempotencyKey === idempotencyKey) return { labelId: current.id, version: current.version };
    const alongside = (await kind.alongside?.(tx, assignment.id)) ?? [];
    await requireEditable(tx, current, input.baseVersion, alongside);
    // Whoever judges this label at the moment is done before, or finds the new version.
    await holdTask(tx, task.id);
    await kind.check(answering, content);
    const supersededAt = sql`now()`;
    await tx.update(table).set({ supersededAt }).where(eq(table.id, current.id));
    const version = current.version + 1;
    const { assignmentId, taskId, projectId, labelerId, guidelineId, late, activeSeconds } = current;
    const promptId =
      task.promptId === null && kind.writePrompt
        ? await kind.writePrompt(answering, content)
        : current.promptId;
    const labelId = await kind.insert(
      answering,
      {
        assignmentId,
        taskId,
        projectId,
        promptId,
        labelerId,
        guidelineId,
        late,
        activeSeconds,
        version,
        idempotencyKey,
      },
      content,
    );
    if (content.kind !== 'review') await comeIntoReview(answering, content.kind, current.id);
    return { labelId, version };
  });
}

/** Looks whether the new version calls for a review, and has it judged again where the older one was rejected. */
async function comeIntoReview(
  { tx, task, project }: Answering,
  kind: 'demonstration' | 'ranking',
  replacedId: string,
): Promise<void> {
  await reviewIfNeeded(tx, project, task.id);
  const table = kind === 'ranking' ? rankings : demonstrations;
  const [replaced] = await tx
    .select({ rejected: rejectedInReview(table) })
    .from(table)
    .where(eq(table.id, replacedId));
  if (replaced?.rejected) await reviewAgain(tx, task.id);
}

/**
 * Keeps edits and freezing of one project apart until the transaction ends: edits among themselves share, a freeze is
 * alone. Without it a label edited during a freeze could be missing from the version in both its forms.
 */
export async function lockAgainstFreezing(
  tx: Transaction,
  projectId: string,
  mode: 'shared' | 'exclusive',
): Promise<void> {
  const key = sql`hashtextextended(${`labels ${projectId}`}, 0)`;
  await tx.execute(
    mode === 'shared'
      ? sql`select pg_advisory_xact_lock_shared(${key})`
      : sql`select pg_advisory_xact_lock(${key})`,
  );
}

/** The dataset versions that hold any of these labels. */
export function versionsHolding(db: Executor, ...labelIds: string[]) {
  return db
    .selectDistinct({ id: datasetVersions.id, name: datasetVersions.name, number: datasetVersions.number })
    .from(datasetVersionLabels)
    .innerJoin(datasetVersions, eq(datasetVersions.id, datasetVersionLabels.datasetVersionId))
    .where(inArray(datasetVersionLabels.labelId, labelIds))
    .orderBy(datasetVersions.id);
}

async function requireEditable(
  tx: Transaction,
  current: { id: string; version: number },
  baseVersion: number,
  alongside: string[],
): Promise<void> {
  if (current.version !== baseVersion) {
    throw new AppError(
      'CONFLICT',
      `This label was changed elsewhere: it is at version ${current.version}, not ${baseVersion}. Reload to see it.`,
    );
  }
  const [vote] = await tx
    .select({ id: matches.id })
    .from(matches)
    .where(eq(matches.rankingId, current.id))
    .limit(1);
  if (vote) {
    throw new AppError(
      'CONFLICT',
      'This ranking was counted as a vote in an evaluation: it can no longer be changed.',
    );
  }
  const [version] = await versionsHolding(tx, current.id, ...alongside);
  if (version) {
    throw new AppError(
      'CONFLICT',
      `${alongside.length > 0 ? 'The answer given with this review' : 'This label'} is frozen into the dataset version “${version.name}”: it can no longer be changed.`,
    );
  }
}
