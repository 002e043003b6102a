import { and, desc, eq, inArray, isNull } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import { type ReviewVerdict, reviews, reviewVerdicts } from '@/db/schema.ts';

/** What a review said of a label, as its labeler reads it. */
export interface GivenVerdict {
  verdict: ReviewVerdict;
  comment: string;
  at: Date;
}

/** What reviews that count said of labels, by label, newest first. */
export async function verdictsOn(db: Executor, labelIds: string[]): Promise<Map<string, GivenVerdict[]>> {
  const rows = await db
    .select({
      labelId: reviewVerdicts.labelId,
      verdict: reviewVerdicts.verdict,
      comment: reviewVerdicts.comment,
      at: reviews.createdAt,
    })
    .from(reviewVerdicts)
    .innerJoin(reviews, eq(reviews.id, reviewVerdicts.reviewId))
    .where(
      and(inArray(reviewVerdicts.labelId, labelIds), isNull(reviews.supersededAt), eq(reviews.late, false)),
    )
    .orderBy(desc(reviews.createdAt), desc(reviews.id));
  const byLabel = new Map<string, GivenVerdict[]>();
  for (const { labelId, ...given } of rows) byLabel.set(labelId, [...(byLabel.get(labelId) ?? []), given]);
  return byLabel;
}
