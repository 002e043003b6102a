'use client';

import { completionLetter } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import type { Draft, LabelContent, Subject, WorkKind } from '../kind.ts';
import { RankingEditor } from './editor.tsx';
import { GUIDE } from './guide.ts';
import { spell } from './order.ts';
import { OrderSummary } from './order-summary.tsx';
import { ratingOf, saidRatings } from './rating.ts';

export type RankingDraft = Extract<Draft, { kind: 'ranking' }>;
export type RankingContent = Extract<LabelContent, { kind: 'ranking' }>;

const letterIn = (subject: Subject) => (id: string) =>
  completionLetter(subject.completions.findIndex((completion) => completion.id === id));

/** Putting the completions of a task in an order. */
export const ranking: WorkKind<RankingDraft, RankingContent> = {
  name: 'Ranking',
  submitVerb: 'Submit ranking',
  guide: GUIDE,
  guidelinesBeside: false,
  empty: () => ({ kind: 'ranking', groups: [], strengths: [], allBad: false, ratings: [], note: '' }),
  isDraft: (value): value is RankingDraft =>
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'ranking',
  isTouched: ({ groups, ratings, allBad, note }) =>
    groups.length > 0 || ratings.length > 0 || allBad || note.trim() !== '',
  missing,
  toContent,
  fromContent: (content) => ({ ...content, strengths: content.strengths ?? [] }),
  describe: (subject, draft) => spell(draft.groups, letterIn(subject)),
  Editor: RankingEditor,
  Confirmation: ({ subject, draft }) => (
    <OrderSummary subject={subject} content={toContent(subject, draft)} lines={2} />
  ),
  View: ({ subject, content }) => <OrderSummary subject={subject} content={content} lines={1} />,
};

/** What is sent and stored; what is shown for confirmation is made of this too, so that the two cannot differ. */
function toContent({ settings, completions }: Subject, draft: RankingDraft): RankingContent {
  const borders = Math.max(0, draft.groups.length - 1);
  return {
    kind: 'ranking',
    groups: draft.groups,
    strengths: settings.strengths
      ? draft.strengths.slice(0, borders).flatMap((strength) => (strength ? [strength] : []))
      : null,
    ratings:
      settings.ratings === 'off'
        ? []
        : saidRatings(
            draft.ratings,
            completions.map(({ id }) => id),
          ),
    allBad: draft.allBad,
    note: draft.note,
  };
}

function missing(subject: Subject, draft: RankingDraft): string {
  const { completions, settings } = subject;
  const letter = letterIn(subject);
  const unrated = completions.filter(({ id }) => ratingOf(draft.ratings, id).overall === null);
  if (settings.ratings === 'required' && unrated.length > 0) {
    return `Rate ${unrated.map(({ id }) => letter(id)).join(', ')} from 1 to 7.`;
  }
  const waiting = completions.length - draft.groups.flat().length;
  if (waiting > 0) return `${waiting} of ${completions.length} not ranked yet.`;
  if (settings.strengths) {
    const border = draft.groups.slice(1).findIndex((_, index) => !draft.strengths[index]);
    if (border !== -1) return `Say how much better rank ${border + 1} is than rank ${border + 2}.`;
  }
  return '';
}
