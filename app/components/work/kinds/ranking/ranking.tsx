'use client';

import { completionLetter, STRENGTHS } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import type { Draft, LabelContent, Subject, WorkKind } from '../kind.ts';
import { isFlag, RankingEditor } from './editor.tsx';
import { GUIDE } from './guide.ts';
import { spell } from './order.ts';

export type RankingDraft = Extract<Draft, { kind: 'ranking' }>;
type RankingContent = Extract<LabelContent, { kind: 'ranking' }>;

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
  isTouched: ({ groups, ratings, note }) => groups.length > 0 || ratings.length > 0 || note.trim() !== '',
  missing,
  toContent: ({ settings }, draft) => ({
    kind: 'ranking',
    groups: draft.groups,
    strengths: settings.strengths
      ? draft.strengths.flatMap((strength) => (strength ? [strength] : []))
      : null,
    ratings:
      settings.ratings === 'off'
        ? []
        : draft.ratings.map((rating) => ({ ...rating, flags: rating.flags.filter(isFlag) })),
    allBad: draft.allBad,
    note: draft.note,
  }),
  fromContent: (content) => ({ ...content, strengths: content.strengths ?? [] }),
  describe: (subject, draft) => spell(draft.groups, letterIn(subject)),
  Editor: RankingEditor,
  Confirmation,
  View,
};

function missing({ completions, settings }: Subject, draft: RankingDraft): string {
  const placed = draft.groups.flat().length;
  if (placed < completions.length)
    return `${completions.length - placed} of ${completions.length} not ranked yet.`;
  if (settings.strengths && draft.groups.slice(1).some((_, index) => !draft.strengths[index])) {
    return 'Say between neighbours how much better.';
  }
  const rated = (id: string) =>
    draft.ratings.some((rating) => rating.completionId === id && rating.overall !== null);
  if (settings.ratings === 'required' && completions.some(({ id }) => !rated(id)))
    return 'Rate each completion 1 to 7.';
  return '';
}

/** The order once more, with the beginning of each text. */
function Confirmation({ subject, draft }: { subject: Subject; draft: RankingDraft }) {
  const letter = letterIn(subject);
  return (
    <>
      <p>{spell(draft.groups, letter)}</p>
      <ol className="flex flex-col gap-3">
        {draft.groups.map((group, rank) => (
          <li key={group.join(' ')} className="flex gap-3">
            <span className="figures w-5 text-quiet">{rank + 1}</span>
            <div className="flex min-w-0 flex-1 flex-col gap-1">
              {group.map((id) => (
                <p key={id} className="flex gap-2">
                  <strong>{letter(id)}</strong>
                  <span dir="auto" className="line-clamp-2 min-w-0 font-serif text-quiet">
                    {subject.completions.find((completion) => completion.id === id)?.text || '(empty)'}
                  </span>
                </p>
              ))}
            </div>
          </li>
        ))}
      </ol>
      {draft.allBad && <p className="text-red">Marked: all of them are bad.</p>}
    </>
  );
}

function View({ subject, content }: { subject: Subject; content: RankingContent }) {
  return (
    <p>
      {spell(content.groups, letterIn(subject))}
      {content.strengths && content.strengths.length > 0 && (
        <span className="text-quiet">
          {' '}
          ({content.strengths.map((strength) => STRENGTHS[strength].toLowerCase()).join(', then ')})
        </span>
      )}
      {content.allBad && <span className="text-red"> All bad.</span>}
      {content.note !== '' && <span className="text-quiet"> “{content.note}”</span>}
    </p>
  );
}
