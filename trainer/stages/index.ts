import { rmdirSync } from 'node:fs';
import type { z } from 'zod';
import { runDpo } from './dpo.ts';
import { runPpo } from './ppo.ts';
import { runPretrain } from './pretrain.ts';
import { runReward } from './reward.ts';
import { type StageConfigs, stageSchemas } from './schemas.ts';
import { runSft } from './sft.ts';
import { parseConfig } from './shared/parse-config.ts';
import type { StageContext, StageName, StageResult } from './types.ts';

export { type StageConfigs, stageSchemas } from './schemas.ts';
export { parseConfig } from './shared/parse-config.ts';
export * from './types.ts';

interface Stage<Config> {
  schema: z.ZodObject & z.ZodType<Config>;
  run(config: Config, context: StageContext): Promise<StageResult>;
}

/** Every stage: the schema of its config, and the algorithm. */
export const stages: { [Name in StageName]: Stage<StageConfigs[Name]> } = {
  pretrain: { schema: stageSchemas.pretrain, run: runPretrain },
  sft: { schema: stageSchemas.sft, run: runSft },
  reward: { schema: stageSchemas.reward, run: runReward },
  ppo: { schema: stageSchemas.ppo, run: runPpo },
  dpo: { schema: stageSchemas.dpo, run: runDpo },
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
  try {
    return await parseAndRun(name, config, context, where);
  } catch (error) {
    removeIfEmpty(context.runFolder);
    throw error;
  }
}

function parseAndRun(
  name: StageName,
  config: unknown,
  context: StageContext,
  where: string,
): Promise<StageResult> {
  // One case a stage: a lookup by name would lose which config belongs to which run.
  switch (name) {
    case 'pretrain':
      return runPretrain(parseConfig(stageSchemas.pretrain, config, where), context);
    case 'sft':
      return runSft(parseConfig(stageSchemas.sft, config, where), context);
    case 'reward':
      return runReward(parseConfig(stageSchemas.reward, config, where), context);
    case 'ppo':
      return runPpo(parseConfig(stageSchemas.ppo, config, where), context);
    case 'dpo':
      return runDpo(parseConfig(stageSchemas.dpo, config, where), context);
  }
}

/** A run whose inputs were wrong leaves no folder behind. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It was never made, or holds something.
  }
}
