import { tracked } from '@trpc/server';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import type { Executor } from '@/db/client.ts';
import { MODEL_KINDS, type Role, runs } from '@/db/schema.ts';
import type { SessionUser } from '../people/access.ts';
import { adminProcedure, researcherProcedure, router } from '../trpc.ts';
import { requireRow } from './access.ts';
import { followRun } from './live.ts';
import { getModel, listModels, promoteModel } from './models.ts';
import { cancelRun, getRun, listRuns, metricsAfter, retryRun, samplesAfter, startPretrain } from './runs.ts';

const runId = z.uuid();
const after = z.number().int().min(-1).default(-1);
const limit = z.number().int().min(1).max(10_000);

export const modelsRouter = router({
  list: researcherProcedure
    .input(
      z.strictObject({
        projectId: z.uuid().optional(),
        kind: z.enum(MODEL_KINDS).optional(),
        limit: limit.default(200),
      }),
    )
    .query(({ ctx, input }) => listModels(ctx.db, ctx.user, input)),

  get: researcherProcedure
    .input(z.strictObject({ modelId: z.uuid() }))
    .query(({ ctx, input }) => getModel(ctx.db, ctx.user, input.modelId)),

  promote: adminProcedure
    .input(z.strictObject({ modelId: z.uuid() }))
    .mutation(({ ctx, input }) => promoteModel(ctx.db, ctx.user, input.modelId)),
});

export const runsRouter = router({
  list: researcherProcedure
    .input(
      z.strictObject({
        projectId: z.uuid().optional(),
        roundId: z.uuid().optional(),
        limit: limit.default(200),
      }),
    )
    .query(({ ctx, input }) => listRuns(ctx.db, ctx.user, input)),

  get: researcherProcedure
    .input(z.strictObject({ runId }))
    .query(({ ctx, input }) => getRun(ctx.db, ctx.user, input.runId)),

  metrics: researcherProcedure
    .input(z.strictObject({ runId, after, limit: limit.default(10_000) }))
    .query(async ({ ctx, input }) => {
      await requireRun(ctx.db, ctx.user, input.runId, 'researcher');
      return metricsAfter(ctx.db, input.runId, input.after, input.limit);
    }),

  samples: researcherProcedure
    .input(z.strictObject({ runId, after, limit: limit.default(1000) }))
    .query(async ({ ctx, input }) => {
      await requireRun(ctx.db, ctx.user, input.runId, 'researcher');
      return samplesAfter(ctx.db, input.runId, input.after, input.limit);
    }),

  /** Server-sent events: everything after `lastEventId`, then what comes, until the run has ended. */
  live: researcherProcedure
    .input(z.strictObject({ runId, lastEventId: z.string().max(100).nullish() }))
    .subscription(async function* ({ ctx, input, signal }) {
      await requireRun(ctx.db, ctx.user, input.runId, 'researcher');
      for await (const { id, event } of followRun(
        ctx.db,
        input.runId,
        input.lastEventId ?? undefined,
        signal,
      )) {
        yield tracked(id, event);
      }
    }),

  startPretrain: adminProcedure
    .input(
      z.strictObject({
        name: z.string().trim().min(1, 'is empty: expected a name').max(200),
        projectId: z.uuid().nullable().default(null),
        settings: z.record(z.string(), z.unknown()),
      }),
    )
    .mutation(async ({ ctx, input }) => ({
      runId: await startPretrain(ctx.db, { ...input, createdBy: ctx.user.id }),
    })),

  cancel: adminProcedure.input(z.strictObject({ runId })).mutation(async ({ ctx, input }) => {
    await requireRun(ctx.db, ctx.user, input.runId, 'admin');
    return { status: await cancelRun(ctx.db, input.runId, ctx.user.id) };
  }),

  retry: adminProcedure.input(z.strictObject({ runId })).mutation(async ({ ctx, input }) => {
    await requireRun(ctx.db, ctx.user, input.runId, 'admin');
    await retryRun(ctx.db, input.runId, ctx.user.id);
    return { status: 'queued' as const };
  }),
});

async function requireRun(db: Executor, user: SessionUser, id: string, needed: Role): Promise<void> {
  const [row] = await db.select({ projectId: runs.projectId }).from(runs).where(eq(runs.id, id));
  await requireRow(db, user, row, 'run', needed);
}
