/** What a labeler asks of their own answer before sending it (InstructGPT's three criteria). Imports nothing: pages use it too. */
export const CLOSING_QUESTIONS = {
  helpful: 'Does it do what the prompt asks?',
  truthful: 'Is everything in it so?',
  harmless: 'Could it hurt nobody?',
} as const;
export type ClosingQuestion = keyof typeof CLOSING_QUESTIONS;
