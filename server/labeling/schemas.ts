import { z } from 'zod';
import type { Message, ProjectSettings } from '@/db/schema.ts';
import { LONGEST_TEXT, SKIP_REASONS, type SkipReason } from './vocabulary.ts';

/** Text as Postgres can store it: U+0000 and unpaired surrogates, which it cannot, become U+FFFD. */
export function storable(text: string): string {
  return text.replace(/\0|\p{Surrogate}/gu, '\uFFFD');
}

/** Any text that fits. */
export const anyText = z
  .string()
  .max(LONGEST_TEXT, `is longer than ${LONGEST_TEXT.toLocaleString('en')} characters`)
  .transform(storable);

/** Text in which something must be written. */
export const writtenText = anyText.refine((text) => text.trim() !== '', 'is empty: expected some text');

/** The keys of a vocabulary, for `z.enum`. */
export const keysOf = <K extends string>(of: Record<K, string>) => Object.keys(of) as [K, ...K[]];

/** Names one submission, so that sending it again stores nothing new. */
export const idempotencyKey = z.string().min(8, 'expected at least 8 characters').max(100);

/** Seconds of activity on the page so far. */
export const activeSeconds = z.number().min(0).max(86_400);

export const skipReason = z.enum(keysOf<SkipReason>(SKIP_REASONS));

/** A conversation whose last turn is the user's. */
export const conversation: z.ZodType<Message[], unknown> = z
  .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: writtenText }))
  .min(1, 'is empty: expected one or more turns')
  .refine((turns) => turns.at(-1)?.role === 'user', 'ends with another turn than the user’s');

const share = z.number().min(0).max(1);
const labels = z.number().int().min(1).max(1000);

/** A project's settings, complete. */
export const projectSettings: z.ZodType<ProjectSettings, ProjectSettings> = z.strictObject({
  wantedLabels: z.strictObject({ demonstration: labels, ranking: labels, review: labels }),
  leaseSeconds: z.number().int().min(10).max(86_400),
  ratings: z.enum(['off', 'optional', 'required']),
  strengths: z.boolean(),
  gold: z.strictObject({ rate: z.number().min(0).max(0.5), shown: z.boolean() }),
  screening: z.strictObject({ tasks: z.number().int().min(1).max(100), pass: share }).nullable(),
  dailyCap: z.number().int().min(1).max(100_000).nullable(),
  review: z.strictObject({
    agreementBelow: share.nullable(),
    rewardMargin: z.number().min(0).max(100).nullable(),
    sampled: share,
  }),
});

export const DEFAULT_SETTINGS: ProjectSettings = {
  wantedLabels: { demonstration: 1, ranking: 1, review: 1 },
  leaseSeconds: 15 * 60,
  ratings: 'optional',
  strengths: false,
  gold: { rate: 0, shown: false },
  screening: null,
  dailyCap: null,
  review: { agreementBelow: null, rewardMargin: null, sampled: 0 },
};
