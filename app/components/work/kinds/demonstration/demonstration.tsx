'use client';

import { CLOSING_QUESTIONS, type ClosingQuestion } from '@/server/labeling/kinds/demonstration/vocabulary.ts';
import { ReadingText } from '../../../ui/reading-text.tsx';
import type { Draft, LabelContent, WorkKind } from '../kind.ts';
import { DemonstrationEditor } from './editor.tsx';
import { GUIDE } from './guide.ts';

export type DemonstrationDraft = Extract<Draft, { kind: 'demonstration' }>;
type DemonstrationContent = Extract<LabelContent, { kind: 'demonstration' }>;

/** Whether a stored word is a question of today's checklist. */
const isClosingQuestion = (word: string): word is ClosingQuestion => word in CLOSING_QUESTIONS;

/** Writing the answer that the model should give. */
export const demonstration: WorkKind<DemonstrationDraft, DemonstrationContent> = {
  name: 'Demonstration',
  submitVerb: 'Submit demonstration',
  guide: GUIDE,
  guidelinesBeside: true,
  empty: () => ({ kind: 'demonstration', text: '', prompt: null, checklist: [] }),
  isDraft: (value): value is DemonstrationDraft =>
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'demonstration',
  isTouched: ({ text }) => text.trim() !== '',
  missing: (_, { text }) => (text.trim() === '' ? 'Write an answer first.' : ''),
  toContent: (_, draft) => ({ ...draft, checklist: draft.checklist.filter(isClosingQuestion) }),
  fromContent: (content) => content,
  describe: (_, { text }) => text,
  Editor: DemonstrationEditor,
  View: ({ content }) => <ReadingText text={content.text} />,
};
