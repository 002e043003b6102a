import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { loadLanguageModel, readConfig } from '../model/checkpoint.ts';
import { LanguageModel } from '../model/language-model.ts';
import { runStage } from './index.ts';
import type { PretrainInput } from './pretrain.config.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  weightsOf,
  withoutTimes,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';
import type { MetricsReport, StageName } from './types.ts';

const { folder, remove } = temporaryFolder();
const letters = [...'abcdefgh'];
const tokenizer = letterTokenizer();

beforeAll(async () => {
  await openDevice('auto');
});
afterAll(remove);

/** Runs a stage whole, and again with an interruption after `step`; both must end alike, bit for bit. */
async function runBoth(
  stage: StageName,
  config: unknown,
  step: number,
): Promise<{ reports: MetricsReport[]; model: string }> {
  const whole = recordingContext(join(folder, `${stage}-whole`));
  const result = await runStage(stage, config, whole.context);
  expect(result.status).toBe('completed');

  const runFolder = join(folder, `${stage}-resumed`);
  const first = recordingContext(runFolder, step);
  expect((await runStage(stage, config, first.context)).status).toBe('interrupted');
  const second = recordingContext(runFolder);
  const resumed = await runStage(stage, config, second.context);
  expect(resumed.resumedFrom).toBe(step);
  const reports = withoutTimes(whole.reports);
  expect(withoutTimes([...first.reports, ...second.reports])).toEqual(reports);
  expect(weightsOf(resumed.checkpoint)).toEqual(weightsOf(result.checkpoint));
  return { reports, model: result.checkpoint };
}

describe('a Llama through every stage, resumed bit for bit', () => {
  const pretrain: PretrainInput = {
    seed: 7,
    family: 'llama',
    sources: [
      {
        path: writeLines(
          folder,
          'documents.jsonl',
          letters.map((letter) => ({ text: `${letter}bcabc${letter}abcabc` })),
        ),
      },
    ],
    tokenizerKind: 'characters',
    context: 32,
    width: 16,
    layers: 1,
    heads: 4,
    keyValueHeads: 2,
    innerWidth: 24,
    ropeTheta: 1000,
    tiedHead: false,
    steps: 50,
    batchSize: 4,
    learningRate: 1e-2,
    warmupSteps: 2,
    validationFraction: 0,
    dropout: 0.1,
    samplePrompts: ['ab'],
    sampleEvery: 50,
    sampleTokens: 4,
    checkpointEvery: 10,
  };

  it('pretraining makes one from scratch that learns', async () => {
    const { reports, model } = await runBoth('pretrain', pretrain, 13);
    expect(readConfig(model)).toMatchObject({
      family: 'llama',
      modelType: 'llama',
      keyValueHeads: 2,
      innerWidth: 24,
      rotary: { theta: 1000, scaling: null },
      tiedHead: false,
    });
    const [first, last] = [reports[0], reports.at(-1)].map((report) => report?.values.loss ?? Number.NaN);
    expect(last).toBeLessThan(0.6 * (first ?? 0));
  });

  it('learns the same on WebAssembly: losses within 1e-3 over 50 steps', async () => {
    const losses: Record<string, number[]> = {};
    for (const device of ['wasm', 'auto'] as const) {
      await openDevice(device);
      const { context, reports } = recordingContext(join(folder, `pretrain on ${device}`));
      await runStage('pretrain', pretrain, context);
      losses[device] = reports.map(({ values }) => values.loss ?? Number.NaN);
    }
    const { auto = [], wasm = [] } = losses;
    expect(wasm).toHaveLength(50);
    for (const [i, loss] of wasm.entries()) {
      expect(Math.abs(loss - (auto[i] ?? Number.NaN)), `step ${i + 1}`).toBeLessThan(1e-3);
    }
  });

  it('SFT, reward and PPO take its folder as any other', async () => {
    const start = LanguageModel.create(
      {
        family: 'llama',
        modelType: 'qwen2',
        vocabularySize: tokenizer.vocabularySize,
        contextLength: 48,
        width: 16,
        layers: 1,
        heads: 4,
        keyValueHeads: 1,
      },
      1,
    );
    const model = await writeTiny(join(folder, 'start'), start, tokenizer);
    const sft = await runBoth(
      'sft',
      {
        seed: 3,
        model,
        demonstrations: writeLines(
          folder,
          'demonstrations.jsonl',
          letters.map((letter) => ({ prompt: letter, completion: letter })),
        ),
        validationFraction: 0,
        epochs: 6,
        batchSize: 4,
        learningRate: 1e-2,
        dropout: 0.1,
      },
      5,
    );
    expect(sft.reports.at(-1)?.values.loss).toBeLessThan(sft.reports[0]?.values.loss ?? 0);
    expect(readConfig(sft.model)).toMatchObject({ modelType: 'qwen2', qkvBias: true });

    const reward = await runBoth(
      'reward',
      {
        seed: 3,
        model: sft.model,
        rankings: writeLines(
          folder,
          'rankings.jsonl',
          letters.slice(0, 6).map((prompt) => ({
            prompt,
            completions: ['a', 'bc', 'def'],
            ranks: [1, 2, 2],
            split: 'train',
          })),
        ),
        validationFraction: 0,
        epochs: 2,
        batchSize: 2,
        learningRate: 1e-2,
      },
      3,
    );

    const ppo = await runBoth(
      'ppo',
      {
        seed: 11,
        model: sft.model,
        reward: reward.model,
        prompts: writeLines(
          folder,
          'prompts.jsonl',
          letters.slice(0, 4).map((prompt) => ({ prompt })),
        ),
        iterations: 3,
        batchSize: 4,
        minibatches: 2,
        epochs: 1,
        maxNewTokens: 3,
        learningRate: 1e-3,
        valueLearningRate: 1e-3,
      },
      2,
    );
    // Before any update the policy is the reference: its rollouts cost nothing.
    expect(Math.abs(ppo.reports[0]?.values.klToReference ?? 1)).toBeLessThan(1e-4);
    const policy = await loadLanguageModel(ppo.model);
    expect(policy.config).toMatchObject({ modelType: 'qwen2', keyValueHeads: 1, tiedHead: false });
    policy.dispose();
  });
});

describe('the settings of a model to pretrain', () => {
  it.each([
    [{ keyValueHeads: 2 }, 'keyValueHeads'],
    [{ ropeTheta: 1000 }, 'ropeTheta'],
    [{ tiedHead: false }, 'tiedHead'],
    [{ family: 'llama', heads: 6, keyValueHeads: 4 }, 'keyValueHeads'],
    [{ family: 'llama', width: 15, heads: 3 }, 'heads'],
    [{ family: 'llama', ropeTheta: 1 }, 'ropeTheta'],
  ])('%o is refused by the key', async (settings, key) => {
    const config = { sources: [{ path: 'no.jsonl' }], ...settings };
    const { context } = recordingContext(join(folder, 'refused'));
    await expect(runStage('pretrain', config, context)).rejects.toThrow(key);
  });
});
