import { z } from 'zod';
import type { TaskKind } from '@/db/schema.ts';
import { demonstration } from './demonstration/demonstration.ts';
import { type DemonstrationContent, demonstrationContent } from './demonstration/schema.ts';
import type { Kind } from './kind.ts';
import { ranking } from './ranking/ranking.ts';
import { type RankingContent, rankingContent } from './ranking/schema.ts';
import { review } from './review/review.ts';
import { type ReviewContent, reviewContent } from './review/schema.ts';

/** What is submitted, of whatever kind. */
export type LabelContent = DemonstrationContent | RankingContent | ReviewContent;

/** Every kind of task. */
export const KINDS: { [K in TaskKind]: Kind<Extract<LabelContent, { kind: K }>> } = {
  demonstration,
  ranking,
  review,
};

export const labelContent = z.discriminatedUnion('kind', [
  demonstrationContent,
  rankingContent,
  reviewContent,
]);

export const draftContent = z.union([demonstration.draft, ranking.draft, review.draft]);

/** The definition of a content's kind. */
export function kindOf(content: LabelContent): Kind<LabelContent> {
  // Which of them it is, `labelContent` has parsed; the types cannot follow a content to its definition.
  return KINDS[content.kind] as unknown as Kind<LabelContent>;
}
