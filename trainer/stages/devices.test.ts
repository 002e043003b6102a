import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { absentDevices, fastDevices } from '../engine/testing/devices.ts';
import { tf } from '../engine/tf.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import type { DpoInput } from './dpo.config.ts';
import { runStage } from './index.ts';
import type { PpoInput } from './ppo.config.ts';
import type { PretrainInput } from './pretrain.config.ts';
import type { RewardInput } from './reward.config.ts';
import type { SftInput } from './sft.config.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  withoutTimes,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';
import type { MetricsReport, StageName } from './types.ts';

// Small, as SwiftShader, which plays the graphics processor, needs a millisecond for every op. Not smaller: products of at
// most 128 numbers are made by a program that is slow on it.
const PATIENCE_MILLISECONDS = 180_000;
const [reference, ...others] = fastDevices;
const compared = others.filter(({ name }) => !name.startsWith('native'));
const { folder, remove } = temporaryFolder();
const stages = ['pretrain', 'sft', 'reward', 'ppo', 'dpo'] as const;
const expected = new Map<StageName, MetricsReport[]>();
let configs: {
  pretrain: PretrainInput;
  sft: SftInput;
  reward: RewardInput;
  ppo: PpoInput;
  dpo: DpoInput;
};

/** Bytes that the device holds, where it says so. */
function heldBytes(): number {
  const memory = tf.memory() as tf.MemoryInfo & { numBytesAllocatedInGPU?: number };
  return memory.numBytesAllocatedInGPU ?? 0;
}

/** Runs a stage on the current device; checks that it leaves no tensor, and that memory stops growing early. */
async function run(stage: StageName, device: string): Promise<MetricsReport[]> {
  const before = tf.memory().numTensors;
  const { context, reports } = recordingContext(join(folder, `${stage} on ${device}`));
  const held: number[] = [];
  const onMetrics = (report: MetricsReport): void | Promise<void> => {
    held.push(heldBytes());
    return context.onMetrics(report);
  };
  const result = await runStage(stage, configs[stage], { ...context, onMetrics });
  expect(result.status).toBe('completed');
  expect(tf.memory().numTensors).toBe(before);
  if (stage === 'pretrain') expect(held.at(-1)).toBeLessThanOrEqual((held[9] ?? 0) * 1.05);
  return withoutTimes(reports);
}

beforeAll(async () => {
  await reference?.open();
  const tokenizer = letterTokenizer();
  const shape = { contextLength: 24, width: 16 };
  const start = tinyModel(tokenizer, 1, shape);
  const scalar = ScalarModel.fromLanguageModel(start, 2);
  const model = await writeTiny(join(folder, 'start'), start, tokenizer);
  const scorer = await writeTiny(join(folder, 'scorer'), scalar, tokenizer, {
    stage: 'reward',
    rewardGain: 2,
    rewardBias: -0.5,
  });
  scalar.dispose();
  start.dispose();
  const letters = [...'abcdefgh'];
  const rankings = letters.slice(0, 2).map((prompt) => ({
    prompt,
    completions: ['a', 'bc', 'def'],
    ranks: [1, 2, 2],
    split: 'train',
  }));
  configs = {
    pretrain: {
      seed: 7,
      sources: [
        {
          path: writeLines(
            folder,
            'documents.jsonl',
            letters.map((letter) => ({ text: `ab cde ${letter}.` })),
          ),
        },
      ],
      tokenizer: model,
      context: 16,
      width: 16,
      layers: 1,
      heads: 2,
      steps: 50,
      batchSize: 4,
      learningRate: 3e-3,
      warmupSteps: 5,
      validateEvery: 50,
      validationRows: 2,
      checkpointEvery: 30,
      samplePrompts: ['ab'],
      sampleEvery: 50,
      sampleTokens: 2,
    },
    sft: {
      seed: 3,
      model,
      demonstrations: writeLines(
        folder,
        'demonstrations.jsonl',
        letters.map((letter) => ({ prompt: letter, completion: letter })),
      ),
      validationFraction: 0,
      epochs: 1,
      batchSize: 4,
      learningRate: 3e-3,
      dropout: 0.1,
    },
    reward: {
      seed: 3,
      model,
      rankings: writeLines(folder, 'rankings.jsonl', rankings),
      validationFraction: 0,
      epochs: 1,
      batchSize: 2,
      microBatchSize: 2,
      learningRate: 3e-3,
    },
    ppo: {
      seed: 11,
      model,
      reward: scorer,
      prompts: writeLines(
        folder,
        'prompts.jsonl',
        letters.slice(0, 4).map((prompt) => ({ prompt })),
      ),
      iterations: 2,
      batchSize: 4,
      minibatches: 1,
      epochs: 1,
      maxNewTokens: 3,
      learningRate: 3e-3,
      valueLearningRate: 3e-3,
    },
    dpo: {
      seed: 3,
      model,
      rankings: join(folder, 'rankings.jsonl'),
      validationFraction: 0,
      epochs: 2,
      batchSize: 2,
      microBatchSize: 1,
      learningRate: 3e-3,
    },
  };
  for (const stage of stages) expected.set(stage, await run(stage, 'the first device'));
});
afterAll(remove);

describe.each(compared)('on $name', (device) => {
  beforeAll(() => device.open());

  it.each(stages)(
    `%s is what it is on ${reference?.name}, within 1e-3 on every metric`,
    async (stage) => {
      const reports = await run(stage, device.name);
      const wanted = expected.get(stage) ?? [];
      expect(reports).toHaveLength(wanted.length);
      for (const [i, { step, values }] of wanted.entries()) {
        expect(reports[i]?.step).toBe(step);
        expect(Object.keys(reports[i]?.values ?? {})).toEqual(Object.keys(values));
        for (const [name, value] of Object.entries(values)) {
          const difference = Math.abs((reports[i]?.values[name] ?? Number.NaN) - value);
          expect(difference, `${name} of step ${step}`).toBeLessThan(1e-3 * Math.max(1, Math.abs(value)));
        }
      }
    },
    PATIENCE_MILLISECONDS,
  );
});

describe.skip.each(absentDevices)('on $name, which is not here: $reason', () => {
  it.each(stages)('%s is what it is elsewhere', () => undefined);
});
