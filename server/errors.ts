import type { TRPC_ERROR_CODE_KEY } from '@trpc/server/rpc';
import { ZodError, type z } from 'zod';

/** Every way in which a request can fail, with its tRPC code and HTTP status. This table is the only mapping. */
export const ERROR_CODES = {
  /** What was sent is wrong; the message says what and where. */
  BAD_INPUT: { trpc: 'BAD_REQUEST', http: 400 },
  UNAUTHENTICATED: { trpc: 'UNAUTHORIZED', http: 401 },
  FORBIDDEN: { trpc: 'FORBIDDEN', http: 403 },
  NOT_FOUND: { trpc: 'NOT_FOUND', http: 404 },
  /** It was right once, but things have moved on. */
  CONFLICT: { trpc: 'CONFLICT', http: 409 },
  TOO_LARGE: { trpc: 'PAYLOAD_TOO_LARGE', http: 413 },
  /** Something that the request needs is not running. */
  UNAVAILABLE: { trpc: 'SERVICE_UNAVAILABLE', http: 503 },
  INTERNAL: { trpc: 'INTERNAL_SERVER_ERROR', http: 500 },
} as const satisfies Record<string, { trpc: TRPC_ERROR_CODE_KEY; http: number }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error for the person who sees it: one sentence that says what was wrong, where, and what was expected. */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
  }
}

/** A failed parse as one sentence that names the first field at fault, for example `groups[1][0]: Invalid UUID.` */
export function describeZodError(error: ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'The input is not valid.' : describeIssue(issue);
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const field = issue.path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
  const message = issue.message.replace(/\.$/, '');
  return field === '' ? `${message}.` : `${field}: ${message}.`;
}

/** Codes of a connection that failed or ended, of Node and of postgres.js, and Postgres's classes 08 and 57P. */
const DATABASE_AWAY =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|CONNECT(ION_\w+|_TIMEOUT)|08\w{3}|57P\w{2})$/;

/** Whether an error, or what caused it, is that there is no connection to the database. */
function isDatabaseAway(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  if ('code' in thrown && typeof thrown.code === 'string' && DATABASE_AWAY.test(thrown.code)) return true;
  return isDatabaseAway(thrown.cause);
}

/** Any thrown value as an AppError: parse failures become BAD_INPUT, an unreachable database
 * UNAVAILABLE, the unknown becomes INTERNAL with its cause. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof ZodError)
    return new AppError('BAD_INPUT', describeZodError(thrown), { cause: thrown });
  if (isDatabaseAway(thrown)) {
    return new AppError(
      'UNAVAILABLE',
      'The database cannot be reached at this moment. What you had saved is safe; try again shortly.',
      { cause: thrown },
    );
  }
  return new AppError(
    'INTERNAL',
    'Something went wrong on the server. What you had saved is safe; try again.',
    {
      cause: thrown,
    },
  );
}

/** The response of an HTTP route that failed: `{ error: { code, message } }` with the status of the code. */
export function errorResponse(thrown: unknown): Response {
  const error = toAppError(thrown);
  return Response.json(
    { error: { code: error.code, message: error.message } },
    { status: ERROR_CODES[error.code].http },
  );
}
