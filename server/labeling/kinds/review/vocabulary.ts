/** The words of reviews. Imports no code, so that pages may use them too. */
import type { ReviewFinding, ReviewReason } from '@/db/schema.ts';

/** Why labels are in review, in a word or two. */
export const REVIEW_REASON_NAMES: Record<ReviewReason, string> = {
  low_agreement: 'Low agreement',
  reward_disagreement: 'Reward model disagrees',
  sampled: 'Sample',
  asked: 'Asked for',
};

/**
 * Why labels are in review, in a sentence with its number.
 * @param letter the name by which the reader knows a completion
 */
export function whyInReview(
  reason: ReviewReason,
  finding: ReviewFinding | null,
  letter: (completionId: string) => string,
): string {
  const { agreement, pairs, margin, preferred, over } = finding ?? {};
  if (reason === 'low_agreement') {
    return agreement === undefined || pairs === undefined
      ? 'Its labelers disagree.'
      : `Its labelers agree on ${Math.round(agreement * 100)} % of ${pairs} pairs.`;
  }
  if (reason === 'reward_disagreement') {
    return margin === undefined || preferred === undefined || over === undefined
      ? 'The reward model disagrees with a labeler.'
      : `The reward model prefers ${letter(preferred)} over ${letter(over)} by ${margin.toFixed(1)}, and a labeler put them the other way round.`;
  }
  return reason === 'sampled'
    ? 'It was drawn as a sample: nothing need be wrong with it.'
    : 'Somebody who runs the project asked for it.';
}
