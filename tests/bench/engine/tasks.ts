import { emptyTrainingBatch, type TrainingBatch } from '@touchstone/trainer/data/batch.ts';
import { type Addon, loadAddon } from '@touchstone/trainer/engine/native/addon.ts';
import { Random } from '@touchstone/trainer/engine/random.ts';
import { tf } from '@touchstone/trainer/engine/tf.ts';
import { generate } from '@touchstone/trainer/model/generate.ts';
import { LanguageModel } from '@touchstone/trainer/model/language-model.ts';
import { countedWeight, summedLoss } from '@touchstone/trainer/stages/shared/language-model-loss.ts';
import { Learner } from '@touchstone/trainer/stages/shared/learner.ts';
import { z } from 'zod';
import { ppoTask } from './ppo-task.ts';

/** Something to time. */
export interface Task {
  /** Does it once; gives its seconds where a clock around the call would measure something else, otherwise null. */
  run(): number | null | Promise<number | null>;
  close?(): Promise<void>;
}

const count = z.int().positive();
const shape = z.strictObject({
  vocabulary: count,
  width: count,
  layers: count,
  heads: count,
  context: count,
});

/** The task of this name, ready to run. */
export async function makeTask(name: string, settings: unknown): Promise<Task> {
  switch (name) {
    case 'train-step':
      return trainStep(z.strictObject({ shape, rows: count, columns: count }).parse(settings));
    case 'generate':
      return generation(
        z.strictObject({ shape, rows: count, prompt: count, new_tokens: count }).parse(settings),
      );
    case 'ppo-iteration':
      return ppoTask(
        z
          .strictObject({
            shape,
            episodes: count,
            prompt: count,
            new_tokens: count,
            epochs: count,
            minibatches: count,
          })
          .parse(settings),
      );
    case 'matmul': {
      const product = z.tuple([count, count, count, z.boolean(), z.boolean()]);
      return matmul(z.strictObject({ shapes: z.array(product) }).parse(settings).shapes);
    }
    case 'read':
      return readMemory(z.strictObject({ floats: count }).parse(settings).floats);
    default:
      throw new Error(`There is no task "${name}".`);
  }
}

export type BenchShape = z.infer<typeof shape>;

/** A model of this shape with random weights. */
export function modelOf({ vocabulary, context, ...rest }: BenchShape): LanguageModel {
  return LanguageModel.create({ ...rest, vocabularySize: vocabulary, contextLength: context }, 1);
}

/** Full rows of random tokens and targets. */
export function randomBatch(rows: number, columns: number, vocabulary: number): TrainingBatch {
  const random = new Random(1);
  const batch = emptyTrainingBatch(rows, columns, 0);
  for (let cell = 0; cell < rows * columns; cell++) {
    batch.tokens[cell] = random.integer(vocabulary);
    batch.targets[cell] = random.integer(vocabulary);
    batch.positions[cell] = cell % columns;
  }
  batch.segments.fill(1);
  batch.weights.fill(1);
  return batch;
}

/** Forward, backward, gradient clip and AdamW, by the functions that the stages use. */
export function trainStep(settings: { shape: BenchShape; rows: number; columns: number }): Task {
  const model = modelOf(settings.shape);
  const learner = new Learner('model', model.parameters, {
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    epsilonForm: 'pytorch',
    weightDecay: 0.1,
    gradientClip: 1,
  });
  const batch = randomBatch(settings.rows, settings.columns, settings.shape.vocabulary);
  const divisor = countedWeight(batch);
  return {
    async run() {
      await learner.step([() => tf.div(summedLoss(model, batch), divisor)], 1e-3);
      return null;
    },
  };
}

function generation(settings: { shape: BenchShape; rows: number; prompt: number; new_tokens: number }): Task {
  const model = modelOf(settings.shape);
  const random = new Random(2);
  const prompts = Array.from({ length: settings.rows }, () =>
    Array.from({ length: settings.prompt }, () => random.integer(settings.shape.vocabulary)),
  );
  let seed = 0;
  return {
    async run() {
      await generate(model, prompts, {
        maxNewTokens: settings.new_tokens,
        temperature: 1,
        seed: seed++,
        stopTokens: [],
        batchSize: settings.rows,
      });
      return null;
    },
  };
}

function addonOf(): Addon {
  const loaded = loadAddon();
  if ('reason' in loaded) throw new Error(`The kernels are not there: ${loaded.reason}.`);
  return loaded.addon;
}

/** One product of each shape [m, k, n], left or right factor stored transposed as the backward pass has them. */
function matmul(shapes: [number, number, number, boolean, boolean][]): Task {
  const addon = addonOf();
  const products = shapes.map(([m, k, n, left, right]) => {
    const [aRow, aColumn] = left ? [1, m] : [k, 1];
    const [bRow, bColumn] = right ? [1, k] : [n, 1];
    const a = new Float32Array(m * k).fill(0.5);
    const b = new Float32Array(k * n).fill(0.25);
    const c = new Float32Array(m * n);
    const steps = [aRow, aColumn, bRow, bColumn, n] as const;
    return () => addon.gemm(m, n, k, 0, 0, 0, ...steps, a, b, c, false, null, false, null);
  });
  return {
    run() {
      for (const multiply of products) multiply();
      return null;
    },
  };
}

/** Reads so many floats once, on all threads. */
function readMemory(floats: number): Task {
  const addon = addonOf();
  const values = new Float32Array(floats).fill(1);
  return {
    run() {
      addon.sumOfSquares(floats, values);
      return null;
    },
  };
}
