import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { requestContext } from '@/server/auth.ts';
import { reportError } from '@/server/report-error.ts';
import { appRouter } from '@/server/router.ts';

export const dynamic = 'force-dynamic';

function handle(request: Request): Promise<Response> {
  return fetchRequestHandler({
    endpoint: '/api/trpc',
    req: request,
    router: appRouter,
    createContext: requestContext,
    onError: ({ error, path }) => reportError(error.cause ?? error, path ?? 'trpc'),
  });
}

export { handle as GET, handle as POST };
