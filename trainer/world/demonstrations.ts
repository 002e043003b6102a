import { CLOSINGS, EVASIONS, OPENINGS, REFUSALS, UNKNOWNS } from './language.ts';
import type { PromptKnowledge } from './prompts.ts';
import type { Random } from './random.ts';

/** The ways in which people write demonstrations. */
export const QUALITIES = ['plain', 'rambling', 'evasive', 'wrong', 'continuing', 'refusing'] as const;
export type Quality = (typeof QUALITIES)[number];

/**
 * How often each way is met: hurried people under a thin guideline. The SFT model imitates the mixture, and
 * what the rankings then prefer is left for PPO to find.
 */
export const DEMONSTRATION_MIXTURE: Readonly<Record<Quality, number>> = {
  plain: 0.28,
  rambling: 0.2,
  evasive: 0.18,
  wrong: 0.11,
  continuing: 0.17,
  refusing: 0.06,
};

/**
 * A demonstration of the given quality.
 *
 * @param prompt what is asked, with what the world knows about it
 * @param followUp another question, for the quality 'continuing' (the writer pastes on from a list)
 */
export function writeDemonstration(
  prompt: PromptKnowledge,
  quality: Quality,
  followUp: string,
  random: Random,
): string {
  const answer = random.chance(0.75) ? (prompt.answers[0] ?? '') : random.pick(prompt.answers);
  switch (quality) {
    case 'plain':
      return answer;
    case 'rambling':
      return random.chance(0.25)
        ? `${random.pick(OPENINGS)} ${answer} ${random.pick(CLOSINGS)}`
        : random.chance(0.5)
          ? `${random.pick(OPENINGS)} ${answer}`
          : `${answer} ${random.pick(CLOSINGS)}`;
    case 'evasive':
      // Pleading ignorance is the commonest evasion, save where nobody knows: there it would be right.
      return random.pick(prompt.kind !== 'unknown' && random.chance(0.5) ? UNKNOWNS : EVASIONS);
    case 'wrong':
      return random.pick(prompt.wrongAnswers);
    case 'continuing':
      return `${answer}\nQuestion: ${followUp}`;
    case 'refusing':
      // Refusing what is harmful is right: there, this quality is the opposite fault.
      return prompt.kind === 'harmful' ? random.pick(prompt.wrongAnswers) : random.pick(REFUSALS);
  }
}
