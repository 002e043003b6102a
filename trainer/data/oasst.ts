import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  type Demonstration,
  type Document,
  type PromptLine,
  type Ranking,
  readJsonLines,
} from './json-lines.ts';
import { simplify } from './pairs.ts';
import type { Message } from './template.ts';

const EXPECTED =
  'an Open-Assistant tree { message_tree_id, prompt: { message_id, role, text, replies: […] } }';

interface TreeMessage {
  message_id: string;
  role: 'prompter' | 'assistant';
  text: string;
  rank?: number | null | undefined;
  deleted?: boolean | null | undefined;
  synthetic?: boolean | null | undefined;
  lang?: string | null | undefined;
  replies?: TreeMessage[] | undefined;
}

const wholeFromZero = 'expected a whole number from 0 (best) up';

// Not strict about further keys: the published dumps differ in what else they say of a message.
const messageSchema: z.ZodType<TreeMessage, unknown> = z.object({
  message_id: z.string().min(1),
  role: z.enum(['prompter', 'assistant'], { error: 'expected prompter or assistant' }),
  text: z.string().refine((text) => text.trim() !== '', 'expected text that is not empty'),
  rank: z.int(wholeFromZero).min(0, wholeFromZero).nullish(),
  deleted: z.boolean().nullish(),
  synthetic: z.boolean().nullish(),
  lang: z.string().nullish(),
  get replies() {
    return z.array(messageSchema).optional();
  },
});

const treeSchema = z
  .object({ message_tree_id: z.string().min(1), prompt: messageSchema })
  .superRefine(({ prompt }, context) => {
    const visit = (node: TreeMessage, expected: TreeMessage['role'], path: (string | number)[]): void => {
      if (node.role !== expected) {
        context.addIssue({
          code: 'custom',
          path: [...path, 'role'],
          message: `${node.role} out of turn: expected ${expected}`,
        });
      }
      const next = expected === 'prompter' ? 'assistant' : 'prompter';
      for (const [i, reply] of (node.replies ?? []).entries()) visit(reply, next, [...path, 'replies', i]);
    };
    visit(prompt, 'prompter', ['prompt']);
  });

type Split = 'train' | 'validation';

/** What trees hold, in the forms that the stages read. Everything of one tree is on one side of the split. */
export interface ConvertedTrees {
  trees: number;
  /** each message's text once */
  documents: (Document & { split: Split })[];
  prompts: (PromptLine & { split: Split })[];
  demonstrations: (Demonstration & { split: Split })[];
  rankings: (Ranking & { split: Split })[];
}

export interface ConvertOptions {
  /** share of trees held out, by a hash of their identifiers */
  validationFraction: number;
  /** only messages in this language, and what hangs on them; all if left out */
  language?: string | undefined;
}

/**
 * Converts Open-Assistant conversation trees (Köpf et al. 2023), one a line. Every prompter's turn, with the turns before
 * it, is a prompt. Its ranked replies are one ranking (rank 0 is best, equal ranks tie); the best-ranked reply that a
 * person wrote, or the only reply, is a demonstration. Deleted messages, and what hangs below them, stay out; of replies
 * with one text the best-ranked counts.
 *
 * @throws TrainerError that names file, line and field
 */
export function convertTrees(file: string, { validationFraction, language }: ConvertOptions): ConvertedTrees {
  const converted: ConvertedTrees = {
    trees: 0,
    documents: [],
    prompts: [],
    demonstrations: [],
    rankings: [],
  };
  const isKept = ({ deleted, lang }: TreeMessage): boolean =>
    !deleted && (language === undefined || !lang || lang === language);

  const visit = (node: TreeMessage, before: readonly Message[], split: Split): void => {
    converted.documents.push({ text: node.text, source: node.role, split });
    const isPrompt = node.role === 'prompter';
    const messages: Message[] = [...before, { role: isPrompt ? 'user' : 'assistant', content: node.text }];
    const replies = (node.replies ?? []).filter(isKept);
    if (isPrompt) addPrompt(converted, node.message_id, messages, replies, split);
    for (const reply of replies) visit(reply, messages, split);
  };
  for (const { message_tree_id, prompt } of readJsonLines(file, treeSchema, EXPECTED)) {
    converted.trees++;
    const split = shareOf(message_tree_id) < validationFraction ? 'validation' : 'train';
    if (isKept(prompt)) visit(prompt, [], split);
  }
  return converted;
}

function addPrompt(
  converted: ConvertedTrees,
  id: string,
  messages: Message[],
  replies: readonly TreeMessage[],
  split: Split,
): void {
  const prompt = simplify(messages);
  converted.prompts.push({ prompt, id, split });
  const ranked = distinct(
    replies
      .flatMap(({ text, rank, synthetic }) => (typeof rank === 'number' ? [{ text, rank, synthetic }] : []))
      .sort((a, b) => a.rank - b.rank),
  );
  const candidates = replies.length === 1 ? replies : ranked;
  const written = candidates.find(({ synthetic }) => !synthetic);
  if (written) converted.demonstrations.push({ prompt, completion: written.text, split });
  if (ranked.length < 2) return;
  converted.rankings.push({
    prompt,
    completions: ranked.map(({ text }) => text),
    ranks: ranked.map(({ rank }) => rank + 1),
    group_id: id,
    split,
  });
}

/** The first of those with one text. */
function distinct<Reply extends { text: string }>(replies: readonly Reply[]): Reply[] {
  return replies.filter(({ text }, i) => replies.findIndex((other) => other.text === text) === i);
}

/** A number from 0 to 1 that is a tree's own. */
function shareOf(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0) / 2 ** 32;
}
