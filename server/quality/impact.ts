import { and, asc, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import {
  type DatasetKind,
  datasetVersionLabels,
  datasetVersions,
  demonstrations,
  type ModelKind,
  models,
  type RunStage,
  type RunStatus,
  rankings,
  runs,
  tasks,
} from '@/db/schema.ts';

/** A model that learnt from a person's labels, and through what. */
export interface TouchedModel {
  id: string;
  name: string;
  kind: ModelKind;
  /** Whether it is the project's chosen one of its kind. */
  promoted: boolean;
  /**
   * `data`: trained on a dataset version that holds the labels; `parent`: begun from such a model;
   * `reward`: optimised against such a reward model.
   */
  through: 'data' | 'parent' | 'reward';
  /** Name of that version or model. */
  of: string;
}

/** Where a person's labels of a project are. */
export interface Impact {
  /** Labels that count now, and would stay out of every further version. */
  labels: { demonstrations: number; rankings: number };
  /** Frozen versions that hold labels of theirs, oldest first: they stay as they are. */
  versions: {
    id: string;
    name: string;
    kind: DatasetKind;
    /** Theirs, and all labels of the version. */
    held: number;
    total: number;
  }[];
  /** Nearest to the labels first. */
  models: TouchedModel[];
  /** Runs that are queued or going on, on such a version or from such a model. */
  runs: { id: string; name: string; stage: RunStage; status: RunStatus }[];
}

/** Everything in a project that a person's labels went into, however far down the line. */
export async function impactOf(db: Executor, projectId: string, userId: string): Promise<Impact> {
  const versions: Impact['versions'] = [];
  const labels = { demonstrations: 0, rankings: 0 };
  for (const [kind, table] of [
    ['demonstrations', demonstrations],
    ['rankings', rankings],
  ] as const) {
    const own = and(eq(table.projectId, projectId), eq(table.labelerId, userId));
    const [counted] = await db
      .select({ count: sql<number>`count(*)::int` })
      .from(table)
      .innerJoin(tasks, eq(tasks.id, table.taskId))
      .where(and(own, isNull(table.supersededAt), eq(table.late, false), eq(tasks.purpose, 'training')));
    labels[kind] = counted?.count ?? 0;
    const rows = await db
      .select({
        id: datasetVersions.id,
        name: datasetVersions.name,
        kind: datasetVersions.kind,
        held: sql<number>`count(*)::int`,
        counts: datasetVersions.counts,
      })
      .from(table)
      .innerJoin(datasetVersionLabels, eq(datasetVersionLabels.labelId, table.id))
      .innerJoin(datasetVersions, eq(datasetVersions.id, datasetVersionLabels.datasetVersionId))
      .where(and(own, eq(datasetVersions.kind, kind)))
      .groupBy(datasetVersions.id)
      .orderBy(asc(datasetVersions.id));
    versions.push(...rows.map(({ counts, ...row }) => ({ ...row, total: counts.total })));
  }
  const touched = await modelsFrom(db, new Map(versions.map(({ id, name }) => [id, name])));
  return { labels, versions, models: touched, runs: await unfinishedRuns(db, versions, touched) };
}

/** Models trained on the versions, and then whatever came of these, step by step until nothing new is found. */
async function modelsFrom(db: Executor, versions: Map<string, string>): Promise<TouchedModel[]> {
  const found = new Map<string, TouchedModel>();
  if (versions.size === 0) return [];
  const ids = [...versions.keys()];
  const first = await trainedModels(db)
    .where(or(inArray(models.datasetVersionId, ids), inArray(runs.datasetVersionId, ids)))
    .orderBy(asc(models.id));
  for (const row of first) {
    const version = row.datasetVersionId ?? row.runDatasetVersionId ?? '';
    // A model may name one version and its run another: the one that holds the labels is told.
    const of = versions.get(version) ?? versions.get(row.runDatasetVersionId ?? '') ?? '';
    found.set(row.id, touchedModel(row, 'data', of));
  }
  let newest = [...found.keys()];
  while (newest.length > 0) {
    const rows = await trainedModels(db)
      .where(
        or(
          inArray(models.parentId, newest),
          inArray(runs.parentModelId, newest),
          inArray(runs.rewardModelId, newest),
        ),
      )
      .orderBy(asc(models.id));
    newest = [];
    for (const row of rows) {
      if (found.has(row.id)) continue;
      const parent = found.get(row.parentId ?? '') ?? found.get(row.runParentId ?? '');
      const reward = found.get(row.rewardModelId ?? '');
      found.set(row.id, touchedModel(row, parent ? 'parent' : 'reward', (parent ?? reward)?.name ?? ''));
      newest.push(row.id);
    }
  }
  return [...found.values()];
}

function trainedModels(db: Executor) {
  return db
    .select({
      id: models.id,
      name: models.name,
      kind: models.kind,
      promotedAt: models.promotedAt,
      parentId: models.parentId,
      datasetVersionId: models.datasetVersionId,
      runDatasetVersionId: runs.datasetVersionId,
      runParentId: runs.parentModelId,
      rewardModelId: runs.rewardModelId,
    })
    .from(models)
    .leftJoin(runs, eq(runs.id, models.runId));
}

function touchedModel(
  row: { id: string; name: string; kind: ModelKind; promotedAt: Date | null },
  through: TouchedModel['through'],
  of: string,
): TouchedModel {
  const { id, name, kind, promotedAt } = row;
  return { id, name, kind, promoted: promotedAt !== null, through, of };
}

async function unfinishedRuns(
  db: Executor,
  versions: { id: string }[],
  touched: { id: string }[],
): Promise<Impact['runs']> {
  const versionIds = versions.map(({ id }) => id);
  const modelIds = touched.map(({ id }) => id);
  return db
    .select({ id: runs.id, name: runs.name, stage: runs.stage, status: runs.status })
    .from(runs)
    .where(
      and(
        inArray(runs.status, ['queued', 'running']),
        or(
          inArray(runs.datasetVersionId, versionIds),
          inArray(runs.parentModelId, modelIds),
          inArray(runs.rewardModelId, modelIds),
        ),
      ),
    )
    .orderBy(asc(runs.id));
}
