import { z } from 'zod';
import { ASSIGNMENT_STATES, TASK_KINDS } from '@/db/schema.ts';
import { contractorProcedure, projectMemberProcedure, router } from '../trpc.ts';
import { heartbeat, saveDraft } from './drafts.ts';
import { editLabel } from './edit.ts';
import { adoptGuideline } from './guideline-reads.ts';
import { historyDetail, listHistory } from './history.ts';
import { earlierDrafts, setDraftAside } from './kept-drafts.ts';
import { draftContent, labelContent } from './kinds/kinds.ts';
import { earlierLikeThis } from './near/earlier.ts';
import { followingWork, type NextWork, nextWork } from './next.ts';
import { activeSeconds, anyText, idempotencyKey, skipReason, storable } from './schemas.ts';
import { skip, undoSkip } from './skip.ts';
import { ownStats } from './stats.ts';
import { type Submitted, submit } from './submit.ts';
import { takeBack } from './take-back.ts';
import { loadWork, type Work } from './work.ts';

const kind = z.enum(TASK_KINDS);
const assignmentId = z.uuid();

/** The contractor's work. Everything here acts on the caller's own assignments only. */
export const labelingRouter = router({
  next: projectMemberProcedure
    .input(z.strictObject({ projectId: z.uuid(), kind: kind.optional() }))
    .mutation(async ({ ctx, input }): Promise<NextWork> => {
      return nextWork(ctx.db, { labelerId: ctx.user.id, project: ctx.project, kind: input.kind });
    }),

  heartbeat: contractorProcedure
    .input(z.strictObject({ assignmentId, activeSeconds: activeSeconds.optional() }))
    .mutation(({ ctx, input }) => heartbeat(ctx.db, { ...input, labelerId: ctx.user.id })),

  /** Asks for the task again whose lease ran out while its page was open. */
  takeBack: contractorProcedure
    .input(z.strictObject({ assignmentId }))
    .mutation(({ ctx, input }) => takeBack(ctx.db, { ...input, labelerId: ctx.user.id })),

  saveDraft: contractorProcedure
    .input(
      z.strictObject({
        assignmentId,
        revision: z.number().int().min(0),
        content: draftContent,
        activeSeconds: activeSeconds.optional(),
        keepsBefore: z.boolean().optional(),
      }),
    )
    .mutation(({ ctx, input }) => saveDraft(ctx.db, { ...input, labelerId: ctx.user.id })),

  /** Keeps a text among the earlier drafts without making it the draft. */
  setDraftAside: contractorProcedure
    .input(z.strictObject({ assignmentId, content: draftContent }))
    .mutation(({ ctx, input }) => setDraftAside(ctx.db, { ...input, labelerId: ctx.user.id })),

  earlierDrafts: contractorProcedure
    .input(z.strictObject({ assignmentId }))
    .query(({ ctx, input }) => earlierDrafts(ctx.db, { ...input, labelerId: ctx.user.id })),

  skip: contractorProcedure
    .input(
      z.strictObject({
        assignmentId,
        reason: skipReason,
        note: z.string().max(2000).transform(storable).default(''),
      }),
    )
    .mutation(({ ctx, input }) => skip(ctx.db, { ...input, labelerId: ctx.user.id })),

  undoSkip: contractorProcedure
    .input(z.strictObject({ assignmentId }))
    .mutation(async ({ ctx, input }): Promise<Work> => {
      await undoSkip(ctx.db, { ...input, labelerId: ctx.user.id });
      return loadWork(ctx.db, input.assignmentId);
    }),

  /** Ties an open task to the newest guidelines in place of those it was handed out under. */
  adoptGuideline: contractorProcedure
    .input(z.strictObject({ assignmentId, guidelineId: z.uuid() }))
    .mutation(({ ctx, input }) => adoptGuideline(ctx.db, { ...input, labelerId: ctx.user.id })),

  /** Whether a text nearly repeats an earlier demonstration of one's own. A mutation, for a text does not fit into an address. */
  earlierLikeThis: contractorProcedure
    .input(z.strictObject({ assignmentId, text: anyText }))
    .mutation(({ ctx, input }) => earlierLikeThis(ctx.db, { ...input, labelerId: ctx.user.id })),

  /**
   * Hands in a label of whatever kind: `content.kind` names it, and the kind's schema is what it must hold. With `next`
   * the answer brings the next piece of work along, unless that could not be had: the label is stored either way.
   */
  submit: contractorProcedure
    .input(
      z.strictObject({
        assignmentId,
        idempotencyKey,
        activeSeconds: activeSeconds.optional(),
        content: labelContent,
        next: z.strictObject({ projectId: z.uuid(), kind: kind.optional() }).optional(),
      }),
    )
    .mutation(async ({ ctx, input: { next, ...input } }): Promise<Submitted & { next?: NextWork }> => {
      const submitted = await submit(ctx.db, { ...input, labelerId: ctx.user.id });
      const following = next && (await followingWork(ctx.db, ctx.user, next));
      return following ? { ...submitted, next: following } : submitted;
    }),

  history: contractorProcedure
    .input(
      z.strictObject({
        projectId: z.uuid().optional(),
        kind: kind.optional(),
        state: z.enum(ASSIGNMENT_STATES).optional(),
        day: z.iso.date('expected a day as 2026-11-24').optional(),
        search: z.string().trim().max(200).transform(storable).optional(),
        before: z.uuid().optional(),
        limit: z.number().int().min(1).max(100).default(30),
      }),
    )
    .query(({ ctx, input }) => listHistory(ctx.db, ctx.user.id, input)),

  historyItem: contractorProcedure
    .input(z.strictObject({ assignmentId }))
    .query(({ ctx, input }) => historyDetail(ctx.db, { ...input, labelerId: ctx.user.id })),

  /** Puts a new version in the place of one's own label. */
  edit: contractorProcedure
    .input(
      z.strictObject({
        assignmentId,
        idempotencyKey,
        baseVersion: z.number().int().min(1),
        content: labelContent,
      }),
    )
    .mutation(({ ctx, input }) => editLabel(ctx.db, { ...input, labelerId: ctx.user.id })),

  stats: projectMemberProcedure
    .input(z.strictObject({ projectId: z.uuid() }))
    .query(({ ctx }) => ownStats(ctx.db, ctx.user.id, ctx.project)),
});
