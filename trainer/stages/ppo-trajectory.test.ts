import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fastDevices } from '../engine/testing/devices.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { runStage } from './index.ts';
import type { PpoInput } from './ppo.config.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

// SwiftShader, which plays the graphics processor, takes a minute for this; stages/devices.test.ts holds it to 1e-3.
const devices = fastDevices.filter(({ name }) => name !== 'webgpu');

/**
 * Three iterations of two epochs over two minibatches, each cut unevenly: a first update from ratio 1 on, then rollouts of a
 * policy that has left the reference. Made by this code after every piece of it had been held against slow paths; the
 * kernels differ among each other by less than 1.5e-6.
 */
const trajectory: Record<string, number>[] = [
  {
    rewardMean: -0.220630374,
    rewardStd: 0.846282486,
    scoreMean: -0.875960145,
    klToReference: 0,
    klToReferenceK3: 0,
    entropy: 3.213832733,
    totalReward: -0.875960145,
    returnMean: -1.548890625,
    valueMean: -1.839532445,
    explainedVariance: -5.255185498,
    eotRate: 0.125,
    responseLength: 5.625,
    valueLoss: 2.100481736,
    valueGradientNorm: 8.385810345,
    valueClipFraction: 0.688888889,
    policyLoss: -0.034883504,
    gradientNorm: 1.515319731,
    approxKl: 0.003376753,
    clipFraction: 0.033333333,
    ratioMean: 0.99992437,
    ratioVariance: 0.00670324,
  },
  {
    rewardMean: -0.075237626,
    rewardStd: 0.654185626,
    scoreMean: -1,
    klToReference: -0.127377152,
    klToReferenceK3: 0.02361115,
    entropy: 3.212372323,
    totalReward: -0.936311424,
    returnMean: -1.732884366,
    valueMean: -2.116963375,
    explainedVariance: -4.076756941,
    eotRate: 0,
    responseLength: 6,
    valueLoss: 0.594014798,
    valueGradientNorm: 1.394665357,
    valueClipFraction: 0.614583333,
    policyLoss: -0.016128854,
    gradientNorm: 1.440592546,
    approxKl: 0.001237132,
    clipFraction: 0.010416667,
    ratioMean: 0.993051636,
    ratioVariance: 0.002348641,
  },
  {
    rewardMean: -0.705830477,
    rewardStd: 0.777075531,
    scoreMean: -0.978897162,
    klToReference: 0.062503487,
    klToReferenceK3: 0.045670663,
    entropy: 3.208615536,
    totalReward: -1.010148905,
    returnMean: -1.653722922,
    valueMean: -1.843236077,
    explainedVariance: -0.495955302,
    eotRate: 0.25,
    responseLength: 5.125,
    valueLoss: 0.352513494,
    valueGradientNorm: 0.60330203,
    valueClipFraction: 0.475609756,
    policyLoss: -0.016364268,
    gradientNorm: 1.745168224,
    approxKl: 0.001092729,
    clipFraction: 0,
    ratioMean: 0.996918185,
    ratioVariance: 0.002100001,
  },
];

const { folder, remove } = temporaryFolder();
let config: PpoInput;

beforeAll(async () => {
  await devices[0]?.open();
  const tokenizer = letterTokenizer();
  const model = tinyModel(tokenizer, 1);
  const reward = ScalarModel.fromLanguageModel(model, 2);
  config = {
    seed: 11,
    model: await writeTiny(join(folder, 'sft'), model, tokenizer),
    reward: await writeTiny(join(folder, 'reward'), reward, tokenizer, {
      stage: 'reward',
      rewardGain: 2,
      rewardBias: -0.5,
    }),
    prompts: writeLines(
      folder,
      'prompts.jsonl',
      ['a', 'bc', 'def', 'g'].map((prompt) => ({ prompt })),
    ),
    iterations: 3,
    batchSize: 8,
    minibatches: 2,
    epochs: 2,
    microBatchSize: 3,
    maxNewTokens: 6,
    temperature: 0.8,
    lambda: 0.9,
    beta: 0.5,
    learningRate: 3e-3,
    valueLearningRate: 3e-3,
    whitenRewards: true,
    samplePrompts: [],
  };
  model.dispose();
  reward.dispose();
});
afterAll(remove);

describe.each(devices)('on $name', (device) => {
  beforeAll(() => device.open());

  it('PPO follows the committed trajectory in every figure (1e-5 of it, and 1e-6)', async () => {
    const { context, reports } = recordingContext(join(folder, device.name));
    await runStage('ppo', config, context);
    expect(reports).toHaveLength(trajectory.length);
    for (const [i, expected] of trajectory.entries()) {
      for (const [name, value] of Object.entries(expected)) {
        const difference = Math.abs((reports[i]?.values[name] ?? Number.NaN) - value);
        expect(difference, `${name} of iteration ${i + 1}`).toBeLessThan(1e-5 * Math.abs(value) + 1e-6);
      }
    }
  });
});
