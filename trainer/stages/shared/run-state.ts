import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, TrainerError } from '../../errors.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../model/safetensors.ts';
import { replaceFile } from './run-files.ts';

/** Everything that a run needs to go on as if it had never stopped. */
export interface RunState {
  /** Which run it is: stage, config and hashes of the data, as canonical JSON. */
  identity: string;
  /** The step that was finished last. */
  step: number;
  /** The last value of each metric. */
  metrics: Record<string, number>;
  /** Steps taken by each learner's optimizer. */
  optimizerSteps: Record<string, number>;
  /** What else the stage keeps; it checks the form itself. */
  extra: unknown;
  /** Weights and moments, by learner and parameter. */
  tensors: Map<string, StoredTensor>;
}

const STATE_FILE = 'state.json';
const TENSORS_FILE = /^state-\d+(-\d+)?\.safetensors$/;

const stateSchema = z.strictObject({
  version: z.literal(1),
  tensorsFile: z.string().regex(TENSORS_FILE),
  identity: z.string(),
  step: z.int().nonnegative(),
  // JSON writes NaN as null.
  metrics: z.record(z.string(), z.number().nullable()),
  optimizerSteps: z.record(z.string(), z.int().nonnegative()),
  extra: z.unknown(),
});

/**
 * Writes the state of a step: the tensors into a file of their own, then state.json, which names that file, in one
 * rename. Whenever the process is killed, state.json and the file that it names belong together.
 */
export function writeRunState(folder: string, { tensors, ...rest }: RunState): void {
  const tensorsFile = newTensorsFile(folder, rest.step);
  try {
    writeSafetensors(join(folder, tensorsFile), tensors);
    replaceFile(join(folder, STATE_FILE), `${JSON.stringify({ version: 1, tensorsFile, ...rest })}\n`);
  } catch (cause) {
    rmSync(join(folder, tensorsFile), { force: true });
    throw new TrainerError(
      `Cannot save the state of step ${rest.step} in ${folder} (${messageOf(cause)}): the run stops, and can go on from the state that was saved before.`,
      { cause },
    );
  }
  removeTensorsExcept(folder, tensorsFile);
}

/**
 * Reads a run folder's state; null when there is none yet.
 *
 * @throws TrainerError when the file is not a state of a run
 */
export function readRunState(folder: string): RunState | null {
  const file = join(folder, STATE_FILE);
  if (!existsSync(file)) return null;
  try {
    const { tensorsFile, identity, step, metrics, optimizerSteps, extra } = stateSchema.parse(
      JSON.parse(readFileSync(file, 'utf8')),
    );
    const known = Object.entries(metrics).map(([name, value]): [string, number] => [
      name,
      value ?? Number.NaN,
    ]);
    const tensors = readSafetensors(join(folder, tensorsFile));
    return { identity, step, metrics: Object.fromEntries(known), optimizerSteps, extra, tensors };
  } catch (cause) {
    throw new TrainerError(
      `${file} is not the state of a run (${messageOf(cause)}); delete it to begin anew.`,
      {
        cause,
      },
    );
  }
}

/** A name that no file has: a step can be saved twice, and what state.json names now must stay whole meanwhile. */
function newTensorsFile(folder: string, step: number): string {
  let name = `state-${step}.safetensors`;
  for (let again = 2; existsSync(join(folder, name)); again++) name = `state-${step}-${again}.safetensors`;
  return name;
}

/** Removes the state, which a finished run no longer needs. */
export function removeRunState(folder: string): void {
  rmSync(join(folder, STATE_FILE), { force: true });
  removeTensorsExcept(folder, null);
}

function removeTensorsExcept(folder: string, kept: string | null): void {
  for (const name of readdirSync(folder)) {
    if (TENSORS_FILE.test(name) && name !== kept) rmSync(join(folder, name), { force: true });
  }
}
