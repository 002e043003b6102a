import { z } from 'zod';
import { AppError, describeZodError } from '../errors.ts';
import { checkStageSettings } from '../models/stage-config.ts';

const count = z.number().int().min(0).max(10_000_000);
const atLeastOne = z.number().int().min(1).max(100_000);
const stageSettings = z.record(z.string(), z.unknown());

/** Labels that open the gates of the states that wait for people. */
export const roundTargets = z.strictObject({
  /** Demonstrations wanted before supervised fine-tuning. 0: the round goes on from its parent as it is. */
  demonstrations: count,
  /** Rankings wanted before the reward model is fitted. */
  rankings: atLeastOne,
  /** Blind rankings of base, SFT and PPO wanted before the report. */
  votes: count,
});
export type RoundTargets = z.output<typeof roundTargets>;

const generation = {
  temperature: z.number().positive().max(10).default(1),
  topK: z.number().int().positive().optional(),
  topP: z.number().positive().max(1).optional(),
  maxNewTokens: z.number().int().min(1).max(8192).default(48),
};

/** How a round trains, samples and evaluates. */
export const roundConfig = z.strictObject({
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(1),
  sft: stageSettings.default({}),
  reward: stageSettings.default({}),
  ppo: stageSettings.default({}),
  /** What people rank: `completionsPerPrompt` (InstructGPT's K) samples for each prompt. */
  sampling: z
    .strictObject({
      completionsPerPrompt: z.number().int().min(2).max(9).default(4),
      /** Samples drawn for a prompt, of which the first different ones are ranked. */
      samplesPerPrompt: z.number().int().min(2).max(64).default(6),
      trainPrompts: atLeastOne.default(300),
      /** Held-out prompts, on which the reward model's accuracy is measured. */
      validationPrompts: count.default(50),
      /** How many of the held-out prompts a second person ranks too, to measure how far labelers agree. */
      doublePrompts: count.default(50),
      ...generation,
    })
    .prefault({}),
  evaluation: z
    .strictObject({
      /** Evaluation prompts that each of base, SFT and PPO answers. */
      prompts: atLeastOne.default(200),
      /** How many of these people vote on. */
      votePrompts: count.default(100),
      votesPerPrompt: z.number().int().min(1).max(100).default(1),
      ...generation,
    })
    .prefault({}),
});
export type RoundConfig = z.output<typeof roundConfig>;
export type RoundConfigInput = z.input<typeof roundConfig>;

/** What each state was given, pinned on entering it. */
export const roundInputs = z.strictObject({
  /** The model from which this round starts, or the pretraining run that will make it. */
  parentModelId: z.uuid().nullable().default(null),
  pretrainRunId: z.uuid().nullable().default(null),
  /** States that an admin let go on before their target was met. */
  go: z.array(z.string()).default([]),
  demonstrationsVersionId: z.uuid().nullable().default(null),
  sftRunId: z.uuid().nullable().default(null),
  /** The model whose completions are ranked: this round's SFT model, or its parent when nothing was demonstrated. */
  sftModelId: z.uuid().nullable().default(null),
  samplingJobId: z.uuid().nullable().default(null),
  rankingsVersionId: z.uuid().nullable().default(null),
  rewardRunId: z.uuid().nullable().default(null),
  rewardModelId: z.uuid().nullable().default(null),
  ppoRunId: z.uuid().nullable().default(null),
  ppoModelId: z.uuid().nullable().default(null),
  evaluationJobId: z.uuid().nullable().default(null),
});
export type RoundInputs = z.output<typeof roundInputs>;

/** Checks a round's settings before it is launched: a typo fails now, not in the middle of the night. */
export function checkRoundConfig(input: unknown): RoundConfig {
  const parsed = roundConfig.safeParse(input);
  if (!parsed.success) {
    throw new AppError('BAD_INPUT', `The round's settings: ${describeZodError(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  for (const stage of ['sft', 'reward', 'ppo'] as const) {
    checkStageSettings(stage, parsed.data[stage], `The round's ${stage} settings`);
  }
  return parsed.data;
}
