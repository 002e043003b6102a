import { z } from 'zod';
import type { DemonstrationDraft } from '@/db/schema.ts';
import { anyText, conversation, keysOf, writtenText } from '../../schemas.ts';
import { CLOSING_QUESTIONS, type ClosingQuestion } from './vocabulary.ts';

const checklist = z
  .array(z.enum(keysOf<ClosingQuestion>(CLOSING_QUESTIONS)))
  .max(10)
  .default([]);

/** A demonstration as it is sent. */
export const demonstrationContent = z.strictObject({
  kind: z.literal('demonstration'),
  /** The answer that the model should give. */
  text: writtenText,
  /** The prompt, when the task asks for that too. */
  prompt: conversation.nullable().default(null),
  checklist,
});
export type DemonstrationContent = z.output<typeof demonstrationContent>;

const turn = z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: anyText });

export const demonstrationDraft: z.ZodType<DemonstrationDraft, unknown> = z.strictObject({
  kind: z.literal('demonstration'),
  text: anyText,
  prompt: z.array(turn).max(100).nullable().default(null),
  checklist,
});
