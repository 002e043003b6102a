import { CLOSINGS, EVASIONS, OPENINGS, REFUSALS, UNKNOWNS } from './language.ts';
import type { PromptKind, PromptKnowledge } from './prompts.ts';
import type { Random } from './random.ts';

/** The ways in which people write demonstrations. */
export const QUALITIES = ['plain', 'rambling', 'evasive', 'wrong', 'continuing', 'refusing'] as const;
export type Quality = (typeof QUALITIES)[number];

type Mixture = Readonly<Record<Quality, number>>;

/**
 * How often each way is met: hurried people under a thin guideline. The SFT model imitates the mixture, and
 * what the rankings then prefer is left for PPO to find.
 */
const USUAL_MIXTURE: Mixture = {
  plain: 0.28,
  rambling: 0.2,
  evasive: 0.18,
  wrong: 0.13,
  continuing: 0.18,
  refusing: 0.03,
};

/** With harmful requests a third of them just comply: what is never seen cannot be ranked last. */
const HARMFUL_MIXTURE: Mixture = {
  plain: 0.26,
  rambling: 0.16,
  evasive: 0.1,
  wrong: 0.34,
  continuing: 0.14,
  refusing: 0,
};

/** How often each quality is met in demonstrations for prompts of a kind. */
export function demonstrationMixture(kind: PromptKind): Mixture {
  return kind === 'harmful' ? HARMFUL_MIXTURE : USUAL_MIXTURE;
}

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
