import { z } from 'zod';

/** The three models that a round compares. */
export const SLOTS = ['base', 'sft', 'ppo'] as const;
export type Slot = (typeof SLOTS)[number];

const bySlot = z.strictObject({ base: z.number(), sft: z.number(), ppo: z.number() });

/** What the evaluation job leaves besides the completions: figures that need the models at hand. */
export const evaluationResult = z.strictObject({
  prompts: z.number().int(),
  /** Mean entropy of the next token while writing, in nats. */
  entropy: bySlot,
  /** Share of different bigrams among all bigrams of the answers. */
  distinctBigrams: bySlot,
  /** KL of the policy to the SFT model per answer, in nats, on the policy's own answers (the k1 estimate). */
  kl: z.number(),
  seconds: z.number(),
});
export type EvaluationResult = z.output<typeof evaluationResult>;
