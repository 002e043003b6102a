'use client';

import { demonstration } from '../demonstration/demonstration.tsx';
import type { Draft, LabelContent, Subject, WorkKind } from '../kind.ts';
import { ranking } from '../ranking/ranking.tsx';
import { ReviewEditor } from './editor.tsx';
import { GUIDE } from './guide.ts';
import { ReviewSummary } from './summary.tsx';

export type ReviewDraft = Extract<Draft, { kind: 'review' }>;
export type ReviewContent = Extract<LabelContent, { kind: 'review' }>;

/** The labels to be judged, in the order in which they are shown. */
const labelsOf = (subject: Subject) => (subject.review?.labels ?? []).filter(({ current }) => current);

const saidOf = (draft: ReviewDraft, labelId: string) => draft.verdicts.find((one) => one.labelId === labelId);

/** Judging the labels that others gave to one task. */
export const review: WorkKind<ReviewDraft, ReviewContent> = {
  name: 'Review',
  submitVerb: 'Submit review',
  guide: GUIDE,
  guidelinesBeside: false,
  empty: () => ({ kind: 'review', verdicts: [], answer: null }),
  isDraft: (value): value is ReviewDraft =>
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'review',
  isTouched: ({ verdicts, answer }) =>
    answer !== null || verdicts.some(({ verdict, comment }) => verdict !== null || comment.trim() !== ''),
  missing,
  toContent,
  fromContent: ({ verdicts, answer }) => ({
    kind: 'review',
    verdicts,
    answer:
      answer?.kind === 'ranking'
        ? ranking.fromContent(answer)
        : answer?.kind === 'demonstration'
          ? demonstration.fromContent(answer)
          : null,
  }),
  describe: (subject, draft) => {
    const numbers = new Map((subject.review?.labels ?? []).map(({ labelId, number }) => [labelId, number]));
    const said = draft.verdicts.map(
      ({ labelId, verdict, comment }) =>
        `Label ${numbers.get(labelId) ?? '?'}: ${verdict ?? 'no verdict'}${comment === '' ? '' : `, “${comment}”`}`,
    );
    return [...said.sort(), ...describeAnswer(subject, draft)].join('\n');
  },
  Editor: ReviewEditor,
  Confirmation: ({ subject, draft }) => (
    <ReviewSummary subject={subject} content={toContent(subject, draft)} />
  ),
  View: ReviewSummary,
};

function missing(subject: Subject, draft: ReviewDraft): string {
  const labels = labelsOf(subject);
  const waiting = labels.filter(({ labelId }) => (saidOf(draft, labelId)?.verdict ?? null) === null);
  if (waiting.length > 0) return `${waiting.length} of ${labels.length} labels not judged yet.`;
  const unexplained = labels.find(({ labelId }) => {
    const said = saidOf(draft, labelId);
    return said?.verdict === 'rejected' && said.comment.trim() === '';
  });
  if (unexplained) return `Say why label ${unexplained.number} is rejected: its labeler reads it.`;
  const { answer } = draft;
  if (answer === null) return '';
  const of =
    answer.kind === 'ranking' ? ranking.missing(subject, answer) : demonstration.missing(subject, answer);
  return of === '' ? '' : `Your own answer: ${of}`;
}

/** What is sent: what was said of an older version of a label stays in the draft. */
function toContent(subject: Subject, draft: ReviewDraft): ReviewContent {
  const verdicts = labelsOf(subject).flatMap(({ labelId }) => {
    const said = saidOf(draft, labelId);
    return said?.verdict ? [{ ...said, verdict: said.verdict }] : [];
  });
  const { answer } = draft;
  return {
    kind: 'review',
    verdicts,
    answer:
      answer === null
        ? null
        : answer.kind === 'ranking'
          ? ranking.toContent(subject, answer)
          : demonstration.toContent(subject, answer),
  };
}

function describeAnswer(subject: Subject, { answer }: ReviewDraft): string[] {
  if (answer === null) return [];
  const said =
    answer.kind === 'ranking' ? ranking.describe(subject, answer) : demonstration.describe(subject, answer);
  return [`Own answer: ${said}`];
}
