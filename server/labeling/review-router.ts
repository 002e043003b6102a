import { z } from 'zod';
import { projectResearcherProcedure, router } from '../trpc.ts';
import { listReviewQueue } from './review-list.ts';
import { askForReview, sweepReviews } from './review-queue.ts';
import { storable } from './schemas.ts';

const projectId = z.uuid();

/** The review queue, for those who run a project. Reviewing itself is work like any other: labeling/router.ts. */
export const reviewsRouter = router({
  queue: projectResearcherProcedure
    .input(
      z.strictObject({
        projectId,
        /** Only those that are not done. */
        open: z.boolean().optional(),
        before: z.uuid().optional(),
        limit: z.number().int().min(1).max(200).default(50),
      }),
    )
    .query(({ ctx, input: { projectId: id, ...options } }) => listReviewQueue(ctx.db, id, options)),

  /** Puts a task's labels in review. */
  ask: projectResearcherProcedure
    .input(
      z.strictObject({
        projectId,
        taskId: z.uuid(),
        note: z.string().trim().max(2000).transform(storable).default(''),
      }),
    )
    .mutation(({ ctx, input: { taskId, note } }) =>
      askForReview(ctx.db, { project: ctx.project, taskId, note, actorId: ctx.user.id }),
    ),

  /** Looks at everything that is labelled already, as after the settings changed. */
  sweep: projectResearcherProcedure
    .input(z.strictObject({ projectId }))
    .mutation(async ({ ctx }) => ({ made: await sweepReviews(ctx.db, ctx.project) })),
});
