import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Mixture } from '../data/mixture.ts';
import { packRows } from '../data/packing.ts';
import { openDevice } from '../engine/device.ts';
import { disposeGradients, valueAndGradients } from '../engine/gradients.ts';
import { tf } from '../engine/tf.ts';
import { loadTokenizer } from '../model/checkpoint.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { runStage } from './index.ts';
import type { PpoInput } from './ppo.config.ts';
import { nextBeta } from './shared/kl-controller.ts';
import { countedWeight, summedLoss } from './shared/language-model-loss.ts';
import { loadCorpora } from './shared/pretraining-data.ts';
import { readRunState } from './shared/run-state.ts';
import { seedFor } from './shared/seeds.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  weightsOf,
  withoutTimes,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

const { folder, remove } = temporaryFolder();
let config: PpoInput;
let ptxSources: { path: string; weight: number }[];

beforeAll(async () => {
  await openDevice('auto');
  const tokenizer = letterTokenizer();
  const model = tinyModel(tokenizer, 1);
  const reward = ScalarModel.fromLanguageModel(model, 2);
  config = {
    seed: 11,
    model: await writeTiny(join(folder, 'sft'), model, tokenizer),
    reward: await writeTiny(join(folder, 'reward'), reward, tokenizer, { stage: 'reward', rewardGain: 2 }),
    prompts: writeLines(
      folder,
      'prompts.jsonl',
      ['a', 'bc', 'def', 'g'].map((prompt) => ({ prompt })),
    ),
    iterations: 1,
    batchSize: 8,
    minibatches: 1,
    epochs: 1,
    maxNewTokens: 6,
    learningRate: 3e-3,
    valueLearningRate: 3e-3,
    samplePrompts: [],
  };
  const documents = Array.from({ length: 30 }, (_, i) => ({ text: 'abcdefgh hag bead '.slice(i % 7) }));
  ptxSources = [{ path: writeLines(folder, 'documents.jsonl', documents), weight: 1 }];
  model.dispose();
  reward.dispose();
});
afterAll(remove);

async function run(name: string, more: Partial<PpoInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('ppo', { ...config, ...more }, recording.context);
  return { result, ...recording };
}

/** Settings under which the first step, turned round, tells the gradient: Δ = −η g / (|g| + ε), with η = ε. */
const telling = { learningRate: 1000, epsilon: 1000, gradientClip: 1e6 };

/** The policy's gradient in a run of one step under `telling`, by parameter. */
function gradientOf(checkpoint: string): Map<string, number[]> {
  const start = weightsOf(config.model);
  return new Map(
    [...weightsOf(checkpoint)].map(([name, weights]) => [
      name,
      Array.from(weights, (weight, i) => {
        const step = (start.get(name)?.[i] ?? 0) - weight;
        return step / (1 - Math.abs(step) / 1000);
      }),
    ]),
  );
}

describe('PPO-ptx', () => {
  it('steps along the PPO gradient + γ · the gradient of the mean pretraining loss over 8 rows an episode', async () => {
    const plain = await run('plain', telling);
    const settings = { ptxSources, ptxCoefficient: 3, ptxRowLength: 20, microBatchSize: 3 };
    const mixed = await run('mixed', { ...telling, ...settings });

    const tokenizer = loadTokenizer(config.model);
    const { training } = loadCorpora({ sources: ptxSources, validationFraction: 0, context: 20 }, tokenizer);
    const batch = packRows(new Mixture(training, { columns: 20, seed: seedFor(11, 'ptx') }), 8 * 8);
    const model = tinyModel(tokenizer, 1);
    const { value, gradients } = await valueAndGradients(model.parameters, () =>
      tf.div<tf.Scalar>(summedLoss(model, batch), countedWeight(batch)),
    );
    expect(countedWeight(batch)).toBe(64 * 20);
    expect(Math.abs((mixed.reports[0]?.values.ptxLoss ?? 0) - value)).toBeLessThan(1e-5);
    expect(mixed.reports[0]?.values.policyLoss).toBeCloseTo(plain.reports[0]?.values.policyLoss ?? 1, 6);
    const [one, two] = [gradientOf(plain.result.checkpoint), gradientOf(mixed.result.checkpoint)];
    let largest = 0;
    for (const [name, gradient] of gradients) {
      const expected = gradient.dataSync();
      for (const [i, of] of (two.get(`transformer.${name}`) ?? []).entries()) {
        const difference = of - (one.get(`transformer.${name}`)?.[i] ?? 0);
        expect(Math.abs(difference - 3 * (expected[i] ?? 0))).toBeLessThan(2e-5);
        largest = Math.max(largest, Math.abs(difference));
      }
    }
    expect(largest).toBeGreaterThan(0.1);
    disposeGradients(gradients);
    model.dispose();
  });

  it('keeps the pretraining loss low where plain PPO lets it rise', async () => {
    const settings = { iterations: 8, minibatches: 2, beta: 0, learningRate: 1e-2 };
    const settled = { ...settings, ptxSources, ptxRowLength: 20, ptxRowsPerEpisode: 1 };
    const faint = await run('faint', { ...settled, ptxCoefficient: 1e-9 });
    const strong = await run('strong', settled);
    expect(strong.reports.at(-1)?.values.ptxLoss).toBeLessThan(
      (faint.reports.at(-1)?.values.ptxLoss ?? 0) - 0.3,
    );
  });

  it('is off by default, and refuses rows longer than the context', async () => {
    const { reports } = await run('without');
    expect(reports[0]?.values).not.toHaveProperty('ptxLoss');
    await expect(run('rows', { ptxSources, ptxRowLength: 49 })).rejects.toThrow(
      "ptxRowLength is 49 and the policy's context 48 tokens",
    );
  });
});

describe('the average of the policy’s weights', () => {
  it('is decay · average + (1 − decay) · weights after each step, from the SFT model on, and is written beside the model', async () => {
    const settings = { iterations: 2, keepCheckpointEvery: 1, emaDecay: 0.75 };
    const { result } = await run('average', settings);
    const start = weightsOf(config.model);
    const kept = join(folder, 'average', 'checkpoints', 'step-1');
    const [one, two] = [weightsOf(kept), weightsOf(result.checkpoint)];
    const [first, second] = [weightsOf(`${kept}-ema`), weightsOf(`${result.checkpoint}-ema`)];
    let moved = 0;
    for (const [name, weights] of second) {
      for (const [i, weight] of weights.entries()) {
        const before = 0.75 * (start.get(name)?.[i] ?? 0) + 0.25 * (one.get(name)?.[i] ?? 0);
        expect(Math.abs((first.get(name)?.[i] ?? 0) - before)).toBeLessThan(1e-6);
        expect(Math.abs(weight - (0.75 * before + 0.25 * (two.get(name)?.[i] ?? 0)))).toBeLessThan(1e-6);
        moved = Math.max(moved, Math.abs(weight - (two.get(name)?.[i] ?? 0)));
      }
    }
    expect(moved).toBeGreaterThan(1e-3);
    // Without it the run is the same, and nothing lies beside the model.
    const without = await run('no-average', { ...settings, emaDecay: null });
    expect(weightsOf(without.result.checkpoint)).toEqual(two);
    expect(existsSync(`${without.result.checkpoint}-ema`)).toBe(false);
    // Chosen as the result, it is what model/ holds.
    const chosen = await run('chosen', { ...settings, exportedWeights: 'ema' });
    expect(weightsOf(chosen.result.checkpoint)).toEqual(second);
    expect(weightsOf(`${chosen.result.checkpoint}-last`)).toEqual(two);
  });

  it('cannot be exported where it is not kept', async () => {
    await expect(run('nothing', { exportedWeights: 'ema' })).rejects.toThrow(
      '"exportedWeights" is "ema" and there is no average to export',
    );
  });
});

describe('early stopping', () => {
  it('lets the policy rest once a minibatch’s approximate KL is above the bound, and the value model go on', async () => {
    const settings = { iterations: 2, minibatches: 2, epochs: 3 };
    const stopped = await run('stopped', { ...settings, earlyStopKl: 1e-9 }, 1);
    // KL is 0 on the first minibatch and above 0 on the second, after whose step the policy rests.
    expect(stopped.reports[0]?.values.policySteps).toBe(2);
    expect(readRunState(join(folder, 'stopped'))?.optimizerSteps).toEqual({ policy: 2, value: 6 });
    const again = await run('stopped', { ...settings, earlyStopKl: 1e-9 });
    expect(again.reports[0]?.values.policySteps).toBe(2);

    const loose = await run('loose', { ...settings, earlyStopKl: 1e9 });
    const without = await run('unbounded', settings);
    expect(loose.reports[0]?.values.policySteps).toBe(6);
    expect(weightsOf(loose.result.checkpoint)).toEqual(weightsOf(without.result.checkpoint));
    expect(without.reports[0]?.values).not.toHaveProperty('policySteps');
  });
});

describe('steps', () => {
  it('a minibatch is one optimizer step: epochs × minibatches an iteration, without the policy’s in the value warm-up', async () => {
    const settings = {
      iterations: 4,
      minibatches: 4,
      epochs: 2,
      microBatchSize: 1,
      valueWarmupIterations: 1,
    };
    const { reports } = await run('steps', settings, 3);
    expect(readRunState(join(folder, 'steps'))?.optimizerSteps).toEqual({ policy: 2 * 8, value: 3 * 8 });
    expect(reports[0]?.values).not.toHaveProperty('policyLoss');
    expect(reports[0]?.values).toHaveProperty('valueLoss');
    expect(reports[1]?.values).toHaveProperty('policyLoss');
  });

  it('Adam’s epsilon stands after the bias correction, or in TensorFlow’s form before it (LMHP): Δ by numbers', async () => {
    const settings = { learningRate: 1e-2, epsilon: 0.02, beta2: 0.95, gradientClip: 1e6 };
    const torch = await run('torch', settings);
    const tensorflow = await run('tensorflow', { ...settings, epsilonForm: 'tensorflow' });
    const start = weightsOf(config.model);
    const other = weightsOf(tensorflow.result.checkpoint);
    let compared = 0;
    for (const [name, weights] of weightsOf(torch.result.checkpoint)) {
      for (const [i, weight] of weights.entries()) {
        const share = Math.abs((start.get(name)?.[i] ?? 0) - weight) / 1e-2;
        // Of the first step m̂ = g and v̂ = g²: the share |g| / (|g| + ε) tells |g|.
        if (share < 0.05 || share > 0.95) continue;
        const gradient = (0.02 * share) / (1 - share);
        const expected = gradient / (gradient + 0.02 / Math.sqrt(1 - 0.95));
        const found = Math.abs((start.get(name)?.[i] ?? 0) - (other.get(name)?.[i] ?? 0)) / 1e-2;
        expect(Math.abs(found - expected)).toBeLessThan(1e-4);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });

  it('β is fixed, or follows the KL by β (1 + clip(KL / target − 1, ±0.2) · n / horizon)', async () => {
    const settings = { iterations: 4, betaMode: 'adaptive' as const, klTarget: 0.02, klHorizon: 40 };
    const { reports } = await run('adaptive', { ...settings, learningRate: 1e-2 });
    for (const [i, { values }] of reports.slice(1).entries()) {
      const { beta = 0, klToReference = 0 } = reports[i]?.values ?? {};
      expect(values.beta).toBe(nextBeta(beta, klToReference, 8, settings));
    }
    // The policy starts as the reference: KL 0, so the clip's −0.2 · 8 / 40.
    expect(reports[0]?.values.beta).toBe(0.02);
    expect(reports[1]?.values.beta).toBeCloseTo(0.02 * (1 - 0.04), 12);
    const fixed = await run('fixed', { ...settings, betaMode: 'fixed' });
    expect(fixed.reports.map(({ values }) => values.beta)).toEqual([0.02, 0.02, 0.02, 0.02]);
  });

  it('reports every figure of an iteration', async () => {
    const { reports } = await run('figures', { ptxSources, ptxRowLength: 20, earlyStopKl: 1 });
    expect(Object.keys(reports[0]?.values ?? {}).sort()).toEqual(
      [
        ...[
          'rewardMean',
          'rewardStd',
          'scoreMean',
          'klToReference',
          'klToReferenceK3',
          'entropy',
          'totalReward',
        ],
        ...['returnMean', 'valueMean', 'explainedVariance', 'eotRate', 'responseLength'],
        ...['policyLoss', 'ptxLoss', 'valueLoss', 'gradientNorm', 'valueGradientNorm', 'policySteps'],
        ...['approxKl', 'clipFraction', 'ratioMean', 'ratioVariance', 'valueClipFraction'],
        ...['beta', 'learningRate', 'tokensPerSecond'],
        ...['secondsGeneration', 'secondsScoring', 'secondsTraining'],
      ].sort(),
    );
    for (const [name, value] of Object.entries(reports[0]?.values ?? {})) {
      expect(Number.isFinite(value), name).toBe(true);
    }
  });

  it('warns once when hardly any completion ends', async () => {
    const { reports, messages } = await run('endless', { iterations: 3, maxNewTokens: 1, batchSize: 4 });
    expect(reports.map(({ values }) => values.eotRate)).toEqual([0, 0, 0]);
    expect(messages.filter((line) => line.startsWith('Warning'))).toEqual([
      'Warning, iteration 1: only 0.0 % of completions ended within maxNewTokens: expected most of them to; more maxNewTokens give them room.',
    ]);
  });

  it('a loss that is no number stops the run, names step and prompts, and keeps the state before', async () => {
    const settings = { iterations: 3, minibatches: 4, checkpointEvery: 1, valueWarmupIterations: 1 };
    const { reports } = await run('sane', settings);
    const recording = recordingContext(join(folder, 'diverges'));
    const diverging = { ...config, ...settings, learningRate: 1e30 };
    await expect(runStage('ppo', diverging, recording.context)).rejects.toThrow(
      /^Step 2 was not taken: the loss of policy is .* on lines? [\d, and]+ of .*prompts\.jsonl, where finite numbers were expected; the state of step 1 is kept in /,
    );
    expect(readRunState(join(folder, 'diverges'))?.step).toBe(1);
    expect(existsSync(join(folder, 'diverges', 'model'))).toBe(false);
    expect(withoutTimes(recording.reports).map(({ step }) => step)).toEqual([1]);
    expect(withoutTimes(recording.reports)[0]?.values.valueLoss).toBe(reports[0]?.values.valueLoss);
  });
});
