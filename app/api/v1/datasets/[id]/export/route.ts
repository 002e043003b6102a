import { z } from 'zod';
import { sharedDatabase } from '@/db/client.ts';
import { SPLITS } from '@/db/schema.ts';
import { currentUser } from '@/server/auth.ts';
import { exportDataset } from '@/server/datasets/download.ts';
import { ALL_EXPORT_FORMATS } from '@/server/datasets/formats.ts';
import { requireDatabaseUrl } from '@/server/env.ts';
import { AppError, errorResponse } from '@/server/errors.ts';
import { reportError } from '@/server/report-error.ts';

export const dynamic = 'force-dynamic';

const query = z.strictObject({
  format: z
    .enum(ALL_EXPORT_FORMATS, { error: `expected one of ${ALL_EXPORT_FORMATS.join(', ')}` })
    .default('native'),
  split: z.enum(SPLITS, { error: `expected one of ${SPLITS.join(', ')}` }).optional(),
});

/** A dataset version as a stream of JSON lines: `?format=` (default native) and `?split=` (default all of them). */
export async function GET(
  request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  try {
    const user = await currentUser();
    if (!user) throw new AppError('UNAUTHENTICATED', 'Sign in first.');
    const versionId = z.uuid('id: expected the id of a dataset version').parse((await params).id);
    const options = query.parse(Object.fromEntries(new URL(request.url).searchParams));
    return await exportDataset(sharedDatabase(requireDatabaseUrl()).db, user, { versionId, ...options });
  } catch (error) {
    reportError(error, 'export');
    return errorResponse(error);
  }
}
