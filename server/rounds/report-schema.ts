import { z } from 'zod';

const interval = z.strictObject({ mean: z.number(), low: z.number(), high: z.number() });
const slot = z.enum(['base', 'sft', 'ppo']);
const bySlot = <T extends z.ZodType>(value: T) => z.strictObject({ base: value, sft: value, ppo: value });
const model = z.strictObject({ id: z.uuid(), name: z.string(), kind: z.string() }).nullable();

/** Gold scores, which only a made-up world has. */
const goldFigures = z.strictObject({
  score: bySlot(interval),
  winRate: z.strictObject({ sftOverBase: interval, ppoOverSft: interval, ppoOverBase: interval }),
});
export type GoldFigures = z.output<typeof goldFigures>;

/** How often one model's answer was preferred to another's, ties as half; 95 % interval over prompts. */
const preference = z.strictObject({ ...interval.shape, model: slot, over: slot, votes: z.number().int() });
export type Preference = z.output<typeof preference>;

/** Everything that a round's report page draws. Rates from 0 to 1; intervals are 95 %. */
export const roundReport = z.strictObject({
  models: z.strictObject({ base: model, sft: model, ppo: model, reward: model }),
  /** Blind human preference. Empty when nobody voted. */
  preferences: z.array(preference),
  /** Normalised reward-model score of the answers. */
  rewardScore: bySlot(interval),
  rewardModel: z.strictObject({
    /** On pairs of held-out prompts; null when no prompt was held out. */
    accuracy: interval.nullable(),
    /** How often two labelers agree on a pair that neither ties; null without doubly ranked prompts. */
    labelerAgreement: z.strictObject({ ...interval.shape, pairs: z.number().int() }).nullable(),
  }),
  /** KL of PPO to SFT, in nats per answer. */
  kl: z.number(),
  /** Nats per token. */
  entropy: bySlot(z.number()),
  distinctBigrams: bySlot(z.number()),
  /** Share of answers that ended by themselves, and their mean length in tokens. */
  finished: bySlot(z.number()),
  length: bySlot(z.number()),
  /** Seconds from entering each state to leaving it; `pretrain` is the base model's run, when the round waited for it. */
  seconds: z.record(z.string(), z.number()),
  labels: z.strictObject({
    demonstrations: z.number().int(),
    rankings: z.number().int(),
    votes: z.number().int(),
    labelers: z.number().int(),
  }),
  /** How often a run of this round was picked up again. */
  resumed: z.number().int(),
  /** The reward model's score rose while people preferred the SFT model's answers. */
  overOptimised: z.boolean(),
  samples: z.array(z.strictObject({ prompt: z.string(), answers: bySlot(z.string()) })),
  gold: goldFigures.optional(),
});
export type RoundReport = z.output<typeof roundReport>;
