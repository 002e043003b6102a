import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import { datasetVersionLabels, datasetVersions, demonstrations, matches, rankings } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { checkRanking } from './check-ranking.ts';
import { lockOwn, type OwnAssignment, requireKind } from './own-assignment.ts';
import type { RankingContent } from './schemas.ts';
import { insertRanking } from './submit.ts';

export interface Edited {
  labelId: string;
  version: number;
}

interface Edit extends OwnAssignment {
  /** The version that the person saw when they began to edit. */
  baseVersion: number;
  idempotencyKey: string;
}

/**
 * Puts a new version in the place of one's own demonstration; the older one stays readable.
 * @throws CONFLICT when it is frozen into a dataset version, or was edited since `baseVersion`
 */
export async function editDemonstration(db: Database, input: Edit & { text: string }): Promise<Edited> {
  return db.transaction(async (tx) => {
    const { assignment } = await lockOwn(tx, input);
    requireKind(assignment, 'demonstration');
    await lockAgainstFreezing(tx, assignment.projectId, 'shared');
    const [current] = await tx
      .select()
      .from(demonstrations)
      .where(and(eq(demonstrations.assignmentId, assignment.id), isNull(demonstrations.supersededAt)));
    if (!current) throw notSubmitted();
    if (current.idempotencyKey === input.idempotencyKey)
      return { labelId: current.id, version: current.version };
    await requireEditable(tx, current, input.baseVersion);
    await tx
      .update(demonstrations)
      .set({ supersededAt: sql`now()` })
      .where(eq(demonstrations.id, current.id));
    const [label] = await tx
      .insert(demonstrations)
      .values({ ...nextVersion(current), idempotencyKey: input.idempotencyKey, text: input.text })
      .returning({ labelId: demonstrations.id, version: demonstrations.version });
    return edited(label);
  });
}

/** Puts a new version in the place of one's own ranking. Errors as editDemonstration's and submitRanking's. */
export async function editRanking(db: Database, input: Edit & { ranking: RankingContent }): Promise<Edited> {
  return db.transaction(async (tx) => {
    const { assignment, project } = await lockOwn(tx, input);
    requireKind(assignment, 'ranking');
    await lockAgainstFreezing(tx, assignment.projectId, 'shared');
    const [current] = await tx
      .select()
      .from(rankings)
      .where(and(eq(rankings.assignmentId, assignment.id), isNull(rankings.supersededAt)));
    if (!current) throw notSubmitted();
    if (current.idempotencyKey === input.idempotencyKey)
      return { labelId: current.id, version: current.version };
    await requireEditable(tx, current, input.baseVersion);
    const [vote] = await tx
      .select({ id: matches.id })
      .from(matches)
      .where(eq(matches.rankingId, current.id))
      .limit(1);
    if (vote)
      throw new AppError(
        'CONFLICT',
        'This ranking was counted as a vote in an evaluation: it can no longer be changed.',
      );
    checkRanking(assignment.shownOrder, input.ranking, project.settings);
    await tx.update(rankings).set({ supersededAt: sql`now()` }).where(eq(rankings.id, current.id));
    const label = await insertRanking(
      tx,
      { ...nextVersion(current), idempotencyKey: input.idempotencyKey },
      input.ranking,
      project,
    );
    return edited(label && { labelId: label.id, version: current.version + 1 });
  });
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

/** The dataset versions that hold a label. */
export function versionsHolding(db: Executor, labelId: string) {
  return db
    .select({ id: datasetVersions.id, name: datasetVersions.name, number: datasetVersions.number })
    .from(datasetVersionLabels)
    .innerJoin(datasetVersions, eq(datasetVersions.id, datasetVersionLabels.datasetVersionId))
    .where(eq(datasetVersionLabels.labelId, labelId))
    .orderBy(datasetVersions.id);
}

type Label = typeof demonstrations.$inferSelect | typeof rankings.$inferSelect;

async function requireEditable(tx: Transaction, current: Label, baseVersion: number): Promise<void> {
  if (current.version !== baseVersion) {
    throw new AppError(
      'CONFLICT',
      `This label was changed elsewhere: it is at version ${current.version}, not ${baseVersion}. Reload to see it.`,
    );
  }
  const [version] = await versionsHolding(tx, current.id);
  if (version) {
    throw new AppError(
      'CONFLICT',
      `This label is frozen into the dataset version “${version.name}”: it can no longer be changed.`,
    );
  }
}

function nextVersion(current: Label) {
  const { assignmentId, taskId, projectId, promptId, labelerId, guidelineId, late, activeSeconds } = current;
  const version = current.version + 1;
  return { assignmentId, taskId, projectId, promptId, labelerId, guidelineId, late, activeSeconds, version };
}

function notSubmitted(): AppError {
  return new AppError('CONFLICT', 'Nothing was submitted for this task yet.');
}

function edited(label: Edited | undefined): Edited {
  if (!label) throw new AppError('INTERNAL', 'The edit was not written; nothing was changed.');
  return label;
}
