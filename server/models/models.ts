import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { datasetVersions, type ModelKind, models, rounds, runs } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { SessionUser } from '../people/access.ts';
import { record } from '../people/audit.ts';
import { requireRow, visibleTo } from './access.ts';

const summary = {
  id: models.id,
  projectId: models.projectId,
  name: models.name,
  kind: models.kind,
  metrics: models.metrics,
  parentId: models.parentId,
  runId: models.runId,
  roundId: models.roundId,
  roundNumber: rounds.number,
  promotedAt: models.promotedAt,
  createdAt: models.createdAt,
};

/** Models that the person may see, newest first. */
export async function listModels(
  db: Database,
  user: SessionUser,
  filter: { projectId?: string | undefined; kind?: ModelKind | undefined; limit: number },
) {
  return db
    .select(summary)
    .from(models)
    .leftJoin(rounds, eq(rounds.id, models.roundId))
    .where(
      and(
        visibleTo(db, user, models.projectId),
        filter.projectId === undefined
          ? undefined
          : sql`(${models.projectId} = ${filter.projectId} or ${models.projectId} is null)`,
        filter.kind === undefined ? undefined : eq(models.kind, filter.kind),
      ),
    )
    .orderBy(desc(models.id))
    .limit(filter.limit);
}

/** One link of a model's lineage. */
export interface LineageNode {
  id: string;
  name: string;
  kind: ModelKind;
  parentId: string | null;
  /** How many steps from the model asked for: 0 itself, 1 its parent and so on; children are −1. */
  distance: number;
  datasetVersion: { id: string; name: string } | null;
  runId: string | null;
}

/** One model: where it lies, what made it, its ancestors up to the base model, and its children. */
export async function getModel(db: Database, user: SessionUser, modelId: string) {
  const [row] = await db
    .select({
      ...summary,
      folder: models.folder,
      datasetVersion: {
        id: datasetVersions.id,
        name: datasetVersions.name,
        contentHash: datasetVersions.contentHash,
      },
      run: { id: runs.id, stage: runs.stage, config: runs.config, rewardModelId: runs.rewardModelId },
    })
    .from(models)
    .leftJoin(rounds, eq(rounds.id, models.roundId))
    .leftJoin(datasetVersions, eq(datasetVersions.id, models.datasetVersionId))
    .leftJoin(runs, eq(runs.id, models.runId))
    .where(eq(models.id, modelId));
  const model = await requireRow(db, user, row, 'model', 'researcher');
  return { ...model, lineage: await lineageOf(db, modelId) };
}

async function lineageOf(db: Database, modelId: string): Promise<LineageNode[]> {
  const found = await db.execute<{ id: string; distance: number }>(sql`
    with recursive ancestors as (
      select id, parent_id, 0 as distance from models where id = ${modelId}
      union all
      select models.id, models.parent_id, ancestors.distance + 1
      from models join ancestors on models.id = ancestors.parent_id
      where ancestors.distance < 100
    )
    select id, distance from ancestors
    union all
    select id, -1 from models where parent_id = ${modelId}`);
  const distances = new Map(found.map((row) => [row.id, row.distance]));
  const rows = await db
    .select({
      id: models.id,
      name: models.name,
      kind: models.kind,
      parentId: models.parentId,
      runId: models.runId,
      datasetVersion: { id: datasetVersions.id, name: datasetVersions.name },
    })
    .from(models)
    .leftJoin(datasetVersions, eq(datasetVersions.id, models.datasetVersionId))
    .where(inArray(models.id, [...distances.keys()]));
  return rows
    .map((row) => ({ ...row, distance: distances.get(row.id) ?? 0 }))
    .sort((a, b) => b.distance - a.distance || (a.id < b.id ? -1 : 1));
}

/**
 * Makes a model the project's chosen one of its kind; the one before it steps back.
 * @throws NOT_FOUND
 */
export async function promoteModel(db: Database, user: SessionUser, modelId: string): Promise<void> {
  await db.transaction(async (tx) => {
    const [found] = await tx.select().from(models).where(eq(models.id, modelId));
    const model = await requireRow(tx, user, found, 'model', 'admin');
    const same = and(
      eq(models.kind, model.kind),
      model.projectId === null ? sql`${models.projectId} is null` : eq(models.projectId, model.projectId),
    );
    await tx.update(models).set({ promotedAt: null, promotedBy: null }).where(same);
    const [promoted] = await tx
      .update(models)
      .set({ promotedAt: sql`now()`, promotedBy: user.id })
      .where(eq(models.id, modelId))
      .returning({ id: models.id });
    if (!promoted) throw new AppError('NOT_FOUND', 'There is no such model.');
    await record(tx, user.id, 'model.promoted', { kind: 'model', id: modelId });
  });
}
