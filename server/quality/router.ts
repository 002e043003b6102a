import { z } from 'zod';
import { STANDINGS, TASK_PURPOSES } from '@/db/schema.ts';
import { storable } from '../labeling/schemas.ts';
import {
  projectAdminProcedure,
  projectMemberProcedure,
  projectResearcherProcedure,
  router,
} from '../trpc.ts';
import { impactOf } from './impact.ts';
import { labelerDetail, newestLabels } from './person.ts';
import { forgetQuality, recentQuality } from './recent.ts';
import { setStanding, standingOf } from './standing.ts';

const projectId = z.uuid();
const userId = z.uuid();

export const qualityRouter = router({
  /** Every figure of a project's labels. */
  report: projectResearcherProcedure
    .input(
      z.strictObject({
        projectId,
        purpose: z.enum(TASK_PURPOSES).default('training'),
      }),
    )
    .query(({ ctx, input }) => recentQuality(ctx.db, input)),

  person: projectResearcherProcedure
    .input(z.strictObject({ projectId, userId }))
    .query(({ ctx, input }) => labelerDetail(ctx.db, input.projectId, input.userId)),

  labels: projectResearcherProcedure
    .input(
      z.strictObject({
        projectId,
        userId,
        before: z.uuid().optional(),
        limit: z.number().int().min(1).max(100).default(20),
      }),
    )
    .query(({ ctx, input }) => newestLabels(ctx.db, input)),

  /** The dataset versions and models that hold a person's labels. */
  impact: projectResearcherProcedure
    .input(z.strictObject({ projectId, userId }))
    .query(({ ctx, input }) => impactOf(ctx.db, input.projectId, input.userId)),

  /** Warns, pauses, revokes or reinstates. */
  setStanding: projectAdminProcedure
    .input(
      z.strictObject({
        projectId,
        userId,
        standing: z.enum(STANDINGS),
        from: z.enum(STANDINGS),
        note: z.string().trim().max(2000).transform(storable).default(''),
      }),
    )
    .mutation(async ({ ctx, input }) => {
      await setStanding(ctx.db, { ...input, actorId: ctx.user.id });
      forgetQuality(input.projectId);
    }),

  /** How the person who asks stands in the project. */
  ownStanding: projectMemberProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx, input }) => standingOf(ctx.db, input.projectId, ctx.user.id)),
});
