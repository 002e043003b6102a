import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { trainingMemory } from '@touchstone/trainer/model/memory.ts';
import { z } from 'zod';
import { peerEnvironment, python } from '../peers/peer.ts';
import { type Measurement, measurement } from '../row.ts';
import type { BenchOptions } from '../suite.ts';
import { type Contenders, trainStepSettings } from './contenders.ts';
import { referenceShape, type Shape } from './flops.ts';

const MEGABYTE = 1e6;
const answer = z.object({ bytes: z.number() });

function configOf({ vocabulary, context, ...shape }: Shape) {
  return { ...shape, vocabularySize: vocabulary, contextLength: context };
}

/** Peak resident bytes of training steps above idle, in a process of their own. */
function ourPeak(shape: Shape, rows: number, columns: number, threads: number): number {
  const script = fileURLToPath(import.meta.resolve('@touchstone/trainer/model/testing/peak-memory.ts'));
  const settings = JSON.stringify({ config: configOf(shape), rows, columns, threads });
  const args = ['--expose-gc', '--import', 'tsx', script, settings];
  return answer.parse(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))).bytes;
}

function peerPeak({ peerVariant }: Contenders, settings: unknown, threads: number): number {
  const script = fileURLToPath(new URL('../peers/memory.py', import.meta.url));
  const args = [script, JSON.stringify(settings), String(threads)];
  const env = peerEnvironment(threads, peerVariant);
  return answer.parse(JSON.parse(execFileSync(python, args, { env, encoding: 'utf8' }))).bytes;
}

/**
 * `train-memory`: peak of a training step, the limit being what the weights, gradients and moments take; and
 * `context-memory`: how many times more the same tokens take in rows of 1024 cells than in rows of 128. A matrix
 * [B,H,T,T] would make that grow with T.
 */
export function memoryRows(sides: Contenders, { threads }: BenchOptions): Measurement[] {
  const { rows, columns } = trainStepSettings;
  const { weights, gradients, moments } = trainingMemory(configOf(referenceShape), { rows, columns });
  const long = { ...referenceShape, context: 1024 };
  const tokens = rows * columns;
  const growth = {
    ours: ourPeak(long, tokens / 1024, 1024, threads) / ourPeak(long, tokens / 128, 128, threads),
    peer: sides.peer
      ? peerPeak(sides, { shape: long, rows: tokens / 1024, columns: 1024 }, threads) /
        peerPeak(sides, { shape: long, rows: tokens / 128, columns: 128 }, threads)
      : null,
  };
  return [
    measurement('train-memory', 'MB', 'lower', {
      ours: ourPeak(referenceShape, rows, columns, threads) / MEGABYTE,
      peer: sides.peer ? peerPeak(sides, trainStepSettings, threads) / MEGABYTE : null,
      limit: (weights + gradients + moments) / MEGABYTE,
    }),
    measurement('context-memory', 'memory at 1024 over 128', 'lower', { ...growth, limit: 1 }),
  ];
}
