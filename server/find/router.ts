import { z } from 'zod';
import { storable } from '../labeling/schemas.ts';
import { researcherProcedure, router } from '../trpc.ts';
import { findByName } from './find.ts';

export const findRouter = router({
  /** What the palette finds besides pages and projects, which it has. */
  byName: researcherProcedure
    .input(z.strictObject({ typed: z.string().trim().max(200).transform(storable) }))
    .query(({ ctx, input }) => findByName(ctx.db, ctx.user, input.typed.split(/\s+/).filter(Boolean))),
});
