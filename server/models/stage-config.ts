import { ppoConfig } from '@touchstone/trainer/stages/ppo.config.ts';
import { pretrainConfig } from '@touchstone/trainer/stages/pretrain.config.ts';
import { rewardConfig } from '@touchstone/trainer/stages/reward.config.ts';
import { sftConfig } from '@touchstone/trainer/stages/sft.config.ts';
import { parseConfig } from '@touchstone/trainer/stages/shared/parse-config.ts';
import type { z } from 'zod';
import type { RunStage } from '@/db/schema.ts';
import { AppError } from '../errors.ts';

/** A stage's config without the fields that the worker fills in: where its inputs lie and where they came from. */
export type StageSettings = Record<string, unknown>;

const schemas: Record<RunStage, z.ZodObject> = {
  pretrain: pretrainConfig,
  sft: sftConfig,
  reward: rewardConfig,
  ppo: ppoConfig,
};

/** Fields that the worker fills in, with a stand-in by which the rest can be checked beforehand. */
const filledIn: Record<RunStage, Record<string, unknown>> = {
  pretrain: {},
  sft: { model: 'model', demonstrations: 'demonstrations.jsonl' },
  reward: { model: 'model', rankings: 'rankings.jsonl' },
  ppo: { model: 'model', reward: 'reward', prompts: 'prompts.jsonl' },
};

/**
 * Checks the settings of a stage before a run is made of them, and returns them unchanged.
 * @param where names the settings for the person who wrote them, for example "the round's PPO settings"
 * @throws BAD_INPUT that names the key at fault, and the known key nearest to it
 */
export function checkStageSettings(stage: RunStage, settings: StageSettings, where: string): StageSettings {
  for (const key of [...Object.keys(filledIn[stage]), 'lineage']) {
    if (key in settings) {
      throw new AppError(
        'BAD_INPUT',
        `${where}: "${key}" is not set by hand; the worker fills it in from the dataset version and the parent model.`,
      );
    }
  }
  try {
    parseConfig(schemas[stage], { ...settings, ...filledIn[stage] }, where);
  } catch (cause) {
    throw new AppError('BAD_INPUT', cause instanceof Error ? cause.message : String(cause), { cause });
  }
  return settings;
}
