import type { Comparison } from '../data/comparisons.ts';
import type { Prompt } from '../data/template.ts';
import type { Loss } from '../engine/gradients.ts';
import { tf } from '../engine/tf.ts';
import { mean } from '../evaluation/intervals.ts';
import {
  accuracyInterval,
  pairAccuracy,
  pairDifferences,
  type ScoredRanking,
} from '../evaluation/pair-accuracy.ts';
import { loadLanguageModel, loadTokenizer, readConfig } from '../model/checkpoint.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { DpoConfig } from './dpo.config.ts';
import { requireSameTokenizer, saveModel } from './shared/checkpoints.ts';
import { chunks, type Episode, layOut, measureResponses, responseLogProbs } from './shared/episodes.ts';
import { Learner } from './shared/learner.ts';
import { requireDpoMemory } from './shared/memory.ts';
import { gatherPairs, preferenceLoss, preferenceLossOf } from './shared/pairwise-loss.ts';
import { loadPreferences } from './shared/preferences.ts';
import { Run } from './shared/run.ts';
import { writeSamples } from './shared/samples.ts';
import { learningRateFactor } from './shared/schedule.ts';
import { ShuffledOrder, seedFor } from './shared/seeds.ts';
import { sumEach } from './shared/sum-each.ts';
import type { StageContext, StageResult } from './types.ts';

/**
 * Direct preference optimization (Rafailov et al. 2023): the policy is its own reward model. The implicit reward of a
 * completion is r = β Σ (log π − log π_ref) over its tokens, end-of-text included: a sum, never a mean.
 *
 * Loss: mean over the step's rankings of −1/C(K,2) Σ log σ(r_w − r_l) over the ranking's ordered pairs; a ranking is one
 * element of the batch, as in reward modelling, a tie no pair. Reported, over pairs and before the step's update: `loss`,
 * `accuracy` (the better completion has the higher implicit reward), `rewardChosen`, `rewardRejected`, `rewardMargin`,
 * `logProbChosen` and `logProbRejected` (nats per completion), `klFromReference` (nats per completion: Σ ratio − 1 − log
 * ratio, an estimate of KL(π_ref ‖ π) where the reference wrote the completions, otherwise how far the policy has moved
 * on them), `gradientNorm`, `learningRate`, `epoch`, `tokensPerSecond`. Every `validateEvery` steps the same on held-out
 * rankings as `validationLoss`, …, `validationAccuracy` with its 95 % interval (`…Low`, `…High`), bootstrapped over prompts.
 */
export async function runDpo(config: DpoConfig, context: StageContext): Promise<StageResult> {
  const tokenizer = loadTokenizer(config.model);
  if (config.reference !== null) requireSameTokenizer(config.model, config.reference);
  // The last token is predicted but not read, so one more fits than the context has cells.
  const data = loadPreferences(config, tokenizer, readConfig(config.model).contextLength + 1);
  const batchSize = Math.min(config.batchSize, data.training.length);
  const totalSteps = Math.ceil((config.epochs * data.training.length) / batchSize);
  requireDpoMemory(config, data.training);
  const inputs = [config.rankings, config.validation].filter((file) => file !== null);
  const run = await Run.open({ ...config, stage: 'dpo', config, inputs, totalSteps }, context);
  if (run.finished) return run.finished;
  for (const line of data.notes) run.message(line);

  // The reference is read once and freed: of its log-probabilities every step needs the same ones.
  const { padding } = tokenizer;
  const policy = await loadLanguageModel(config.model);
  try {
    const reference = config.reference === null ? policy : await loadLanguageModel(config.reference);
    let training: Preference[];
    let heldOut: Preference[];
    try {
      training = await withReference(data.training, reference, padding);
      heldOut = await withReference(data.heldOut, reference, padding);
    } finally {
      if (reference !== policy) reference.dispose();
    }

    const learner = new Learner('policy', policy.parameters, config);
    run.restore([learner]);
    const order = new ShuffledOrder(training.length, seedFor(config.seed, 'rankings'));
    if (!run.resumed) await run.reportSamples(0, await writeSamples(policy, tokenizer, config));

    try {
      for (let step = run.nextStep; ; step++) {
        const began = performance.now();
        const learningRate = config.learningRate * learningRateFactor(step, totalSteps, config);
        const rankings = order
          .take((step - 1) * batchSize, batchSize)
          .flatMap((index) => training[index] ?? []);
        const seen: Judged[] = [];
        const parts = lossParts(policy, rankings, padding, config, seen);
        const { loss, gradientNorm } = await learner.step(parts, learningRate);
        const values: Record<string, number> = {
          loss,
          ...describePairs(seen),
          gradientNorm,
          learningRate,
          epoch: (step * batchSize) / training.length,
          tokensPerSecond: (1000 * countTokens(rankings)) / (performance.now() - began),
        };
        const last = step === totalSteps;
        if (heldOut.length > 0 && (last || step % config.validateEvery === 0)) {
          Object.assign(values, await validate(policy, heldOut, padding, config));
        }
        await run.report(step, values);
        if (last || step % config.sampleEvery === 0) {
          await run.reportSamples(step, await writeSamples(policy, tokenizer, config));
        }

        const ended = await run.endStep(step, {
          learners: [learner],
          writeModel: (folder, metrics) =>
            saveModel(folder, policy, tokenizer, { stage: 'dpo', config, step, metrics }),
        });
        if (ended) return ended;
      }
    } finally {
      learner.dispose();
    }
  } finally {
    policy.dispose();
  }
}

/** A ranking's completions, its ordered pairs, and what the reference says of every response token. */
interface Preference {
  prompt: Prompt;
  completions: Episode[];
  pairs: readonly (readonly [number, number])[];
  referenceLogProbs: Float32Array[];
}

async function withReference(
  comparisons: readonly Comparison[],
  reference: LanguageModel,
  padding: number,
): Promise<Preference[]> {
  const rankings = comparisons.map(({ prompt, sequences, promptLengths, pairs }) => ({
    prompt,
    completions: sequences.map((tokens, i) => ({
      prompt: tokens.slice(0, promptLengths[i]),
      response: tokens.slice(promptLengths[i]),
      finished: true,
    })),
    pairs,
  }));
  const logProbs = await logProbsOf(reference, rankings, padding);
  return rankings.map((ranking, i) => ({ ...ranking, referenceLogProbs: logProbs[i] ?? [] }));
}

/** log π of every response token, for each completion of each ranking, without a gradient. */
async function logProbsOf(
  model: LanguageModel,
  rankings: readonly { completions: Episode[] }[],
  padding: number,
): Promise<Float32Array[][]> {
  const episodes = rankings.flatMap(({ completions }) => completions);
  const { logProbs } = await measureResponses(model, episodes, { temperature: 1, padding, chunk: 64 });
  let offset = 0;
  return rankings.map(({ completions }) => {
    offset += completions.length;
    return logProbs.slice(offset - completions.length, offset);
  });
}

/** The step's loss in parts of `microBatchSize` rankings; what the policy says on the way is added to `seen`. */
function* lossParts(
  policy: LanguageModel,
  rankings: readonly Preference[],
  padding: number,
  config: DpoConfig,
  seen: Judged[],
): Generator<Loss> {
  for (const micro of chunks(rankings, config.microBatchSize ?? rankings.length)) {
    const completions = micro.flatMap((ranking) => ranking.completions);
    const reference = flatten(micro.flatMap(({ referenceLogProbs }) => referenceLogProbs));
    const laidOut = layOut(completions, padding);
    const counted = micro.map(({ completions: own, pairs }) => ({ count: own.length, pairs }));
    yield (watch) => {
      const logProbs = responseLogProbs(policy, laidOut, 1);
      watch(logProbs, (values) => seen.push(...judge(micro, values, config.beta)));
      const counts = completions.map(({ response }) => response.length);
      const rewards = implicitRewards(logProbs, reference, counts, config.beta);
      return preferenceLoss(rewards, gatherPairs(counted, rankings.length), config);
    };
  }
}

/**
 * β Σ (log π − log π_ref) of each completion, float32 [completions].
 *
 * @param logProbs log π of all response tokens, float32 [N], completion by completion
 * @param reference log π_ref of the same tokens
 * @param counts the tokens of each completion
 */
export function implicitRewards(
  logProbs: tf.Tensor1D,
  reference: Float32Array,
  counts: readonly number[],
  beta: number,
): tf.Tensor1D {
  // Token by token before the sum: the differences are small, the sums are not.
  const logRatios = tf.sub<tf.Tensor1D>(logProbs, tf.tensor1d(reference));
  return tf.mul<tf.Tensor1D>(sumEach(logRatios, counts), beta);
}

/** What the policy says of a ranking's completions, by completion; `scores` are the implicit rewards. */
interface Judged extends ScoredRanking {
  /** Σ log π, nats */
  logProbs: number[];
  /** Σ ratio − 1 − log ratio, with ratio = π / π_ref, nats */
  kl: number[];
}

/** @param logProbs of all response tokens, ranking by ranking, completion by completion */
function judge(rankings: readonly Preference[], logProbs: ArrayLike<number>, beta: number): Judged[] {
  let at = 0;
  return rankings.map(({ prompt, pairs, referenceLogProbs }) => {
    const completions = referenceLogProbs.map((reference) => {
      const sums = { logRatio: 0, logProb: 0, kl: 0 };
      for (const referenceLogProb of reference) {
        const logProb = logProbs[at++] ?? Number.NaN;
        const logRatio = logProb - referenceLogProb;
        sums.logRatio += logRatio;
        sums.logProb += logProb;
        sums.kl += Math.expm1(logRatio) - logRatio;
      }
      return sums;
    });
    return {
      prompt,
      pairs,
      scores: completions.map(({ logRatio }) => beta * logRatio),
      logProbs: completions.map(({ logProb }) => logProb),
      kl: completions.map(({ kl }) => kl),
    };
  });
}

/** The reported numbers: means over all pairs, and over all completions for `klFromReference`. */
function describePairs(rankings: readonly Judged[]): Record<string, number> {
  const of = (side: 0 | 1, values: (ranking: Judged) => readonly number[]): number =>
    mean(
      rankings.flatMap((ranking) => ranking.pairs.map((pair) => values(ranking)[pair[side]] ?? Number.NaN)),
    );
  const rewardChosen = of(0, ({ scores }) => scores);
  const rewardRejected = of(1, ({ scores }) => scores);
  return {
    accuracy: pairAccuracy(rankings),
    rewardChosen,
    rewardRejected,
    rewardMargin: rewardChosen - rewardRejected,
    logProbChosen: of(0, ({ logProbs }) => logProbs),
    logProbRejected: of(1, ({ logProbs }) => logProbs),
    klFromReference: mean(rankings.flatMap(({ kl }) => kl)),
  };
}

async function validate(
  policy: LanguageModel,
  heldOut: readonly Preference[],
  padding: number,
  config: DpoConfig,
): Promise<Record<string, number>> {
  const logProbs = flatten((await logProbsOf(policy, heldOut, padding)).flat());
  const judged = judge(heldOut, logProbs, config.beta);
  const losses = judged.map((ranking) =>
    mean(pairDifferences(ranking).map((difference) => preferenceLossOf(difference, config))),
  );
  const { low, high } = accuracyInterval(judged, { seed: config.seed });
  const values = Object.entries(describePairs(judged)).map(([name, value]): [string, number] => [
    `validation${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    value,
  ]);
  return {
    validationLoss: mean(losses),
    ...Object.fromEntries(values),
    validationAccuracyLow: low,
    validationAccuracyHigh: high,
  };
}

function flatten(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

function countTokens(rankings: readonly Preference[]): number {
  return rankings
    .flatMap(({ completions }) => completions)
    .reduce((sum, { prompt, response }) => sum + prompt.length + response.length, 0);
}
