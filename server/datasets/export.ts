import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import {
  datasetVersionLabels,
  datasetVersions,
  demonstrations,
  prompts,
  rankings,
  type Split,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { EXPORT_FORMATS, type ExportFormat, formatLabel, hasFormat } from './formats.ts';
import { loadLabels } from './rows.ts';

/** Labels read from the database at a time: a stream of any length takes the memory of these. */
const BATCH = 500;

export type DatasetVersion = typeof datasetVersions.$inferSelect;

/** @throws NOT_FOUND */
export async function findDatasetVersion(db: Executor, versionId: string): Promise<DatasetVersion> {
  const [version] = await db.select().from(datasetVersions).where(eq(datasetVersions.id, versionId));
  if (!version) throw new AppError('NOT_FOUND', 'There is no such dataset version.');
  return version;
}

/**
 * A dataset version as JSON lines, each with its line feed; the same lines whenever it is asked for.
 * @param options.split only labels of this split
 * @throws NOT_FOUND, or BAD_INPUT for a format that its kind does not have; before the first line
 */
export async function* exportRows(
  db: Executor,
  versionId: string,
  format: ExportFormat,
  options: { split?: Split | undefined } = {},
): AsyncGenerator<string> {
  const version = await findDatasetVersion(db, versionId);
  if (!hasFormat(version.kind, format)) {
    throw new AppError(
      'BAD_INPUT',
      `format: ${version.kind} cannot be exported as ${format}: expected ${EXPORT_FORMATS[version.kind].join(', ')}.`,
    );
  }
  const conversational = format !== 'native' && (await hasConversations(db, version));
  let after = -1;
  for (;;) {
    const batch = await db
      .select({ position: datasetVersionLabels.position, labelId: datasetVersionLabels.labelId })
      .from(datasetVersionLabels)
      .where(
        and(
          eq(datasetVersionLabels.datasetVersionId, versionId),
          gt(datasetVersionLabels.position, after),
          options.split ? eq(datasetVersionLabels.split, options.split) : undefined,
        ),
      )
      .orderBy(asc(datasetVersionLabels.position))
      .limit(BATCH);
    const last = batch.at(-1);
    if (!last) return;
    after = last.position;
    const labels = await loadLabels(
      db,
      version.kind,
      batch.map((row) => row.labelId),
    );
    for (const label of labels) {
      for (const line of formatLabel(label, format, conversational)) yield `${JSON.stringify(line)}\n`;
    }
  }
}

/** Whether any prompt of the version has more than one turn, so that a whole file must be written as turns. */
async function hasConversations(db: Executor, version: DatasetVersion): Promise<boolean> {
  const labels = version.kind === 'demonstrations' ? demonstrations : rankings;
  const [found] = await db
    .select({ one: sql`1` })
    .from(datasetVersionLabels)
    .innerJoin(labels, eq(labels.id, datasetVersionLabels.labelId))
    .innerJoin(prompts, eq(prompts.id, labels.promptId))
    .where(
      and(
        eq(datasetVersionLabels.datasetVersionId, version.id),
        sql`jsonb_array_length(${prompts.messages}) > 1`,
      ),
    )
    .limit(1);
  return found !== undefined;
}
