import { describe, expect, it } from 'vitest';
import { emptyTrainingBatch, type TrainingBatch } from '../data/batch.ts';
import { openDevice } from '../engine/device.ts';
import { loadAddon } from '../engine/native/addon.ts';
import { Random } from '../engine/random.ts';
import { tf } from '../engine/tf.ts';
import { countedWeight, summedLoss } from '../stages/shared/language-model-loss.ts';
import { Learner } from '../stages/shared/learner.ts';
import { generate } from './generate.ts';
import { LanguageModel } from './language-model.ts';
import { randomSequences } from './testing/tiny.ts';

// Large enough that every kernel has several tasks for its threads, and odd enough that tiles have edges.
const config = { vocabularySize: 131, contextLength: 70, width: 72, layers: 2, heads: 3 };
const loaded = loadAddon();

/** Two documents a row and a padded end, as packed rows have. */
function packedBatch(seed: number): TrainingBatch {
  const [rows, columns] = [6, 67];
  const random = new Random(seed);
  const batch = emptyTrainingBatch(rows, columns, 0);
  for (let row = 0; row < rows; row++) {
    const end = 20 + row;
    for (let column = 0; column < columns - row; column++) {
      const cell = row * columns + column;
      batch.tokens[cell] = random.integer(config.vocabularySize);
      batch.targets[cell] = random.integer(config.vocabularySize);
      batch.segments[cell] = column < end ? 1 : 2;
      batch.positions[cell] = column < end ? column : column - end;
      batch.weights[cell] = 1;
    }
  }
  return batch;
}

/** Three training steps in two micro-batches with dropout, then completions: every bit of both. */
async function trainAndGenerate(): Promise<{
  weights: Uint32Array[];
  tokens: number[][];
  logProbs: number[][];
}> {
  const model = LanguageModel.create(config, 3);
  const learner = new Learner('model', model.parameters, {
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    epsilonForm: 'pytorch',
    weightDecay: 0.1,
    gradientClip: 1,
  });
  for (let step = 0; step < 3; step++) {
    const batches = [packedBatch(2 * step), packedBatch(2 * step + 1)];
    const divisor = batches.reduce((sum, batch) => sum + countedWeight(batch), 0);
    const parts = batches.map(
      (batch, part) => () =>
        tf.div<tf.Scalar>(summedLoss(model, batch, { rate: 0.1, seed: 10 * step + part }), divisor),
    );
    await learner.step(parts, 1e-2);
  }
  const prompts = randomSequences(4, [5, 17, 30, 9, 9], config.vocabularySize);
  const generations = await generate(model, prompts, {
    maxNewTokens: 24,
    temperature: 0.8,
    topP: 0.95,
    seed: 11,
    stopTokens: [1, 2, 3],
  });
  const weights = [...model.parameters.values()].map(
    (variable) => new Uint32Array(Float32Array.from(variable.dataSync()).buffer),
  );
  learner.dispose();
  model.dispose();
  return {
    weights,
    tokens: generations.map(({ tokens }) => tokens),
    logProbs: generations.map(({ logProbs }) => logProbs),
  };
}

describe('the same seed on the same device', () => {
  it('gives the same bits when it trains and generates again', async () => {
    await openDevice('auto');
    const first = await trainAndGenerate();
    expect(first.tokens.every((tokens) => tokens.length > 0)).toBe(true);
    expect(await trainAndGenerate()).toEqual(first);
  });

  it.skipIf('reason' in loaded).each(['avx512', 'avx2', 'portable'] as const)(
    'gives the same bits with one thread, two and five (%s)',
    async (variant) => {
      if ('reason' in loaded) return;
      await openDevice('native');
      // What the processor cannot run, the addon replaces by what it can: still one variant under three counts.
      const results = [];
      for (const threads of [1, 2, 5]) {
        loaded.addon.open(variant, threads);
        results.push(await trainAndGenerate());
      }
      loaded.addon.open('best', 1);
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    },
  );
});
