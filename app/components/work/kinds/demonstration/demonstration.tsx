'use client';

import { CLOSING_QUESTIONS, type ClosingQuestion } from '@/server/labeling/kinds/demonstration/vocabulary.ts';
import { Conversation, ReadingText } from '../../../ui/reading-text.tsx';
import type { Draft, LabelContent, Subject, WorkKind } from '../kind.ts';
import { DemonstrationEditor } from './editor.tsx';
import { GUIDE } from './guide.ts';
import { draftFromMessages, messagesOf, missingIn } from './written-prompt.ts';

export type DemonstrationDraft = Extract<Draft, { kind: 'demonstration' }>;
type DemonstrationContent = Extract<LabelContent, { kind: 'demonstration' }>;

/** Whether a stored word is a question of today's checklist. */
const isClosingQuestion = (word: string): word is ClosingQuestion => word in CLOSING_QUESTIONS;

/** Writing the answer that the model should give; where the task has no prompt, the prompt too. */
export const demonstration: WorkKind<DemonstrationDraft, DemonstrationContent> = {
  name: 'Demonstration',
  submitVerb: 'Submit demonstration',
  guide: GUIDE,
  guidelinesBeside: true,
  empty: () => ({ kind: 'demonstration', text: '', prompt: null, checklist: [] }),
  isDraft: (value): value is DemonstrationDraft =>
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'demonstration',
  isTouched: ({ text, prompt }) =>
    text.trim() !== '' || (prompt ?? []).some(({ content }) => content.trim() !== ''),
  missing,
  toContent: ({ brief }, draft) => ({
    ...draft,
    prompt: brief ? messagesOf(brief.form, draft.prompt) : null,
    checklist: draft.checklist.filter(isClosingQuestion),
  }),
  fromContent: (content) => ({
    ...content,
    prompt: content.prompt ? draftFromMessages(content.prompt) : null,
  }),
  describe: ({ brief }, { text, prompt }) =>
    brief && prompt
      ? [...messagesOf(brief.form, prompt).map(({ content }) => content), text].join('\n\n')
      : text,
  Editor: DemonstrationEditor,
  View,
};

function missing({ brief }: Subject, { text, prompt, checklist }: DemonstrationDraft): string {
  const inPrompt = brief ? missingIn(brief.form, prompt) : '';
  if (inPrompt !== '') return inPrompt;
  if (text.trim() === '') return 'Write an answer first.';
  const open = Object.entries(CLOSING_QUESTIONS).filter(([id]) => !checklist.includes(id));
  const [first] = open;
  if (!first) return '';
  return open.length === 1
    ? `One closing question is open: “${first[1]}”`
    : `${open.length} closing questions are open.`;
}

function View({ content: { prompt, text, checklist } }: { content: DemonstrationContent }) {
  const said = checklist.map((id) => CLOSING_QUESTIONS[id]);
  return (
    <div className="flex flex-col gap-3">
      {prompt && (
        <section aria-label="Prompt written" className="flex flex-col gap-1">
          <p className="text-12 text-quiet">Prompt written</p>
          <Conversation messages={prompt} />
        </section>
      )}
      <section aria-label="Answer" className={prompt ? 'flex flex-col gap-1 border-l-2 pl-4' : ''}>
        {prompt && <p className="text-12 text-quiet">Answer</p>}
        <ReadingText text={text} />
      </section>
      {said.length > 0 && <p className="text-12 text-quiet">Answered with yes: {said.join(' ')}</p>}
    </div>
  );
}
