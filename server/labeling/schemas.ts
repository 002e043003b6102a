import { z } from 'zod';
import type { Draft, Message, ProjectSettings, Strength } from '@/db/schema.ts';
import { FLAGS, type Flag, LONGEST_TEXT, SKIP_REASONS, type SkipReason, STRENGTHS } from './vocabulary.ts';

/** Text as Postgres can store it: U+0000 and unpaired surrogates, which it cannot, become U+FFFD. */
export function storable(text: string): string {
  return text.replace(/\0|\p{Surrogate}/gu, '\uFFFD');
}

const anyText = z
  .string()
  .max(LONGEST_TEXT, `is longer than ${LONGEST_TEXT.toLocaleString('en')} characters`)
  .transform(storable);

/** Text in which something must be written. */
export const writtenText = anyText.refine((text) => text.trim() !== '', 'is empty: expected some text');

const keys = <K extends string>(of: Record<K, string>) => Object.keys(of) as [K, ...K[]];
const strength = z.enum(keys<Strength>(STRENGTHS));
const flag = z.enum(keys<Flag>(FLAGS));

/** Names one submission, so that sending it again stores nothing new. */
export const idempotencyKey = z.string().min(8, 'expected at least 8 characters').max(100);

/** Seconds of activity on the page so far. */
export const activeSeconds = z.number().min(0).max(86_400);

const rating = z.strictObject({
  completionId: z.uuid(),
  overall: z.number().int().min(1).max(7).nullable().default(null),
  flags: z.array(flag).max(20).default([]),
});

/** A ranking as it is sent; whether it ranks the task's completions is checked against the task. */
export const rankingContent = z.strictObject({
  groups: z
    .array(z.array(z.uuid()).min(1, 'is an empty group: expected one or more completions'))
    .min(1, 'is empty: expected the completions in groups, best first'),
  strengths: z.array(strength).nullable().default(null),
  ratings: z.array(rating).default([]),
  allBad: z.boolean().default(false),
  note: anyText.default(''),
});
export type RankingContent = z.output<typeof rankingContent>;

export const draftContent: z.ZodType<Draft, unknown> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('demonstration'), text: anyText }),
  z.strictObject({
    kind: z.literal('ranking'),
    groups: z.array(z.array(z.uuid())).max(100),
    strengths: z.array(strength.nullable()).max(100).default([]),
    allBad: z.boolean().default(false),
    ratings: z.array(rating).max(100).default([]),
    note: anyText.default(''),
  }),
]);

export const skipReason = z.enum(keys<SkipReason>(SKIP_REASONS));

/** A conversation whose last turn is the user's. */
export const conversation: z.ZodType<Message[], unknown> = z
  .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: writtenText }))
  .min(1, 'is empty: expected one or more turns')
  .refine((turns) => turns.at(-1)?.role === 'user', 'ends with another turn than the user’s');

/** A project's settings, complete. */
export const projectSettings: z.ZodType<ProjectSettings, ProjectSettings> = z.strictObject({
  wantedLabels: z.strictObject({
    demonstration: z.number().int().min(1).max(1000),
    ranking: z.number().int().min(1).max(1000),
  }),
  leaseSeconds: z.number().int().min(10).max(86_400),
  ratings: z.enum(['off', 'optional', 'required']),
  strengths: z.boolean(),
});

export const DEFAULT_SETTINGS: ProjectSettings = {
  wantedLabels: { demonstration: 1, ranking: 1 },
  leaseSeconds: 15 * 60,
  ratings: 'optional',
  strengths: false,
};
