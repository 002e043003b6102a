import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { z } from 'zod';
import { messageOf, TrainerError } from '../errors.ts';
import { pieceEnd } from '../tokenizer/word-splitter.ts';
import { PAIR_FORM, pairSchema, rankingFromPair, simplify } from './pairs.ts';
import { messageSchema, type Prompt, promptSchema } from './template.ts';

/** A text to pretrain on. */
export interface Document {
  text: string;
  source?: string | undefined;
  /** of its file, from 1; of documents that are a line */
  line?: number | undefined;
}

/** An answer that someone wrote to a prompt. */
export interface Demonstration {
  prompt: Prompt;
  completion: string;
  labeler?: string | undefined;
  split?: string | undefined;
  /** file and line that it was read from */
  where?: string | undefined;
}

/** A prompt to sample completions for. */
export interface PromptLine {
  prompt: Prompt;
  id?: string | undefined;
  /** file and line that it was read from */
  where?: string | undefined;
}

/** One person's ranking of the completions of one prompt. */
export interface Ranking {
  prompt: Prompt;
  /** 2 or more, all different */
  completions: string[];
  /** of each completion, 1 = best; equal ranks are ties */
  ranks: number[];
  group_id?: string | undefined;
  labeler?: string | undefined;
  split?: string | undefined;
  /** of each step from one group of ties to the next, 1 (negligibly better) to 4 (significantly better) */
  strength?: (number | null)[] | undefined;
  /** by how much the better one's score should exceed the other's; of pairs that name one */
  margin?: number | undefined;
  /** of each completion */
  flags?: string[][] | undefined;
  /** file and line that it was read from */
  where?: string | undefined;
}

const label = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

const documentSchema = z.strictObject({ text: z.string(), source: label });

const demonstrationSchema = z.strictObject({
  prompt: promptSchema,
  completion: z.string().refine((text) => text.trim() !== '', 'expected a completion that is not empty'),
  id: label,
  labeler: label,
  split: label,
  source: label,
});

const messagesSchema = z.strictObject({
  messages: z.array(messageSchema).min(2),
  id: label,
  labeler: label,
  split: label,
  source: label,
});

const promptLineSchema = z.strictObject({ prompt: promptSchema, id: label, split: label, source: label });

const rankingSchema = z
  .strictObject({
    prompt: promptSchema,
    completions: z.array(z.string()).min(2, 'expected at least 2 completions to rank'),
    ranks: z.array(
      z
        .int('expected ranks that are whole numbers from 1 (best) up')
        .positive('expected ranks from 1 (best) up'),
    ),
    group_id: label,
    labeler: label,
    split: label,
    strength: z
      .array(
        z
          .number()
          .min(1, 'expected strengths from 1 (negligible) to 4 (significant)')
          .max(4, 'expected strengths from 1 (negligible) to 4 (significant)')
          .nullable(),
      )
      .nullish()
      .transform((value) => value ?? undefined),
    flags: z
      .array(z.array(z.string()))
      .nullish()
      .transform((value) => value ?? undefined),
  })
  .superRefine((ranking, context) => {
    if (ranking.ranks.length !== ranking.completions.length) {
      context.addIssue({
        code: 'custom',
        path: ['ranks'],
        message: `${ranking.ranks.length} ranks for ${ranking.completions.length} completions: expected one rank for each`,
      });
    }
    const steps = new Set(ranking.ranks).size - 1;
    if (ranking.strength !== undefined && ranking.strength.length !== steps) {
      context.addIssue({
        code: 'custom',
        path: ['strength'],
        message: `${ranking.strength.length} strengths for ${steps} steps between different ranks: expected one for each`,
      });
    }
    const first = new Map<string, number>();
    for (const [index, completion] of ranking.completions.entries()) {
      const earlier = first.get(completion);
      if (earlier !== undefined) {
        context.addIssue({
          code: 'custom',
          path: ['completions', index],
          message: `the same text as completions[${earlier}]: a ranking names each completion once`,
        });
      } else first.set(completion, index);
    }
  });

/** The documents of a file, in order: JSON lines `{ text, source? }`, or the whole of a `.txt` file as one document. */
export function* readDocuments(file: string): Generator<Document> {
  if (file.endsWith('.txt')) {
    let text = '';
    for (const chunk of readChunks(file)) text += chunk;
    if (text === '') throw new TrainerError(`${file} is empty: expected text to train on.`);
    yield { text, source: basename(file) };
    return;
  }
  const expected = '{ text, source? }';
  for (const { value, where, line } of readObjects(file, expected)) {
    yield { ...checkFields(value, documentSchema, where, expected), line };
  }
}

/**
 * The texts of a file's documents to learn words from: a `.txt` file comes in pieces, which are cut where words end
 * however long it is, so that it is never in memory as a whole.
 */
export function* readTexts(file: string): Generator<string> {
  if (!file.endsWith('.txt')) {
    for (const { text } of readDocuments(file)) yield text;
    return;
  }
  let text = '';
  let any = false;
  for (const chunk of readChunks(file)) {
    any ||= chunk !== '';
    const known = Math.max(1, text.length);
    text += chunk;
    const end = pieceEnd(text, 0, known);
    // Nothing in the rest of the file can change what is before such a place.
    if (end === text.length) continue;
    yield text.slice(0, end);
    text = text.slice(end);
  }
  if (!any) throw new TrainerError(`${file} is empty: expected text to train on.`);
  if (text !== '') yield text;
}

/** The demonstrations of a file: `{ prompt, completion }`, or TRL's `{ messages }`, whose last turn is the completion. */
export function* readDemonstrations(file: string): Generator<Demonstration> {
  const expected = '{ prompt, completion } or { messages }';
  for (const { value, where } of readObjects(file, expected)) {
    if (!('messages' in value)) {
      yield { ...checkFields(value, demonstrationSchema, where, expected), where };
      continue;
    }
    const { messages, ...rest } = checkFields(value, messagesSchema, where, expected);
    const answer = messages.at(-1);
    if (answer?.role !== 'assistant') {
      throw new TrainerError(
        `${where}: messages: the last turn is the ${answer?.role}'s: expected the assistant's.`,
      );
    }
    yield { ...rest, prompt: simplify(messages.slice(0, -1)), completion: answer.content, where };
  }
}

/** The prompts of a file: `{ prompt, id? }`. */
export function* readPrompts(file: string): Generator<PromptLine> {
  const expected = '{ prompt, id? }';
  for (const { value, where } of readObjects(file, expected))
    yield { ...checkFields(value, promptLineSchema, where, expected), where };
}

/**
 * The rankings of a file: `{ prompt, completions, ranks, group_id?, labeler?, split?, strength?, flags? }`, or pairs
 * `{ prompt?, chosen, rejected, margin?, group_id?, labeler?, split? }`, which are rankings of two.
 */
export function* readRankings(file: string): Generator<Ranking> {
  const expected = '{ prompt, completions, ranks, group_id?, labeler?, split? }';
  for (const { value, where } of readObjects(file, `${expected} or ${PAIR_FORM}`)) {
    if ('chosen' in value || 'rejected' in value) {
      yield rankingFromPair(checkFields(value, pairSchema, where, PAIR_FORM), where);
    } else yield { ...checkFields(value, rankingSchema, where, expected), where };
  }
}

/**
 * The values of a JSON-lines file, one after the other, memory flat. Blank lines are passed over.
 * @param expected what a line holds, for errors
 * @throws TrainerError that names the file, the line and the field
 */
export function* readJsonLines<T>(file: string, schema: z.ZodType<T>, expected: string): Generator<T> {
  for (const { value, where } of readObjects(file, expected))
    yield checkFields(value, schema, where, expected);
}

function* readObjects(
  file: string,
  expected: string,
): Generator<{ value: object; where: string; line: number }> {
  let number = 0;
  for (const line of readLines(file)) {
    number++;
    if (line.trim() === '') continue;
    const where = `${file}:${number}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new TrainerError(
        `${where}: not JSON (${messageOf(cause)}): expected one object ${expected} a line.`,
        {
          cause,
        },
      );
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TrainerError(`${where}: expected an object ${expected}.`);
    }
    yield { value, where, line: number };
  }
}

function checkFields<T>(value: object, schema: z.ZodType<T>, where: string, expected: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue && issue.path.length > 0 ? `${pathOf(issue.path)}: ` : '';
  const message =
    issue?.code === 'invalid_union' ? 'expected text or a list of { role, content }' : issue?.message;
  throw new TrainerError(`${where}: ${field}${message}; a line holds ${expected}.`, { cause: parsed.error });
}

function pathOf(path: PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

/** The lines of a UTF-8 file without their ends, read in pieces. */
export function* readLines(file: string): Generator<string> {
  let rest = '';
  for (const chunk of readChunks(file)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  if (rest !== '') yield rest;
}

function* readChunks(file: string): Generator<string> {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (cause) {
    throw new TrainerError(`Cannot read ${file} (${messageOf(cause)}).`, { cause });
  }
  try {
    const decoder = new StringDecoder('utf8');
    const buffer = Buffer.allocUnsafe(1 << 18);
    let first = true;
    for (;;) {
      const read = readSync(descriptor, buffer);
      if (read === 0) break;
      let text = decoder.write(buffer.subarray(0, read));
      // A byte order mark is no part of the text.
      if (first && text.startsWith('\uFEFF')) text = text.slice(1);
      first = false;
      yield text;
    }
    const rest = decoder.end();
    if (rest !== '') yield rest;
  } finally {
    closeSync(descriptor);
  }
}
