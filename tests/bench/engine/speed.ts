import { duel } from '../duel.ts';
import { type Measurement, measurement, median } from '../row.ts';
import type { BenchOptions } from '../suite.ts';
import { type Contenders, trainStepSettings } from './contenders.ts';
import { episodeFlops, generationBytes, generationFlops, referenceShape, trainingFlops } from './flops.ts';
import { type Limits, readRate } from './limits.ts';

/** `train-step`: tokens a second of forward, backward, clip and AdamW. */
export async function trainStepRow(
  sides: Contenders,
  limits: Limits,
  { threads }: BenchOptions,
): Promise<Measurement> {
  const request = { task: 'train-step', settings: trainStepSettings, repeats: 3, threads };
  const { ours, peer } = await duel(sides.ours, sides.peer, request, 5);
  const { rows, columns } = trainStepSettings;
  const rate = (seconds: number[]): number => (rows * columns) / median(seconds);
  return measurement('train-step', 'tokens/s', 'higher', {
    ours: rate(ours),
    peer: peer && rate(peer),
    limit: limits.flops / trainingFlops(referenceShape, columns),
  });
}

/**
 * `generate`: tokens a second over a key-value cache. The limit is the larger of two times: of the counted operations
 * at the machine's sgemm rate, and of reading the weights once a step and the cache once a token at the rate at which
 * this machine reads that much memory.
 */
export async function generateRow(
  sides: Contenders,
  limits: Limits,
  { threads }: BenchOptions,
): Promise<Measurement> {
  const settings = { shape: referenceShape, rows: 32, prompt: 32, new_tokens: 64 };
  const { rows, prompt, new_tokens: added } = settings;
  const request = { task: 'generate', settings, repeats: 2, threads };
  const { ours, peer } = await duel(sides.ours, sides.peer, request, 3);
  // Small products gain little from a second thread and lose by its waiting: the peer may have the better of both.
  const alone =
    sides.peer && threads > 1 ? await sides.peer.measure({ ...request, repeats: 4, threads: 1 }) : null;
  const rate = (seconds: number[]): number => (rows * added) / median(seconds);
  const compute = (rows * generationFlops(referenceShape, prompt, added)) / limits.flops;
  const bytes = generationBytes(referenceShape, rows, prompt, added);
  const memory = bytes / (await readRate(sides, bytes / added, threads));
  return measurement('generate', 'tokens/s', 'higher', {
    ours: rate(ours),
    peer: peer && Math.max(rate(peer), alone ? rate(alone) : 0),
    limit: (rows * added) / Math.max(compute, memory),
  });
}

/** `ppo-iteration`: episodes a second of whole iterations; the limit counts operations at the sgemm rate. */
export async function ppoRow(
  sides: Contenders,
  limits: Limits,
  { threads }: BenchOptions,
): Promise<Measurement> {
  const settings = {
    shape: referenceShape,
    episodes: 64,
    prompt: 32,
    new_tokens: 48,
    epochs: 4,
    minibatches: 4,
  };
  const request = { task: 'ppo-iteration', settings, repeats: 1, threads };
  const { ours, peer } = await duel(sides.ours, sides.peer, request, 3);
  const rate = (seconds: number[]): number => settings.episodes / median(seconds);
  const { prompt, new_tokens, epochs } = settings;
  return measurement('ppo-iteration', 'episodes/s', 'higher', {
    ours: rate(ours),
    peer: peer && rate(peer),
    limit: limits.flops / episodeFlops(referenceShape, prompt, new_tokens, epochs),
  });
}
