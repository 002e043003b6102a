import type { Comparison } from '../../data/comparisons.ts';
import type { EncodedExample } from '../../data/demonstrations.ts';
import { readConfig } from '../../model/checkpoint.ts';
import type { ModelConfig } from '../../model/config.ts';
import { type ModelCount, requireMemory, trainingMemory } from '../../model/memory.ts';
import { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { DpoConfig } from '../dpo.config.ts';
import type { PpoConfig } from '../ppo.config.ts';
import type { PretrainConfig } from '../pretrain.config.ts';
import type { RewardConfig } from '../reward.config.ts';
import type { SftConfig } from '../sft.config.ts';

/*
 * What each stage computes at once, for the estimate of its memory. Every function throws a TrainerError when the run
 * does not fit into the memory of this machine or container; the stages call them before they write anything.
 */

export function requirePretrainMemory(config: PretrainConfig): void {
  const { context, width, layers, heads } = config;
  const vocabularySize =
    config.tokenizer === null ? config.vocabularySize : Tokenizer.load(config.tokenizer).vocabularySize;
  requireMemory({
    config: { vocabularySize, contextLength: context, width, layers, heads },
    rows: Math.min(config.microBatchSize ?? config.batchSize, config.batchSize),
    columns: context,
    unit: 'rows',
  });
}

/** Packed rows are nearly full: as many as the tokens of a batch of examples of mean length fill. */
export function requireSftMemory(config: SftConfig, examples: readonly EncodedExample[]): void {
  const model = readConfig(config.model);
  const tokens = examples.reduce((sum, { prompt, response }) => sum + prompt.length + response.length, 0);
  const batch = Math.min(config.batchSize, examples.length) * (tokens / examples.length);
  const rows = Math.ceil(batch / model.contextLength);
  requireMemory({
    config: model,
    rows: Math.min(config.microBatchSize ?? rows, rows),
    columns: model.contextLength,
    unit: 'rows',
  });
}

/** Every completion of a ranking is a row, as long as the longest; the SFT model is read where it writes samples. */
export function requireRewardMemory(config: RewardConfig, rankings: readonly Comparison[]): void {
  requireRankingMemory(config, rankings, config.normalization === 'samples' ? 1 : 0);
}

/** As for a reward model. A reference of its own is freed before the policy learns. */
export function requireDpoMemory(config: DpoConfig, rankings: readonly Comparison[]): void {
  requireRankingMemory(config, rankings, 0);
}

function requireRankingMemory(
  config: { model: string; batchSize: number; microBatchSize: number | null },
  rankings: readonly Comparison[],
  frozen: number,
): void {
  let columns = 0;
  let completions = 0;
  for (const { sequences } of rankings) {
    completions = Math.max(completions, sequences.length);
    for (const sequence of sequences) columns = Math.max(columns, sequence.length);
  }
  const batch = Math.min(config.batchSize, rankings.length);
  requireMemory({
    config: readConfig(config.model),
    rows: Math.min(config.microBatchSize ?? batch, batch) * completions,
    columns,
    unit: 'rankings',
    rowsPerUnit: completions,
    models: { frozen, learning: 1 },
  });
}

/**
 * Policy and value model learn, in turn; reference and reward model are only read, as is the average of the policy's weights
 * where there is one. The reward model, and the value model with it, can be of another size than the policy.
 */
export function requirePpoMemory(config: PpoConfig): void {
  const policy = readConfig(config.model);
  const reward = readConfig(config.reward);
  const minibatch = config.batchSize / config.minibatches;
  const rows = Math.min(config.microBatchSize ?? minibatch, minibatch);
  const columns = Math.min(policy.contextLength, reward.contextLength);
  const ofPolicy = { frozen: config.emaDecay === null ? 1 : 2, learning: 1 };
  const ofReward = { frozen: 1, learning: 1 };
  const step = { rows, columns, unit: 'episodes' };
  requireMemory({ ...step, config: policy, models: ofPolicy, besides: heldBytes(reward, ofReward) });
  requireMemory({ ...step, config: reward, models: ofReward, besides: heldBytes(policy, ofPolicy) });
}

/** What models take while another one learns: weights and moments. */
function heldBytes(config: ModelConfig, models: ModelCount): number {
  const { weights, moments } = trainingMemory(config, { rows: 1, columns: 1 }, models);
  return weights + moments;
}
