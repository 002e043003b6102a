import { z } from 'zod';
import { REVIEW_VERDICTS, type ReviewDraft } from '@/db/schema.ts';
import { anyText } from '../../schemas.ts';
import { demonstrationContent, demonstrationDraft } from '../demonstration/schema.ts';
import { rankingContent, rankingDraft } from '../ranking/schema.ts';

const verdict = z.strictObject({
  labelId: z.uuid(),
  verdict: z.enum(REVIEW_VERDICTS),
  comment: anyText.default(''),
});

/** A review as it is sent: a verdict on each label of the subject, and the reviewer's own answer if they give one. */
export const reviewContent = z.strictObject({
  kind: z.literal('review'),
  verdicts: z.array(verdict).min(1, 'is empty: expected a verdict on each label').max(1000),
  answer: z.discriminatedUnion('kind', [demonstrationContent, rankingContent]).nullable().default(null),
});
export type ReviewContent = z.output<typeof reviewContent>;

export const reviewDraft: z.ZodType<ReviewDraft, unknown> = z.strictObject({
  kind: z.literal('review'),
  verdicts: z.array(verdict.extend({ verdict: z.enum(REVIEW_VERDICTS).nullable() })).max(1000),
  answer: z.union([demonstrationDraft, rankingDraft]).nullable().default(null),
});
