import { initTRPC, TRPCError } from '@trpc/server';
import superjson from 'superjson';
import { ZodError, z } from 'zod';
import type { Database } from '@/db/client.ts';
import type { Role } from '@/db/schema.ts';
import { AppError, describeZodError, ERROR_CODES, type ErrorCode, toAppError } from './errors.ts';
import { hasRole, requireProject, type SessionUser } from './people/access.ts';

/** What every procedure starts from. */
export interface Context {
  db: Database;
  /** Who is asking; null when nobody is signed in. */
  user: SessionUser | null;
}

const t = initTRPC.context<Context>().create({
  transformer: superjson,
  errorFormatter({ shape, error }) {
    const appCode: ErrorCode =
      error.cause instanceof AppError
        ? error.cause.code
        : error.code === 'BAD_REQUEST'
          ? 'BAD_INPUT'
          : 'INTERNAL';
    return { ...shape, data: { ...shape.data, appCode } };
  },
  sse: { ping: { enabled: true, intervalMs: 10_000 }, client: { reconnectAfterInactivityMs: 30_000 } },
});

export const router = t.router;
export const createCallerFactory = t.createCallerFactory;

/** Turns what a procedure threw into the tRPC error of its code, with a sentence as its message. */
const mapErrors = t.middleware(async ({ next }) => {
  const result = await next();
  if (result.ok) return result;
  const { error } = result;
  if (error.cause instanceof ZodError && error.code === 'BAD_REQUEST') {
    throw toTRPCError(new AppError('BAD_INPUT', describeZodError(error.cause), { cause: error.cause }));
  }
  if (error.cause instanceof AppError) throw toTRPCError(error.cause);
  if (error.code === 'INTERNAL_SERVER_ERROR') throw toTRPCError(toAppError(error.cause ?? error));
  throw error;
});

/** An error as tRPC sends it. */
export function toTRPCError(error: AppError): TRPCError {
  return new TRPCError({ code: ERROR_CODES[error.code].trpc, message: error.message, cause: error });
}

/** Anybody, signed in or not. */
export const publicProcedure = t.procedure.use(mapErrors);

/** Anybody who is signed in. */
export const memberProcedure = publicProcedure.use(({ ctx, next }) => {
  if (!ctx.user) throw new AppError('UNAUTHENTICATED', 'Sign in first.');
  return next({ ctx: { ...ctx, user: ctx.user } });
});

function roleProcedure(needed: Role) {
  return memberProcedure.use(({ ctx, next }) => {
    if (!hasRole(ctx.user.role, needed)) throw new AppError('FORBIDDEN', `This needs the role ${needed}.`);
    return next({ ctx });
  });
}

/** Anybody who is signed in: every role may do a contractor's work. */
export const contractorProcedure = roleProcedure('contractor');
export const researcherProcedure = roleProcedure('researcher');
export const adminProcedure = roleProcedure('admin');

// Not strict: it reads the one field out of an input whose whole form the procedure itself parses strictly.
const projectInput = z.object({ projectId: z.uuid() });

function projectProcedure(needed: Role) {
  return memberProcedure.use(async ({ ctx, getRawInput, next }) => {
    const { projectId } = projectInput.parse(await getRawInput());
    const access = await requireProject(ctx.db, ctx.user, projectId, needed);
    return next({ ctx: { ...ctx, project: access.project, projectRole: access.role } });
  });
}

/** Members of the project that the input's `projectId` names; the context then holds `project` and `projectRole`. */
export const projectMemberProcedure = projectProcedure('contractor');
export const projectResearcherProcedure = projectProcedure('researcher');
export const projectAdminProcedure = projectProcedure('admin');
