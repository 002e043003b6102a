import { setTimeout as sleep } from 'node:timers/promises';
import { tracked } from '@trpc/server';
import { eq } from 'drizzle-orm';
import { z } from 'zod';
import type { Executor } from '@/db/client.ts';
import { ROUND_STATES, type Role, rounds } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { requireRow } from '../models/access.ts';
import type { SessionUser } from '../people/access.ts';
import { adminProcedure, projectAdminProcedure, researcherProcedure, router } from '../trpc.ts';
import { cancelRound, goOn, retryRound } from './control.ts';
import { roundReport } from './report-schema.ts';
import { launchRound } from './rounds.ts';
import { roundConfig, roundTargets } from './settings.ts';
import { listRounds, roundView } from './view.ts';

const roundId = z.uuid();
const POLL_MILLISECONDS = 700;

export const roundsRouter = router({
  list: researcherProcedure
    .input(z.strictObject({ projectId: z.uuid().optional() }))
    .query(({ ctx, input }) => listRounds(ctx.db, ctx.user, input)),

  get: researcherProcedure
    .input(z.strictObject({ roundId }))
    .query(({ ctx, input }) => roundView(ctx.db, ctx.user, input.roundId)),

  /** Server-sent events: the round's whole view, whenever it has changed, until the round has ended. */
  live: researcherProcedure
    .input(z.strictObject({ roundId, lastEventId: z.string().max(100).nullish() }))
    .subscription(async function* ({ ctx, input, signal }) {
      let last = '';
      let sent = 0;
      while (!signal?.aborted) {
        const view = await roundView(ctx.db, ctx.user, input.roundId);
        const text = JSON.stringify(view);
        if (text !== last) {
          last = text;
          sent += 1;
          yield tracked(String(sent), view);
        }
        if (view.status === 'done') return;
        await sleep(POLL_MILLISECONDS, undefined, signal ? { signal } : {}).catch(() => {});
      }
    }),

  /** The final figures; NOT_FOUND before the evaluation is done. */
  report: researcherProcedure.input(z.strictObject({ roundId })).query(async ({ ctx, input }) => {
    const [found] = await ctx.db.select().from(rounds).where(eq(rounds.id, input.roundId));
    const round = await requireRow(ctx.db, ctx.user, found, 'round', 'researcher');
    if (round.report === null) {
      throw new AppError('NOT_FOUND', `Round ${round.number} has no report yet: it is in ${round.state}.`);
    }
    const { id, number, name, projectId, createdAt, finishedAt } = round;
    return {
      round: { id, number, name, projectId, createdAt, finishedAt },
      report: roundReport.parse(round.report),
    };
  }),

  launch: projectAdminProcedure
    .input(
      z.strictObject({
        projectId: z.uuid(),
        name: z.string().trim().min(1, 'is empty: expected a name').max(200).optional(),
        targets: roundTargets,
        config: roundConfig.prefault({}),
        parentModelId: z.uuid().optional(),
        pretrainRunId: z.uuid().optional(),
      }),
    )
    .mutation(({ ctx, input: { name, ...input } }) =>
      launchRound(ctx.db, { ...input, ...(name === undefined ? {} : { name }), createdBy: ctx.user.id }),
    ),

  /** Lets the round go on from the named state with the labels that there are. */
  go: adminProcedure
    .input(z.strictObject({ roundId, state: z.enum(ROUND_STATES) }))
    .mutation(async ({ ctx, input }) => {
      await requireRound(ctx.db, ctx.user, input.roundId, 'admin');
      await goOn(ctx.db, input.roundId, input.state, ctx.user.id);
      return roundView(ctx.db, ctx.user, input.roundId);
    }),

  cancel: adminProcedure.input(z.strictObject({ roundId })).mutation(async ({ ctx, input }) => {
    await requireRound(ctx.db, ctx.user, input.roundId, 'admin');
    await cancelRound(ctx.db, input.roundId, ctx.user.id);
    return roundView(ctx.db, ctx.user, input.roundId);
  }),

  retry: adminProcedure.input(z.strictObject({ roundId })).mutation(async ({ ctx, input }) => {
    await requireRound(ctx.db, ctx.user, input.roundId, 'admin');
    await retryRound(ctx.db, input.roundId, ctx.user.id);
    return roundView(ctx.db, ctx.user, input.roundId);
  }),
});

async function requireRound(db: Executor, user: SessionUser, id: string, needed: Role): Promise<void> {
  const [row] = await db.select({ projectId: rounds.projectId }).from(rounds).where(eq(rounds.id, id));
  await requireRow(db, user, row, 'round', needed);
}
