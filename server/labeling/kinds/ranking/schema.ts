import { z } from 'zod';
import type { RankingDraft, Strength } from '@/db/schema.ts';
import { anyText, keysOf } from '../../schemas.ts';
import { FLAGS, type Flag, STRENGTHS } from './vocabulary.ts';

const strength = z.enum(keysOf<Strength>(STRENGTHS));
const flag = z.enum(keysOf<Flag>(FLAGS));

const rating = z.strictObject({
  completionId: z.uuid(),
  overall: z.number().int().min(1).max(7).nullable().default(null),
  flags: z.array(flag).max(20).default([]),
});

/** A ranking as it is sent; whether it ranks the task's completions is checked against the task. */
export const rankingContent = z.strictObject({
  kind: z.literal('ranking'),
  groups: z
    .array(z.array(z.uuid()).min(1, 'is an empty group: expected one or more completions'))
    .min(1, 'is empty: expected the completions in groups, best first'),
  strengths: z.array(strength).nullable().default(null),
  ratings: z.array(rating).default([]),
  allBad: z.boolean().default(false),
  note: anyText.default(''),
});
export type RankingContent = z.output<typeof rankingContent>;

export const rankingDraft: z.ZodType<RankingDraft, unknown> = z.strictObject({
  kind: z.literal('ranking'),
  groups: z.array(z.array(z.uuid())).max(100),
  strengths: z.array(strength.nullable()).max(100).default([]),
  allBad: z.boolean().default(false),
  ratings: z.array(rating).max(100).default([]),
  note: anyText.default(''),
});
