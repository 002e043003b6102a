import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TrainerError } from '../../errors.ts';
import { loadTokenizer, saveCheckpoint } from '../../model/checkpoint.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import type { ScalarModel } from '../../model/scalar-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { StageName } from '../types.ts';
import { trainerVersion } from './version.ts';

interface Lineage {
  parent: string | null;
  dataset: { version: string; hash: string } | null;
}

/** What touchstone.json says about a checkpoint that a stage writes. */
export interface CheckpointInfo {
  stage: StageName;
  config: { seed: number; lineage: Lineage; model?: string } & Record<string, unknown>;
  step: number;
  metrics: Record<string, number>;
  /** Normalisation of a reward model's score: gain · score + bias. */
  normalization?: { gain: number; bias: number };
}

/** Writes a model as a Hugging Face folder, with its lineage. */
export async function saveModel(
  folder: string,
  model: LanguageModel | ScalarModel,
  tokenizer: Tokenizer,
  { stage, config, step, metrics, normalization }: CheckpointInfo,
): Promise<void> {
  const finite = Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
  await saveCheckpoint(folder, {
    model,
    tokenizer,
    metadata: {
      stage,
      step,
      parent: config.lineage.parent ?? config.model ?? null,
      dataset: config.lineage.dataset,
      config,
      seed: config.seed,
      codeVersion: trainerVersion(),
      metrics: finite,
      ...(normalization ? { rewardGain: normalization.gain, rewardBias: normalization.bias } : {}),
    },
  });
}

/** The files that hold a checkpoint's weights: what a run that reads them anew when it resumes depends on. */
export function weightFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.safetensors'))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Makes sure that two checkpoints read the same tokens.
 *
 * @throws TrainerError that names both folders
 */
export function requireSameTokenizer(folder: string, other: string): void {
  if (!loadTokenizer(folder).matches(loadTokenizer(other))) {
    throw new TrainerError(
      `The tokenizers of ${folder} and ${other} differ: expected two that were trained from one model, so that both read the same tokens.`,
    );
  }
}
