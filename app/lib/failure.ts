import { TRPCClientError } from '@trpc/client';

/**
 * Why a request was not answered as wished. `unreachable`: no answer at all; `server`: the server failed, and may not
 * the next time; `signed-out`: nobody is signed in any more, or somebody else; `refused`: it will be refused again.
 */
export type FailureKind = 'unreachable' | 'server' | 'signed-out' | 'refused';

/** What kind of failure a thrown value is. For requests about one's own work, which another person cannot find. */
export function failureOf(error: unknown): FailureKind {
  if (!(error instanceof TRPCClientError)) return 'unreachable';
  const data: unknown = error.data;
  if (typeof data !== 'object' || data === null || !('httpStatus' in data)) return 'unreachable';
  const { httpStatus } = data;
  if (httpStatus === 401 || httpStatus === 404) return 'signed-out';
  return typeof httpStatus === 'number' && httpStatus >= 400 && httpStatus < 500 ? 'refused' : 'server';
}
