import type { PromptForm } from '@/db/schema/values.ts';

/** What a labeler asks of their own answer before sending it (InstructGPT's three criteria). Pages use it too. */
export const CLOSING_QUESTIONS = {
  helpful: 'Does it do what the prompt asks?',
  truthful: 'Is everything in it so?',
  harmless: 'Could it hurt nobody?',
} as const;
export type ClosingQuestion = keyof typeof CLOSING_QUESTIONS;

/** Examples in a few-shot prompt, at the least: one example is no pattern. */
export const FEWEST_EXAMPLES = 2;
/** And at the most. */
export const MOST_EXAMPLES = 20;

/** What a written prompt is, of each form, in a phrase. */
export const FORM_NAMES: Record<PromptForm, string> = {
  plain: 'any instruction or question',
  few_shot: 'an instruction with examples',
  user_based: 'what such a person would ask',
};
