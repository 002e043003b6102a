import { z } from 'zod';
import { DATASET_KINDS } from '@/db/schema.ts';
import { requireProject } from '../people/access.ts';
import { projectResearcherProcedure, researcherProcedure, router } from '../trpc.ts';
import { findDatasetVersion } from './export.ts';
import { EXPORT_FORMATS } from './formats.ts';
import { datasetDetail, freezeDataset, listDatasets, recomputeHash } from './freeze.ts';
import { readLines } from './lines.ts';
import { countPrompts, importPrompts } from './prompts-import.ts';
import { importTrees } from './trees-import.ts';

/** Characters of a file that may be imported through a request; larger files go through server/datasets/import.ts. */
const LONGEST_FILE = 64 * 1024 * 1024;

const projectId = z.uuid();
const file = {
  projectId,
  fileName: z.string().trim().min(1).max(300),
  text: z.string().max(LONGEST_FILE, 'is larger than 64 MB: import it with the command line'),
};

/** A researcher of the version's project. */
const versionProcedure = researcherProcedure
  .input(z.strictObject({ versionId: z.uuid() }))
  .use(async ({ ctx, input, next }) => {
    const version = await findDatasetVersion(ctx.db, input.versionId);
    await requireProject(ctx.db, ctx.user, version.projectId, 'researcher');
    return next({ ctx: { ...ctx, version } });
  });

export const datasetsRouter = router({
  /** The export formats of each kind. */
  formats: researcherProcedure.query(() => EXPORT_FORMATS),

  list: projectResearcherProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx, input }) => listDatasets(ctx.db, input.projectId)),

  get: versionProcedure.query(({ ctx }) => datasetDetail(ctx.db, ctx.version)),

  /** Computes the content hash anew and compares. */
  verify: versionProcedure.query(async ({ ctx }) => {
    const contentHash = await recomputeHash(ctx.db, ctx.version.id);
    return { contentHash, unchanged: contentHash === ctx.version.contentHash };
  }),

  freeze: projectResearcherProcedure
    .input(
      z.strictObject({
        projectId,
        kind: z.enum(DATASET_KINDS),
        name: z.string().trim().min(1).max(200).optional(),
      }),
    )
    .mutation(({ ctx, input }) => freezeDataset(ctx.db, { ...input, createdBy: ctx.user.id })),

  promptCounts: projectResearcherProcedure
    .input(z.strictObject({ projectId }))
    .query(({ ctx, input }) => countPrompts(ctx.db, input.projectId)),

  importPrompts: projectResearcherProcedure
    .input(z.strictObject({ ...file, demonstrationTasks: z.boolean().default(false) }))
    .mutation(({ ctx, input: { fileName, text, demonstrationTasks } }) =>
      importPrompts(ctx.db, {
        project: ctx.project,
        actorId: ctx.user.id,
        fileName,
        lines: readLines(fileName, [text]),
        demonstrationTasks,
      }),
    ),

  importTrees: projectResearcherProcedure
    .input(z.strictObject({ ...file, demonstrations: z.boolean().default(false) }))
    .mutation(({ ctx, input: { fileName, text, demonstrations } }) =>
      importTrees(ctx.db, {
        project: ctx.project,
        actorId: ctx.user.id,
        fileName,
        lines: readLines(fileName, [text]),
        demonstrations,
      }),
    ),
});
