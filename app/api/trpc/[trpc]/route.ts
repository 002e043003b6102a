import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { sharedDatabase } from '@/db/client.ts';
import { currentUser } from '@/server/auth.ts';
import { requireDatabaseUrl } from '@/server/env.ts';
import { reportError } from '@/server/report-error.ts';
import { appRouter } from '@/server/router.ts';

export const dynamic = 'force-dynamic';

function handle(request: Request): Promise<Response> {
  return fetchRequestHandler({
    endpoint: '/api/trpc',
    req: request,
    router: appRouter,
    createContext: async () => ({
      db: sharedDatabase(requireDatabaseUrl()).db,
      user: await currentUser(),
    }),
    onError: ({ error, path }) => reportError(error.cause ?? error, path ?? 'trpc'),
  });
}

export { handle as GET, handle as POST };
