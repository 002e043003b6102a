/** The words that rankings are made of. Imports nothing, so that pages may use them too. */

/** What can be wrong with a completion, marked beside its rating. */
export const FLAGS = {
  fails_instruction: 'Fails the instruction',
  hallucination: 'States what is not so',
  harmful: 'Harmful',
  sexual: 'Sexual content',
  violent: 'Violent content',
  bad_advice: 'Gives bad advice',
  opinion: 'Expresses an opinion',
  denigrates: 'Denigrates a protected class',
  wrong_language: 'Wrong language',
  broken: 'Repetitive or broken',
} as const;
export type Flag = keyof typeof FLAGS;

/** How much better one rank is than the next, from least to most. */
export const STRENGTHS = {
  negligible: 'Negligibly better',
  slight: 'Slightly better',
  better: 'Better',
  significant: 'Significantly better',
} as const;

/** Completions in one ranking task. */
export const FEWEST_COMPLETIONS = 2;
export const MOST_COMPLETIONS = 9;

/** The name by which a labeler knows the completion at a place in the shown order: A, B, C… */
export function completionLetter(index: number): string {
  return String.fromCharCode(65 + index);
}
