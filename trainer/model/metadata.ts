import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, TrainerError } from '../errors.ts';

export const METADATA_FILE = 'touchstone.json';

/** `touchstone.json`: where a checkpoint comes from, and what was measured of it. */
export const touchstoneMetadataSchema = z.strictObject({
  /** which stage made it */
  stage: z.enum(['pretrain', 'sft', 'reward', 'ppo', 'dpo']),
  /** optimizer steps, or iterations of PPO, behind it */
  step: z.int().nonnegative().optional(),
  /** the checkpoint that training started from; null for a model trained from nothing */
  parent: z.string().nullable(),
  /** the dataset version and the hash of its content; null when trained on files without one */
  dataset: z.strictObject({ version: z.string(), hash: z.string() }).nullable(),
  /** the stage's whole configuration */
  config: z.record(z.string(), z.unknown()),
  seed: z.number(),
  codeVersion: z.string(),
  metrics: z.record(z.string(), z.number()),
  /** a reward model's normalisation: reward = gain · score + bias */
  rewardGain: z.number().optional(),
  rewardBias: z.number().optional(),
});

export type TouchstoneMetadata = z.infer<typeof touchstoneMetadataSchema>;

/**
 * A checkpoint's lineage; null for a folder that someone else made.
 * @throws TrainerError when the file is there and is not as expected
 */
export function readMetadata(folder: string): TouchstoneMetadata | null {
  const file = join(folder, METADATA_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw new TrainerError(`Cannot read ${file} (${messageOf(cause)}).`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TrainerError(`${file}: not JSON (${messageOf(cause)}).`, { cause });
  }
  const parsed = touchstoneMetadataSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TrainerError(`${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}.`, {
    cause: parsed.error,
  });
}
