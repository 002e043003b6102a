import { z } from 'zod';
import { PROMPT_FORMS, ROLES, SPLITS, TASK_STATES } from '@/db/schema.ts';
import { readLines } from '../datasets/lines.ts';
import {
  adminProcedure,
  memberProcedure,
  projectAdminProcedure,
  projectMemberProcedure,
  projectResearcherProcedure,
  router,
} from '../trpc.ts';
import { guidelineNews, markGuidelineRead } from './guideline-reads.ts';
import { guidelineUse, listGuidelines, publishGuideline } from './guidelines.ts';
import { knownPurpose, listKnownTasks, setKnownState, uploadKnownTasks } from './known-tasks.ts';
import {
  addMember,
  createProject,
  listMembers,
  listProjects,
  projectProgress,
  removeMember,
  setReviewer,
  settingsFor,
  updateProject,
} from './projects.ts';
import { projectSettings, storable, writtenText } from './schemas.ts';
import { letThrough } from './screening.ts';
import { createBriefTasks, createDemonstrationTasks, listPrompts } from './tasks.ts';
import { currentGuideline } from './work.ts';

/** Characters of a file of known answers. */
const LONGEST_KNOWN = 16 * 1024 * 1024;

const projectId = z.uuid();
const name = z.string().trim().min(1, 'is empty: expected a name').max(200).transform(storable);
const description = z.string().max(5000).transform(storable);

export const projectsRouter = router({
  list: memberProcedure.query(({ ctx }) => listProjects(ctx.db, ctx.user)),

  get: projectMemberProcedure.input(z.strictObject({ projectId })).query(async ({ ctx }) => {
    const { id, name, description, settings, state, createdAt } = ctx.project;
    const guideline = await currentGuideline(ctx.db, id);
    return {
      id,
      name,
      description,
      settings: settingsFor(ctx.projectRole, settings),
      state,
      createdAt,
      role: ctx.projectRole,
      guidelineVersion: guideline?.version ?? null,
    };
  }),

  create: adminProcedure
    .input(
      z.strictObject({
        name,
        description: description.default(''),
        settings: projectSettings.optional(),
        guideline: writtenText.optional(),
      }),
    )
    .mutation(({ ctx, input }) => createProject(ctx.db, { ...input, createdBy: ctx.user.id })),

  update: projectAdminProcedure
    .input(
      z.strictObject({
        projectId,
        name: name.optional(),
        description: description.optional(),
        settings: projectSettings.optional(),
        state: z.enum(['active', 'archived']).optional(),
      }),
    )
    .mutation(({ ctx, input: { projectId, ...change } }) =>
      updateProject(ctx.db, projectId, change, ctx.user.id),
    ),

  members: projectResearcherProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx }) => listMembers(ctx.db, ctx.project)),

  addMember: projectAdminProcedure
    .input(z.strictObject({ projectId, userId: z.uuid(), role: z.enum(ROLES) }))
    .mutation(({ ctx, input }) => addMember(ctx.db, { ...input, actorId: ctx.user.id })),

  removeMember: projectAdminProcedure
    .input(z.strictObject({ projectId, userId: z.uuid() }))
    .mutation(({ ctx, input }) => removeMember(ctx.db, { ...input, actorId: ctx.user.id })),

  /** Whether a contractor is given reviews too; researchers and admins always are. */
  setReviewer: projectAdminProcedure
    .input(z.strictObject({ projectId, userId: z.uuid(), mayReview: z.boolean() }))
    .mutation(({ ctx, input }) => setReviewer(ctx.db, { ...input, actorId: ctx.user.id })),

  /** Lets a member do real work whatever their screening came to. */
  letThrough: projectAdminProcedure
    .input(z.strictObject({ projectId, userId: z.uuid() }))
    .mutation(({ ctx, input }) => letThrough(ctx.db, { ...input, actorId: ctx.user.id })),

  /** Gold and screening tasks, newest first, and how they were answered. */
  knownTasks: projectAdminProcedure
    .input(
      z.strictObject({
        projectId,
        before: z.uuid().optional(),
        limit: z.number().int().min(1).max(200).default(50),
      }),
    )
    .query(({ ctx, input }) => listKnownTasks(ctx.db, input)),

  /** Makes gold or screening tasks of a file of rankings: JSON lines `{ prompt, completions, ranks }`. */
  uploadKnown: projectAdminProcedure
    .input(
      z.strictObject({
        projectId,
        purpose: knownPurpose,
        fileName: z.string().trim().min(1).max(300),
        text: z.string().max(LONGEST_KNOWN, 'is larger than 16 MB: cut it into several files'),
      }),
    )
    .mutation(({ ctx, input: { purpose, fileName, text } }) =>
      uploadKnownTasks(ctx.db, {
        project: ctx.project,
        purpose,
        fileName,
        lines: readLines(fileName, [text]),
        actorId: ctx.user.id,
      }),
    ),

  /** Hands a gold or screening task out no more, or again. */
  setKnownState: projectAdminProcedure
    .input(z.strictObject({ projectId, taskId: z.uuid(), state: z.enum(TASK_STATES) }))
    .mutation(({ ctx, input }) => setKnownState(ctx.db, { ...input, actorId: ctx.user.id })),

  progress: projectResearcherProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx, input }) => projectProgress(ctx.db, input.projectId)),

  prompts: projectResearcherProcedure
    .input(
      z.strictObject({
        projectId,
        search: z.string().trim().max(200).transform(storable).optional(),
        split: z.enum(SPLITS).optional(),
        before: z.uuid().optional(),
        limit: z.number().int().min(1).max(200).default(50),
      }),
    )
    .query(({ ctx, input }) => listPrompts(ctx.db, input)),

  /** Puts demonstration tasks in the queue, for prompts of a split that have none yet. */
  createDemonstrationTasks: projectAdminProcedure
    .input(
      z.strictObject({
        projectId,
        split: z.enum(SPLITS).default('train'),
        count: z.number().int().min(1).max(100_000),
        wantedLabels: z.number().int().min(1).max(1000).optional(),
        priority: z.number().int().min(-1000).max(1000).default(0),
      }),
    )
    .mutation(async ({ ctx, input: { projectId: _, ...options } }) => {
      const created = await createDemonstrationTasks(ctx.db, { ...options, project: ctx.project });
      return { created: created.length };
    }),

  /** Puts tasks in the queue whose prompts the labelers write themselves. */
  createBriefTasks: projectAdminProcedure
    .input(
      z.strictObject({
        projectId,
        form: z.enum(PROMPT_FORMS),
        instruction: writtenText,
        count: z.number().int().min(1).max(10_000),
        wantedLabels: z.number().int().min(1).max(1000).optional(),
        priority: z.number().int().min(-1000).max(1000).default(0),
      }),
    )
    .mutation(async ({ ctx, input: { projectId: _, form, instruction, ...options } }) => {
      const brief = { form, instruction };
      const created = await createBriefTasks(ctx.db, { ...options, brief, project: ctx.project });
      return { created: created.length };
    }),
});

export const guidelinesRouter = router({
  /** The newest version, or null when none has been written. */
  current: projectMemberProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx, input }) => currentGuideline(ctx.db, input.projectId)),

  list: projectMemberProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx, input }) => listGuidelines(ctx.db, input.projectId)),

  /** How many labels were made under each version, and how many have read it. */
  use: projectResearcherProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx, input }) => guidelineUse(ctx.db, input.projectId)),

  /** The newest version, and the newest that the caller has read. */
  news: projectMemberProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx, input }) => guidelineNews(ctx.db, { ...input, userId: ctx.user.id })),

  /** The caller has read a version. */
  markRead: projectMemberProcedure
    .input(z.strictObject({ projectId, guidelineId: z.uuid() }))
    .mutation(({ ctx, input }) => markGuidelineRead(ctx.db, { ...input, userId: ctx.user.id })),

  publish: projectAdminProcedure
    .input(
      z.strictObject({
        projectId,
        markdown: writtenText,
        changeNote: z.string().trim().max(500).transform(storable).default(''),
        baseVersion: z.number().int().min(0),
      }),
    )
    .mutation(({ ctx, input }) => publishGuideline(ctx.db, { ...input, authorId: ctx.user.id })),
});
