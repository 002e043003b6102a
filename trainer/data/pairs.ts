import { z } from 'zod';
import { TrainerError } from '../errors.ts';
import type { Ranking } from './json-lines.ts';
import { type Message, messageSchema, type Prompt, promptSchema } from './template.ts';

/** What a line of a pair file holds, for errors. */
export const PAIR_FORM = '{ prompt, chosen, rejected }';

const answerSchema = z.union([z.string(), z.array(messageSchema).min(1)]);

const label = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

/**
 * TRL's preference pairs, with a prompt or with the prompt as the turns that both conversations begin with. Texts are
 * strings or lists of turns.
 */
export const pairSchema = z.strictObject({
  prompt: promptSchema.optional(),
  chosen: answerSchema,
  rejected: answerSchema,
  margin: z
    .number()
    .nonnegative('expected a margin from 0 up')
    .nullish()
    .transform((value) => value ?? undefined),
  group_id: label,
  labeler: label,
  split: label,
});

/**
 * A pair as what it is: a ranking of two completions.
 * @param where file and line, for errors
 * @throws TrainerError that names the place and the field
 */
export function rankingFromPair(pair: z.output<typeof pairSchema>, where: string): Ranking {
  const { prompt: given, chosen, rejected, ...labels } = pair;
  const [better, worse] =
    given === undefined
      ? [lastTurn(chosen, 'chosen', where), lastTurn(rejected, 'rejected', where)]
      : [onlyTurn(chosen, 'chosen', where), onlyTurn(rejected, 'rejected', where)];
  const prompt = given ?? sharedPrompt(chosen, rejected, where);
  if (better === worse) {
    throw new TrainerError(`${where}: rejected: the same text as chosen: expected two completions.`);
  }
  return { prompt: simplify(prompt), completions: [better, worse], ranks: [1, 2], ...labels, where };
}

/** A conversation of one user's turn is that turn's text. */
export function simplify(prompt: Prompt): Prompt {
  if (typeof prompt === 'string') return prompt;
  const [only] = prompt;
  return prompt.length === 1 && only?.role === 'user' ? only.content : prompt;
}

function onlyTurn(answer: string | Message[], field: string, where: string): string {
  if (typeof answer === 'string') return answer;
  const [turn] = answer;
  if (answer.length !== 1 || turn?.role !== 'assistant') {
    throw new TrainerError(
      `${where}: ${field}: beside a prompt, expected text or one turn of the assistant.`,
    );
  }
  return turn.content;
}

function lastTurn(answer: string | Message[], field: string, where: string): string {
  const turn = typeof answer === 'string' ? undefined : answer.at(-1);
  if (turn?.role !== 'assistant' || answer.length < 2) {
    throw new TrainerError(
      `${where}: ${field}: without a prompt, expected a conversation that ends with the assistant's turn.`,
    );
  }
  return turn.content;
}

function sharedPrompt(chosen: string | Message[], rejected: string | Message[], where: string): Prompt {
  const before = typeof chosen === 'string' ? [] : chosen.slice(0, -1);
  if (JSON.stringify(before) !== JSON.stringify(rejected.slice(0, -1))) {
    throw new TrainerError(`${where}: chosen and rejected: expected the same turns before the last one.`);
  }
  return before;
}
