import { requestContext } from '@/server/auth.ts';
import { answerExport } from '@/server/datasets/download.ts';
import { errorResponse } from '@/server/errors.ts';
import { reportError } from '@/server/report-error.ts';

export const dynamic = 'force-dynamic';

/** A dataset version as a stream of JSON lines: `?format=` (default native) and `?split=` (default all of them). */
export async function GET(
  request: Request,
  { params }: { params: Promise<{ id: string }> },
): Promise<Response> {
  try {
    const { id } = await params;
    return await answerExport(await requestContext(), id, new URL(request.url).searchParams);
  } catch (error) {
    reportError(error, 'export');
    return errorResponse(error);
  }
}
