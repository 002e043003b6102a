import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TrainerError } from '../../errors.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../model/safetensors.ts';
import type { MeasuredEpisode } from './episodes.ts';

const FILE = /^([0-9a-f]{12})-(\d+)-(\d+)\.safetensors$/;
const PER_TOKEN = ['logProbs', 'entropies', 'referenceLogProbs', 'values'] as const;

/**
 * The rollouts of a run since its state was saved last, in the folder `rollouts/`: a file for each part of an iteration,
 * written when its completions are there and measured. Whoever goes on reads instead of generating again.
 *
 * A file's name holds a hash of which run it belongs to, so that a folder that was begun with other settings and never
 * came to a state gives nothing to the run that follows.
 */
export class RolloutFiles {
  readonly #folder: string;
  readonly #owner: string;

  /** @param identity stage, config and hashes of the inputs, as `Run` has them */
  constructor(runFolder: string, identity: string) {
    this.#folder = join(runFolder, 'rollouts');
    this.#owner = createHash('sha256').update(identity).digest('hex').slice(0, 12);
    this.#remove((owner) => owner !== this.#owner);
  }

  /** One part of an iteration's episodes, or null when it is not there. @throws TrainerError for a damaged file */
  read(iteration: number, part: number): MeasuredEpisode[] | null {
    const file = this.#file(iteration, part);
    return existsSync(file) ? unpack(readSafetensors(file), file) : null;
  }

  /** Keeps one part of an iteration; the file is there whole or not at all. */
  write(iteration: number, part: number, episodes: readonly MeasuredEpisode[]): void {
    mkdirSync(this.#folder, { recursive: true });
    const file = this.#file(iteration, part);
    const temporary = `${file}.${process.pid}.tmp`;
    writeSafetensors(temporary, pack(episodes));
    renameSync(temporary, file);
  }

  /** Removes the iterations that a saved state already contains, and the folder when it is empty then. */
  dropUpTo(iteration: number): void {
    this.#remove((_, of) => of <= iteration);
  }

  #file(iteration: number, part: number): string {
    return join(this.#folder, `${this.#owner}-${iteration}-${part}.safetensors`);
  }

  /** Removes the files that are chosen, and what a kill left half-written. */
  #remove(chosen: (owner: string, iteration: number) => boolean): void {
    if (!existsSync(this.#folder)) return;
    const names = readdirSync(this.#folder);
    const removed = names.filter((name) => {
      const match = FILE.exec(name);
      return match === null || chosen(match[1] ?? '', Number(match[2]));
    });
    for (const name of removed) rmSync(join(this.#folder, name), { force: true });
    if (removed.length === names.length) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Episodes as float32 tensors: lengths tell them apart; token numbers are exact below 2^24. */
function pack(episodes: readonly MeasuredEpisode[]): Map<string, StoredTensor> {
  const tensor = (values: readonly number[]): StoredTensor => ({
    shape: [values.length],
    data: Float32Array.from(values),
  });
  return new Map([
    ['promptLengths', tensor(episodes.map(({ prompt }) => prompt.length))],
    ['responseLengths', tensor(episodes.map(({ response }) => response.length))],
    ['finished', tensor(episodes.map(({ finished }) => (finished ? 1 : 0)))],
    ['rawScores', tensor(episodes.map(({ rawScore }) => rawScore))],
    ['prompts', tensor(episodes.flatMap(({ prompt }) => prompt))],
    ['responses', tensor(episodes.flatMap(({ response }) => response))],
    ...PER_TOKEN.map((name): [string, StoredTensor] => [
      name,
      tensor(episodes.flatMap((episode) => [...episode[name]])),
    ]),
  ]);
}

function unpack(tensors: ReadonlyMap<string, StoredTensor>, file: string): MeasuredEpisode[] {
  const take = (name: string): Float32Array => {
    const tensor = tensors.get(name);
    if (!tensor) throw new TrainerError(`${file} has no ${name}: expected a rollout; delete it.`);
    return tensor.data;
  };
  const [promptLengths, responseLengths] = [take('promptLengths'), take('responseLengths')];
  const [finished, rawScores] = [take('finished'), take('rawScores')];
  const [prompts, responses] = [take('prompts'), take('responses')];
  let prompt = 0;
  let response = 0;
  return Array.from(promptLengths, (promptLength, i): MeasuredEpisode => {
    const from = response;
    response += responseLengths[i] ?? 0;
    prompt += promptLength;
    const perToken = (name: (typeof PER_TOKEN)[number]): Float32Array => take(name).slice(from, response);
    return {
      prompt: [...prompts.subarray(prompt - promptLength, prompt)],
      response: [...responses.subarray(from, response)],
      finished: finished[i] === 1,
      rawScore: rawScores[i] ?? Number.NaN,
      logProbs: perToken('logProbs'),
      entropies: perToken('entropies'),
      referenceLogProbs: perToken('referenceLogProbs'),
      values: perToken('values'),
    };
  });
}
