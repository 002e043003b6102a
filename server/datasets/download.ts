import { z } from 'zod';
import type { Database } from '@/db/client.ts';
import { SPLITS, type Split } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { requireProject, type SessionUser } from '../people/access.ts';
import type { Context } from '../trpc.ts';
import { exportRows, findDatasetVersion } from './export.ts';
import { ALL_EXPORT_FORMATS, type ExportFormat } from './formats.ts';

const query = z.strictObject({
  format: z
    .enum(ALL_EXPORT_FORMATS, { error: `expected one of ${ALL_EXPORT_FORMATS.join(', ')}` })
    .default('native'),
  split: z.enum(SPLITS, { error: `expected one of ${SPLITS.join(', ')}` }).optional(),
});

/** Answers a request for an export. Errors as exportDataset's, and UNAUTHENTICATED. */
export async function answerExport(
  { db, user }: Context,
  versionId: string,
  parameters: URLSearchParams,
): Promise<Response> {
  if (!user) throw new AppError('UNAUTHENTICATED', 'Sign in first.');
  const id = z.uuid('id: expected the id of a dataset version').parse(versionId);
  const options = query.parse(Object.fromEntries(parameters));
  return exportDataset(db, user, { versionId: id, ...options });
}

/**
 * The HTTP response with a dataset version as a file of JSON lines, sent while it is read, whatever its length.
 * @throws NOT_FOUND or FORBIDDEN for those who do not research in its project; BAD_INPUT for a format it does not have
 */
async function exportDataset(
  db: Database,
  user: SessionUser,
  options: { versionId: string; format: ExportFormat; split?: Split | undefined },
): Promise<Response> {
  const { versionId, format, split } = options;
  const version = await findDatasetVersion(db, versionId);
  await requireProject(db, user, version.projectId, 'researcher');
  const rows = exportRows(db, versionId, format, { split });
  // The first line is read before the response begins, so that an error is still an error and not a broken file.
  const first = await rows.next();
  const name = [version.kind, version.number, split, format].filter((part) => part !== undefined).join('-');
  return new Response(streamOf(first, rows), {
    headers: {
      'content-type': 'application/jsonl; charset=utf-8',
      'content-disposition': `attachment; filename="${name}.jsonl"`,
      'x-content-hash': version.contentHash,
    },
  });
}

/** Pulls line by line: a reader that is slow slows the reading of the database, and one that leaves ends it. */
function streamOf(
  first: IteratorResult<string, unknown>,
  rows: AsyncGenerator<string>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let pending: IteratorResult<string, unknown> | null = first;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = pending ?? (await rows.next());
      pending = null;
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
    async cancel() {
      await rows.return(undefined);
    },
  });
}
