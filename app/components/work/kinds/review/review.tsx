'use client';

import { demonstration } from '../demonstration/demonstration.tsx';
import type { Draft, LabelContent, Subject, WorkKind } from '../kind.ts';
import { ranking } from '../ranking/ranking.tsx';
import { ReviewEditor } from './editor.tsx';
import { GUIDE } from './guide.ts';

export type ReviewDraft = Extract<Draft, { kind: 'review' }>;
type ReviewContent = Extract<LabelContent, { kind: 'review' }>;

/** Judging the labels that others gave to one task. */
export const review: WorkKind<ReviewDraft, ReviewContent> = {
  name: 'Review',
  submitVerb: 'Submit review',
  guide: GUIDE,
  guidelinesBeside: false,
  empty: () => ({ kind: 'review', verdicts: [], answer: null }),
  isDraft: (value): value is ReviewDraft =>
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'review',
  isTouched: ({ verdicts, answer }) => verdicts.length > 0 || answer !== null,
  missing,
  toContent: (subject, draft) => ({
    kind: 'review',
    verdicts: draft.verdicts.flatMap(({ verdict, ...rest }) => (verdict ? [{ ...rest, verdict }] : [])),
    answer: ownAnswer(subject, draft),
  }),
  fromContent: ({ verdicts, answer }) => ({
    kind: 'review',
    verdicts,
    answer: answer?.kind === 'ranking' ? ranking.fromContent(answer) : answer,
  }),
  describe: (_, { verdicts }) =>
    verdicts.map(({ verdict, comment }) => `${verdict ?? 'no verdict'} ${comment}`.trim()).join('; '),
  Editor: ReviewEditor,
  View: ({ content }) => (
    <ul>
      {content.verdicts.map(({ labelId, verdict, comment }) => (
        <li key={labelId}>
          {verdict}
          {comment !== '' && <span className="text-quiet"> “{comment}”</span>}
        </li>
      ))}
    </ul>
  ),
};

function missing(subject: Subject, draft: ReviewDraft): string {
  const judged = draft.verdicts.filter(({ verdict }) => verdict !== null).length;
  const all = subject.review?.labels.length ?? 0;
  if (judged < all) return `${all - judged} of ${all} labels not judged yet.`;
  if (draft.answer?.kind === 'ranking') return ranking.missing(subject, draft.answer);
  if (draft.answer?.kind === 'demonstration') return demonstration.missing(subject, draft.answer);
  return '';
}

/** The reviewer's own answer, as it is sent. */
function ownAnswer(subject: Subject, { answer }: ReviewDraft): ReviewContent['answer'] {
  if (answer === null) return null;
  return answer.kind === 'ranking'
    ? ranking.toContent(subject, answer)
    : demonstration.toContent(subject, answer);
}
