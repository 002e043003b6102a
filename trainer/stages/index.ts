import type { z } from 'zod';
import { type PpoConfig, ppoConfig } from './ppo.config.ts';
import { runPpo } from './ppo.ts';
import { type PretrainConfig, pretrainConfig } from './pretrain.config.ts';
import { runPretrain } from './pretrain.ts';
import { type RewardConfig, rewardConfig } from './reward.config.ts';
import { runReward } from './reward.ts';
import { type SftConfig, sftConfig } from './sft.config.ts';
import { runSft } from './sft.ts';
import { parseConfig } from './shared/parse-config.ts';
import type { StageContext, StageName, StageResult } from './types.ts';

export { parseConfig } from './shared/parse-config.ts';
export * from './types.ts';

interface Stage<Config> {
  schema: z.ZodObject & z.ZodType<Config>;
  run(config: Config, context: StageContext): Promise<StageResult>;
}

/** The config of each stage. */
export interface StageConfigs {
  pretrain: PretrainConfig;
  sft: SftConfig;
  reward: RewardConfig;
  ppo: PpoConfig;
}

/** Every stage: the schema of its config, and the algorithm. */
export const stages: { [Name in StageName]: Stage<StageConfigs[Name]> } = {
  pretrain: { schema: pretrainConfig, run: runPretrain },
  sft: { schema: sftConfig, run: runSft },
  reward: { schema: rewardConfig, run: runReward },
  ppo: { schema: ppoConfig, run: runPpo },
};

/**
 * Parses a config and runs its stage.
 *
 * @param where what the person would look at when the config is wrong: a file's path, or "the ppo config"
 * @throws TrainerError when the config, the inputs or the run folder are not as expected
 */
export async function runStage(
  name: StageName,
  config: unknown,
  context: StageContext,
  where = `the ${name} config`,
): Promise<StageResult> {
  switch (name) {
    case 'pretrain':
      return runPretrain(parseConfig(pretrainConfig, config, where), context);
    case 'sft':
      return runSft(parseConfig(sftConfig, config, where), context);
    case 'reward':
      return runReward(parseConfig(rewardConfig, config, where), context);
    case 'ppo':
      return runPpo(parseConfig(ppoConfig, config, where), context);
  }
}
