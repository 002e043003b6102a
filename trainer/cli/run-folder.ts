import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { messageOf, TrainerError } from '../errors.ts';
import type { NamedModel } from '../evaluation/models.ts';

/** What a folder says of the run in it, without loading its weights. */
export interface RunInFolder {
  stage: string;
  /** The whole config that it began with. */
  config: Record<string, unknown>;
  /** 'begun': reported something, but saved no state yet. */
  status: 'begun' | 'saved' | 'finished';
  /** The step that it would go on from, or the last one. */
  step: number;
}

const identitySchema = z.object({ stage: z.string(), config: z.record(z.string(), z.unknown()) });
const stateSchema = z.object({ identity: z.string(), step: z.number() });
const resultSchema = z.object({ identity: z.string(), steps: z.number() });

/**
 * Reads which run a folder holds; null when it holds none.
 *
 * @throws TrainerError for a file that is there and cannot be read
 */
export function readRunInFolder(folder: string): RunInFolder | null {
  const result = readIfThere(folder, 'result.json', resultSchema);
  if (result) return { ...identityOf(folder, result.identity), status: 'finished', step: result.steps };
  const state = readIfThere(folder, 'state.json', stateSchema);
  if (state) return { ...identityOf(folder, state.identity), status: 'saved', step: state.step };
  const run = readIfThere(folder, 'run.json', identitySchema);
  return run ? { ...run, status: 'begun', step: 0 } : null;
}

/** The checkpoints that a run kept on its way, by step. @throws TrainerError when there is none */
export function keptCheckpoints(runFolder: string): NamedModel[] {
  const folder = join(runFolder, 'checkpoints');
  const steps = (existsSync(folder) ? readdirSync(folder) : [])
    .map((name) => Number(/^step-(\d+)$/.exec(name)?.[1]))
    .filter((step) => Number.isInteger(step))
    .sort((a, b) => a - b);
  if (steps.length === 0) {
    throw new TrainerError(
      `${runFolder} has kept no checkpoint: expected folders checkpoints/step-N, which --keep-checkpoint-every writes.`,
    );
  }
  return steps.map((step) => ({
    name: `${basename(resolve(runFolder))} step ${step}`,
    folder: join(folder, `step-${step}`),
  }));
}

function identityOf(folder: string, identity: string): Pick<RunInFolder, 'stage' | 'config'> {
  try {
    return identitySchema.parse(JSON.parse(identity));
  } catch (cause) {
    throw new TrainerError(`${folder} holds a run that does not say which (${messageOf(cause)}).`, { cause });
  }
}

function readIfThere<Value>(folder: string, name: string, schema: z.ZodType<Value>): Value | null {
  const file = join(folder, name);
  if (!existsSync(file)) return null;
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new TrainerError(`${file} is not what a run writes (${messageOf(cause)}).`, { cause });
  }
}
