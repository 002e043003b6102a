import { createHash } from 'node:crypto';
import { and, asc, countDistinct, desc, eq, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import {
  type DatasetKind,
  datasetVersionLabels,
  datasetVersions,
  demonstrations,
  type LeftOut,
  models,
  prompts,
  rankings,
  type SplitCounts,
  tasks,
  users,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { current, whyLeftOut } from '../labeling/counted.ts';
import { lockAgainstFreezing } from '../labeling/edit.ts';
import { record } from '../people/audit.ts';
import { type DatasetVersion, exportRows } from './export.ts';
import { EXPORT_FORMATS, type ExportFormat, formatLabel } from './formats.ts';
import { loadLabels } from './rows.ts';

const BATCH = 500;
/** Rows in one insert: below Postgres's limit of 65,535 parameters. */
const CHUNK = 10_000;

export interface FreezeInput {
  projectId: string;
  kind: DatasetKind;
  /** Named after its kind and number when absent. */
  name?: string | undefined;
  /** The round for which it is frozen. */
  roundId?: string | null;
  /** Only labels of this round's tasks; of the whole project when absent. */
  onlyRoundId?: string | undefined;
  createdBy: string | null;
}

/**
 * Freezes the labels of a project, as they are now, into an immutable dataset version: the current version of every
 * label of training tasks, in the order in which they were written; late labels, evaluation votes and gold answers
 * stay out, and so does what review rejected and what revoked people wrote (counted.ts), which the version tells. From then on the labels in it cannot be edited.
 * @throws CONFLICT when there is no label to freeze
 */
export async function freezeDataset(db: Database, input: FreezeInput): Promise<DatasetVersion> {
  return db.transaction(async (tx) => {
    await lockAgainstFreezing(tx, input.projectId, 'exclusive');
    const found = await labelsToFreeze(tx, input);
    const labels = found.filter(({ leftOut }) => leftOut === null);
    const leftOut = countLeftOut(found);
    if (labels.length === 0) throw new AppError('CONFLICT', nothingToFreeze(input.kind, leftOut));
    const [newest] = await tx
      .select({ number: datasetVersions.number })
      .from(datasetVersions)
      .where(and(eq(datasetVersions.projectId, input.projectId), eq(datasetVersions.kind, input.kind)))
      .orderBy(desc(datasetVersions.number))
      .limit(1);
    const number = (newest?.number ?? 0) + 1;
    const counts: SplitCounts = { total: labels.length, train: 0, validation: 0, evaluation: 0 };
    for (const { split } of labels) counts[split]++;
    const [version] = await tx
      .insert(datasetVersions)
      .values({
        projectId: input.projectId,
        kind: input.kind,
        number,
        name: input.name ?? `${input.kind} ${number}`,
        contentHash: await hashLabels(
          tx,
          input.kind,
          labels.map((label) => label.id),
        ),
        counts,
        leftOut,
        roundId: input.roundId ?? null,
        createdBy: input.createdBy,
      })
      .returning();
    if (!version) throw new AppError('INTERNAL', 'The dataset version was not written.');
    const rows = labels.map(({ id, split }, position) => ({
      datasetVersionId: version.id,
      position,
      labelId: id,
      split,
    }));
    for (let i = 0; i < rows.length; i += CHUNK) {
      await tx.insert(datasetVersionLabels).values(rows.slice(i, i + CHUNK));
    }
    await record(
      tx,
      input.createdBy,
      'dataset.frozen',
      { kind: 'dataset_version', id: version.id },
      {
        number,
        kind: input.kind,
        labels: labels.length,
        leftOut,
      },
    );
    return version;
  });
}

/** The hash of a version computed anew from its labels: equal to its `contentHash` for as long as nothing changed. */
export async function recomputeHash(db: Executor, versionId: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const line of exportRows(db, versionId, 'native')) hash.update(line);
  return hash.digest('hex');
}

export interface DatasetSummary {
  id: string;
  projectId: string;
  kind: DatasetKind;
  number: number;
  name: string;
  contentHash: string;
  counts: SplitCounts;
  /** Labels that were there but stayed out, by why. */
  leftOut: LeftOut;
  roundId: string | null;
  createdBy: string | null;
  createdAt: Date;
  formats: readonly ExportFormat[];
}

/** A project's dataset versions, newest first. */
export async function listDatasets(db: Database, projectId: string): Promise<DatasetSummary[]> {
  const rows = await db
    .select({ version: datasetVersions, createdByName: users.name })
    .from(datasetVersions)
    .leftJoin(users, eq(users.id, datasetVersions.createdBy))
    .where(eq(datasetVersions.projectId, projectId))
    .orderBy(desc(datasetVersions.id));
  return rows.map(({ version, createdByName }) => ({
    ...version,
    createdBy: createdByName,
    formats: EXPORT_FORMATS[version.kind],
  }));
}

export interface DatasetDetail extends DatasetSummary {
  /** People whose labels it holds. */
  labelers: number;
  /** Checkpoints that were trained on it. */
  models: { id: string; name: string; kind: string }[];
  /** The first lines of the native export. */
  preview: string[];
}

const PREVIEW_LINES = 5;

export async function datasetDetail(db: Database, version: DatasetVersion): Promise<DatasetDetail> {
  const labels = version.kind === 'demonstrations' ? demonstrations : rankings;
  const [people] = await db
    .select({ count: countDistinct(labels.labelerId) })
    .from(datasetVersionLabels)
    .innerJoin(labels, eq(labels.id, datasetVersionLabels.labelId))
    .where(eq(datasetVersionLabels.datasetVersionId, version.id));
  const [author] = await db
    .select({ name: users.name })
    .from(users)
    .where(sql`${users.id} = ${version.createdBy}`);
  const preview: string[] = [];
  for await (const line of exportRows(db, version.id, 'native')) {
    preview.push(line.trimEnd());
    if (preview.length === PREVIEW_LINES) break;
  }
  return {
    ...version,
    createdBy: author?.name ?? null,
    formats: EXPORT_FORMATS[version.kind],
    labelers: people?.count ?? 0,
    models: await db
      .select({ id: models.id, name: models.name, kind: models.kind })
      .from(models)
      .where(eq(models.datasetVersionId, version.id))
      .orderBy(asc(models.id)),
    preview,
  };
}

function labelsToFreeze(tx: Transaction, input: FreezeInput) {
  const labels = input.kind === 'demonstrations' ? demonstrations : rankings;
  return tx
    .select({ id: labels.id, split: prompts.split, leftOut: whyLeftOut(labels) })
    .from(labels)
    .innerJoin(tasks, eq(tasks.id, labels.taskId))
    .innerJoin(prompts, eq(prompts.id, labels.promptId))
    .where(
      and(
        eq(labels.projectId, input.projectId),
        current(labels),
        eq(tasks.purpose, 'training'),
        input.onlyRoundId ? eq(tasks.roundId, input.onlyRoundId) : undefined,
      ),
    )
    .orderBy(asc(labels.id));
}

/** What kept labels out, for whoever reads it. */
const LEFT_OUT = { rejected: 'rejected in review', revoked: 'by people whose labels count no more' } as const;

function countLeftOut(found: { leftOut: keyof LeftOut | null }[]): LeftOut {
  const counts: LeftOut = {};
  for (const { leftOut } of found) if (leftOut !== null) counts[leftOut] = (counts[leftOut] ?? 0) + 1;
  return counts;
}

function nothingToFreeze(kind: DatasetKind, leftOut: LeftOut): string {
  const reasons = (['rejected', 'revoked'] as const).flatMap((why) =>
    leftOut[why] ? [`${leftOut[why]} ${LEFT_OUT[why]}`] : [],
  );
  return reasons.length === 0
    ? `There are no ${kind} to freeze yet: nobody has submitted any.`
    : `There are no ${kind} to freeze: every one is left out (${reasons.join(', ')}).`;
}

async function hashLabels(tx: Transaction, kind: DatasetKind, ids: string[]): Promise<string> {
  const hash = createHash('sha256');
  for (let i = 0; i < ids.length; i += BATCH) {
    for (const label of await loadLabels(tx, kind, ids.slice(i, i + BATCH))) {
      for (const line of formatLabel(label, 'native', false)) hash.update(`${JSON.stringify(line)}\n`);
    }
  }
  return hash.digest('hex');
}
