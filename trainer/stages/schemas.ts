import type { z } from 'zod';
import { type DpoConfig, dpoConfig } from './dpo.config.ts';
import { type PpoConfig, ppoConfig } from './ppo.config.ts';
import { type PretrainConfig, pretrainConfig } from './pretrain.config.ts';
import { type RewardConfig, rewardConfig } from './reward.config.ts';
import { type SftConfig, sftConfig } from './sft.config.ts';
import type { StageName } from './types.ts';

/** The config of each stage. */
export interface StageConfigs {
  pretrain: PretrainConfig;
  sft: SftConfig;
  reward: RewardConfig;
  ppo: PpoConfig;
  dpo: DpoConfig;
}

/** The schema of each stage's config. Imports no tensor library: web pages and `--help` read it. */
export const stageSchemas: { [Name in StageName]: z.ZodObject & z.ZodType<StageConfigs[Name]> } = {
  pretrain: pretrainConfig,
  sft: sftConfig,
  reward: rewardConfig,
  ppo: ppoConfig,
  dpo: dpoConfig,
};
