/**
 * The first optimizer steps of each stage's loss, held against an implementation in PyTorch that shares no code with ours
 * (make_trajectories.py, which also says how its figures are made again).
 */
import { readFileSync } from 'node:fs';
import { rightPadded, selectRows, type TrainingBatch } from '@touchstone/trainer/data/batch.ts';
import { orderedPairs } from '@touchstone/trainer/data/comparisons.ts';
import { packDemonstrations } from '@touchstone/trainer/data/demonstrations.ts';
import type { Loss } from '@touchstone/trainer/engine/gradients.ts';
import { nativeDevices } from '@touchstone/trainer/engine/testing/devices.ts';
import { tf } from '@touchstone/trainer/engine/tf.ts';
import { LanguageModel, parameterSpecs } from '@touchstone/trainer/model/language-model.ts';
import { ScalarModel } from '@touchstone/trainer/model/scalar-model.ts';
import { implicitRewards } from '@touchstone/trainer/stages/dpo.ts';
import { estimateAdvantages, whiten } from '@touchstone/trainer/stages/shared/advantages.ts';
import {
  clippedPolicyLoss,
  clippedValueLoss,
  countRatios,
} from '@touchstone/trainer/stages/shared/clipped-losses.ts';
import { tokenRewards } from '@touchstone/trainer/stages/shared/episode-rewards.ts';
import {
  layOut,
  measureResponses,
  measureValues,
  responseLogProbs,
  responseValues,
} from '@touchstone/trainer/stages/shared/episodes.ts';
import { countedWeight, summedLoss } from '@touchstone/trainer/stages/shared/language-model-loss.ts';
import { Learner } from '@touchstone/trainer/stages/shared/learner.ts';
import {
  gatherPairs,
  pairwiseLoss,
  preferenceLoss,
} from '@touchstone/trainer/stages/shared/pairwise-loss.ts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const expected = z
  .object({
    stages: z.record(
      z.enum(['pretrain', 'sft', 'reward', 'dpo', 'ppo']),
      z.array(z.record(z.string(), z.number())),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('./trajectories.json', import.meta.url), 'utf8'))).stages;

const STEPS = 6;
const RATE = 3e-3;
const PADDING = 0;
const config = { vocabularySize: 23, contextLength: 16, width: 16, layers: 2, heads: 2 };
const optimizer = {
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  epsilonForm: 'pytorch',
  weightDecay: 0.1,
  gradientClip: 1,
} as const;

/** A number in [−1, 1) that looks random, and is the same everywhere: the digits of a sine far behind the point. */
function noise(tensor: number, index: number): number {
  const digits = 10_000 * Math.sin(index + 1 + 0.618034 * (tensor + 1));
  return 2 * (digits - Math.floor(digits)) - 1;
}

function values(tensor: number, size: number, start: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => start + 0.2 * noise(tensor, i));
}

/** @param first the number of the first tensor: another one, another model */
function createModel(first: number): LanguageModel {
  const weights = [...parameterSpecs(config)].map(([name, { shape }], number): [string, Float32Array] => {
    const isGain = name.endsWith('.weight') && name.includes('ln_');
    return [name, values(first + number, tf.util.sizeFromShape(shape), isGain ? 1 : 0)];
  });
  return LanguageModel.fromValues(config, new Map(weights));
}

function createScalarModel(first: number): ScalarModel {
  return ScalarModel.fromParts(createModel(first), values(first + parameterSpecs(config).size, 16, 0));
}

function sequence(row: number, length: number): number[] {
  return Array.from(
    { length },
    (_, column) => 2 + ((7 * row * row + 5 * column * column + 3 * row * column) % 21),
  );
}

/** Loss and gradient norm of every step, compared with PyTorch's. */
async function follow(stage: 'pretrain' | 'sft' | 'reward' | 'dpo', learner: Learner, parts: () => Loss[]) {
  for (let step = 0; step < STEPS; step++) compare(stage, step, await learner.step(parts(), RATE));
  learner.dispose();
}

/** Float32 against float64: what rounding leaves after six steps. */
function compare(stage: keyof typeof expected, step: number, found: Record<string, number>): void {
  const wanted = expected[stage]?.[step] ?? {};
  for (const [name, value] of Object.entries(wanted)) {
    const difference = Math.abs((found[name] ?? Number.NaN) - value) / Math.max(1, Math.abs(value));
    expect(difference, `${stage}, step ${step + 1}: ${name} ${found[name]}, PyTorch ${value}`).toBeLessThan(
      5e-5,
    );
  }
}

/** One part a row, each divided by what the whole batch counts. */
function rowByRow(model: LanguageModel, batch: TrainingBatch): Loss[] {
  const divisor = countedWeight(batch);
  return Array.from(
    { length: batch.rows },
    (_, row) => () => tf.div<tf.Scalar>(summedLoss(model, selectRows(batch, [row])), divisor),
  );
}

describe.each(nativeDevices)(
  'on $name, the losses of the first steps are those of PyTorch (5e-5):',
  ({ open }) => {
    it('pretraining', async () => {
      await open();
      const model = createModel(0);
      const rows = [0, 1, 2].map((row) => ({
        prompt: sequence(row, 13).slice(0, 1),
        response: sequence(row, 13).slice(1),
      }));
      const batch = packDemonstrations(rows, 12, PADDING);
      expect(batch.rows).toBe(3);
      await follow('pretrain', new Learner('model', model.parameters, optimizer), () => [
        () => tf.div<tf.Scalar>(summedLoss(model, batch), countedWeight(batch)),
      ]);
      model.dispose();
    });

    it('supervised fine-tuning, packed or cut into micro-batches of unequal token counts', async () => {
      await open();
      const examples = [
        { prompt: 4, tokens: sequence(0, 9) },
        { prompt: 2, tokens: sequence(1, 12) },
        { prompt: 5, tokens: sequence(2, 7) },
      ].map(({ prompt, tokens }) => ({ prompt: tokens.slice(0, prompt), response: tokens.slice(prompt) }));
      const packed = packDemonstrations(examples, 16, PADDING);
      expect(packed.rows).toBe(2);
      const whole = createModel(0);
      await follow('sft', new Learner('model', whole.parameters, optimizer), () => [
        () => tf.div<tf.Scalar>(summedLoss(whole, packed), countedWeight(packed)),
      ]);
      const cut = createModel(0);
      await follow('sft', new Learner('model', cut.parameters, optimizer), () => rowByRow(cut, packed));
      whole.dispose();
      cut.dispose();
    });

    it('reward modelling: rankings of unequal length with ties', async () => {
      await open();
      const model = createScalarModel(0);
      const rankings = [
        { ranks: [1, 3, 2, 3], texts: [sequence(0, 6), sequence(1, 4), sequence(2, 9), sequence(3, 7)] },
        { ranks: [2, 1], texts: [sequence(4, 5), sequence(5, 8)] },
        { ranks: [1, 1, 2], texts: [sequence(6, 7), sequence(7, 7), sequence(8, 3)] },
      ].map(({ ranks, texts }) => ({ texts, count: texts.length, pairs: orderedPairs(ranks) }));
      const parts = (): Loss[] =>
        rankings.map((ranking) => () => {
          const scores = model.scores(rightPadded(ranking.texts, PADDING));
          return pairwiseLoss(scores, gatherPairs([ranking], rankings.length));
        });
      await follow('reward', new Learner('model', model.parameters, optimizer), parts);
      model.dispose();
    });

    it('DPO: against the log-probabilities of another model, whole completions', async () => {
      await open();
      const policy = createModel(0);
      const reference = createModel(100);
      const rankings = [
        { prompt: 3, texts: [sequence(0, 8), [...sequence(0, 3), ...sequence(3, 6)]] },
        { prompt: 2, texts: [sequence(1, 9), [...sequence(1, 2), ...sequence(4, 3)]] },
      ].map(({ prompt, texts }) =>
        texts.map((text) => ({
          prompt: text.slice(0, prompt),
          response: text.slice(prompt),
          finished: true,
        })),
      );
      const how = { temperature: 1, padding: PADDING, chunk: 2 };
      const loss = { beta: 0.1, loss: 'sigmoid', labelSmoothing: 0 } as const;
      const pair = { count: 2, pairs: [[0, 1]] as const };
      const parts = await Promise.all(
        rankings.map(async (completions): Promise<Loss> => {
          const { logProbs } = await measureResponses(reference, completions, how);
          const referenced = Float32Array.from(logProbs.flatMap((own) => [...own]));
          const counts = completions.map(({ response }) => response.length);
          return () => {
            const found = responseLogProbs(policy, layOut(completions, PADDING), 1);
            const rewards = implicitRewards(found, referenced, counts, loss.beta);
            return preferenceLoss(rewards, gatherPairs([pair], rankings.length), loss);
          };
        }),
      );
      await follow('dpo', new Learner('policy', policy.parameters, optimizer), () => parts);
      policy.dispose();
      reference.dispose();
    });

    it('PPO: rewards, advantages, and six passes over one rollout', async () => {
      await open();
      const policy = createModel(0);
      const reference = createModel(100);
      const value = createScalarModel(200);
      const scores = [0.7, -1, 1.3];
      const episodes = [
        { prompt: 3, tokens: sequence(0, 8) },
        { prompt: 2, tokens: sequence(1, 11) },
        { prompt: 4, tokens: sequence(2, 6) },
      ].map(({ prompt, tokens }) => ({
        prompt: tokens.slice(0, prompt),
        response: tokens.slice(prompt),
        finished: true,
      }));
      const how = { temperature: 0.7, padding: PADDING, chunk: 2 };
      const old = (await measureResponses(policy, episodes, how)).logProbs;
      const referenced = (await measureResponses(reference, episodes, how)).logProbs;
      const oldValues = await measureValues(value, episodes, { padding: PADDING, chunk: 2, bias: 0 });
      const estimates = episodes.map((_, i) => {
        const [mine, theirs, score] = [old[i], referenced[i], scores[i]];
        if (!mine || !theirs || score === undefined) throw new Error(`Episode ${i} was not measured.`);
        return estimateAdvantages(tokenRewards(mine, theirs, 0.05, score), oldValues[i] ?? [], {
          gamma: 1,
          lambda: 0.95,
        });
      });
      const flat = (parts: Iterable<number>[]): Float32Array =>
        Float32Array.from(parts.flatMap((part) => [...part]));
      const advantages = Float32Array.from(whiten(flat(estimates.map((estimate) => estimate.advantages))));
      const returns = flat(estimates.map((estimate) => estimate.returns));
      const [oldLogProbs, before] = [flat(old), flat(oldValues)];
      const policyLearner = new Learner('policy', policy.parameters, optimizer);
      const valueLearner = new Learner('value', value.parameters, optimizer);
      const laidOut = layOut(episodes, PADDING);
      for (let step = 0; step < STEPS; step++) {
        const ratios = { tokens: 0, clipped: 0, kl: 0, ratio: 0, ratioSquared: 0 };
        const policyLoss: Loss = (watch) => {
          const logProbs = responseLogProbs(policy, laidOut, 0.7);
          watch(logProbs, (numbers) => countRatios(ratios, numbers, oldLogProbs, 0.2));
          return clippedPolicyLoss(logProbs, oldLogProbs, advantages, 0.2, advantages.length);
        };
        const valueLoss: Loss = () =>
          tf.mul<tf.Scalar>(
            clippedValueLoss(responseValues(value, laidOut, 0), before, returns, 0.2, returns.length),
            0.1,
          );
        compare('ppo', step, {
          policyLoss: (await policyLearner.step([policyLoss], RATE)).loss,
          valueLoss: (await valueLearner.step([valueLoss], RATE)).loss,
          approxKl: ratios.kl / ratios.tokens,
          clipFraction: ratios.clipped / ratios.tokens,
        });
      }
      for (const learner of [policyLearner, valueLearner]) learner.dispose();
      for (const model of [policy, reference, value]) model.dispose();
    });
  },
);
