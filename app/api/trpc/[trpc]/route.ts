import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { requestContext } from '@/server/auth.ts';
import { toAppError } from '@/server/errors.ts';
import { reportError } from '@/server/report-error.ts';
import { appRouter } from '@/server/router.ts';
import { toTRPCError } from '@/server/trpc.ts';

export const dynamic = 'force-dynamic';

function handle(request: Request): Promise<Response> {
  return fetchRequestHandler({
    endpoint: '/api/trpc',
    req: request,
    router: appRouter,
    // What fails before any procedure is reached is told in a sentence too.
    createContext: () =>
      requestContext().catch((error: unknown) => Promise.reject(toTRPCError(toAppError(error)))),
    onError: ({ error, path }) => reportError(error.cause ?? error, path ?? 'trpc'),
  });
}

export { handle as GET, handle as POST };
