import { z } from 'zod';
import { stopTokensOf } from '../data/conversation.ts';
import { encodePrompt } from '../data/demonstrations.ts';
import { readPrompts } from '../data/json-lines.ts';
import type { Loss } from '../engine/gradients.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import { loadLanguageModel, loadScalarModel, loadTokenizer, readMetadata } from '../model/checkpoint.ts';
import { generate } from '../model/generate.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { ScalarModel } from '../model/scalar-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { PpoConfig } from './ppo.config.ts';
import { estimateAdvantages, moments, whiten } from './shared/advantages.ts';
import { requireSameTokenizer, saveModel } from './shared/checkpoints.ts';
import { clippedPolicyLoss, clippedValueLoss, countRatios, type RatioSums } from './shared/clipped-losses.ts';
import {
  chunks,
  type Episode,
  layOut,
  measureResponses,
  measureValues,
  responseLogProbs,
  responseValues,
  scoreSequences,
} from './shared/episodes.ts';
import { nextBeta } from './shared/kl-controller.ts';
import { Learner } from './shared/learner.ts';
import { requirePpoMemory } from './shared/memory.ts';
import { Run } from './shared/run.ts';
import { writeSamples } from './shared/samples.ts';
import { learningRateFactor } from './shared/schedule.ts';
import { ShuffledOrder, seedFor } from './shared/seeds.ts';
import type { StageContext, StageResult } from './types.ts';

/**
 * Proximal policy optimization against a reward model (Schulman et al. 2017; InstructGPT, section 3.5).
 *
 * Two models learn: the policy, which starts as the SFT model, and the value model, which starts as the reward model. Two
 * stay as they are: the reference (the SFT model) and the reward model. One iteration: the policy writes completions, these
 * are scored, advantages are estimated, and both models take `epochs` × `minibatches` optimizer steps on them.
 *
 * docs of the metrics: see `measureIteration` and `update`.
 */
export async function runPpo(config: PpoConfig, context: StageContext): Promise<StageResult> {
  requireSameTokenizer(config.model, config.reward);
  requirePpoMemory(config);
  const totalSteps = config.iterations;
  const run = await Run.open(
    { ...config, stage: 'ppo', config, inputs: [config.prompts], totalSteps },
    context,
  );
  if (run.finished) return run.finished;

  const tokenizer = loadTokenizer(config.model);
  const models = await loadModels(config);
  const { policy, valueModel } = models;
  const policyLearner = new Learner('policy', policy.parameters, config);
  const valueLearner = new Learner('value', valueModel.parameters, config);
  const learners = [policyLearner, valueLearner];
  try {
    const prompts = loadPrompts(config, tokenizer, policy.config.contextLength, (line) => run.message(line));
    const order = new ShuffledOrder(prompts.length, seedFor(config.seed, 'prompts'));
    let beta = config.beta;
    const score = (sequences: number[][]): Promise<number[]> =>
      scoreNormalized(models, sequences, tokenizer, config);
    if (run.resumed) {
      run.restore(learners);
      beta = extraState.parse(run.resumed.extra).beta;
    } else {
      await run.reportSamples(0, await writeSamples(policy, tokenizer, config, { score }));
    }

    for (let iteration = run.nextStep; ; iteration++) {
      const began = performance.now();
      const chosen = order
        .take((iteration - 1) * config.batchSize, config.batchSize)
        .flatMap((index) => [prompts[index] ?? []]);
      const episodes = await rollOut(policy, chosen, tokenizer, config, iteration);
      const generated = performance.now();

      const rollout = await scoreRollout(models, episodes, tokenizer, config, beta);
      const measured = measureIteration(rollout, config);
      const scored = performance.now();

      const factor = learningRateFactor(iteration, totalSteps, config);
      const updated = await update(models, policyLearner, valueLearner, rollout, tokenizer, config, {
        iteration,
        learningRate: config.learningRate * factor,
        valueLearningRate: config.valueLearningRate * factor,
      });
      const trained = performance.now();

      await run.report(iteration, {
        ...measured,
        ...updated,
        beta,
        learningRate: config.learningRate * factor,
        secondsGeneration: (generated - began) / 1000,
        secondsScoring: (scored - generated) / 1000,
        secondsTraining: (trained - scored) / 1000,
        tokensPerSecond: (1000 * rollout.tokens) / (trained - began),
      });
      beta = nextBeta(beta, measured.klToReference, config.batchSize, config);
      const last = iteration === totalSteps;
      if (last || iteration % config.sampleEvery === 0) {
        await run.reportSamples(iteration, await writeSamples(policy, tokenizer, config, { score }));
      }

      const ended = await run.endStep(iteration, {
        learners,
        extra: { beta },
        writeModel: (folder, metrics) =>
          saveModel(folder, policy, tokenizer, { stage: 'ppo', config, step: iteration, metrics }),
      });
      if (ended) return ended;
    }
  } finally {
    for (const learner of learners) learner.dispose();
    for (const model of [policy, models.reference, models.reward, valueModel]) model.dispose();
  }
}

const extraState = z.strictObject({ beta: z.number() });

interface Models {
  policy: LanguageModel;
  reference: LanguageModel;
  reward: ScalarModel;
  valueModel: ScalarModel;
  /** The reward model's normalisation: gain · score + bias. */
  gain: number;
  bias: number;
}

async function loadModels(config: PpoConfig): Promise<Models> {
  const reference = await loadLanguageModel(config.model);
  const policy = reference.clone();
  const reward = await loadScalarModel(config.reward);
  const metadata = readMetadata(config.reward);
  const gain = metadata?.rewardGain ?? 1;
  const bias = metadata?.rewardBias ?? 0;
  // The value model predicts normalised scores: the gain goes into its head, the bias is added to what it says.
  const valueModel = reward.clone();
  const head = valueModel.parameters.get('score.weight');
  if (!head) throw new TrainerError(`${config.reward} has no score head.`);
  tf.tidy(() => head.assign(tf.mul(head, gain)));
  return { policy, reference, reward, valueModel, gain, bias };
}

function loadPrompts(
  config: PpoConfig,
  tokenizer: Tokenizer,
  contextLength: number,
  onMessage: (line: string) => void,
): number[][] {
  const room = contextLength - config.maxNewTokens;
  if (room < 1) {
    throw new TrainerError(
      `maxNewTokens is ${config.maxNewTokens} and the policy's context ${contextLength} tokens: expected room for a prompt.`,
    );
  }
  const encoded = [...readPrompts(config.prompts)].map(({ prompt }) => encodePrompt(prompt, tokenizer, room));
  if (encoded.length === 0)
    throw new TrainerError(`${config.prompts} holds no prompt: expected at least one line.`);
  const cut = encoded.filter((prompt) => prompt.cut > 0).length;
  onMessage(
    `${encoded.length} prompts${cut > 0 ? `, ${cut} of them longer than ${room} tokens and cut at their beginning` : ''}.`,
  );
  return encoded.map(({ tokens }) => tokens);
}

/** The policy writes a completion to each prompt. Tokens come from the whole distribution, or ratios would mean nothing. */
async function rollOut(
  policy: LanguageModel,
  prompts: number[][],
  tokenizer: Tokenizer,
  config: PpoConfig,
  iteration: number,
): Promise<Episode[]> {
  const generations = await generate(policy, prompts, {
    maxNewTokens: config.maxNewTokens,
    temperature: config.temperature,
    seed: seedFor(config.seed, 'rollout', iteration),
    stopTokens: stopTokensOf(tokenizer),
    vocabularyLimit: tokenizer.vocabularySize,
    batchSize: config.batchSize,
  });
  return generations.map(({ tokens, finished }, i) => ({
    prompt: prompts[i] ?? [],
    response: tokens,
    finished,
  }));
}

/** One episode with everything that the update needs, per response token. */
interface ScoredEpisode extends Episode {
  /** Normalised, as the reward model gave it. */
  score: number;
  logProbs: Float32Array;
  referenceLogProbs: Float32Array;
  entropies: Float32Array;
  values: Float32Array;
  rewards: Float64Array;
  advantages: Float64Array;
  returns: Float64Array;
}

interface Rollout {
  episodes: ScoredEpisode[];
  /** Response tokens in all. */
  tokens: number;
}

/** Scores what the policy wrote, and estimates advantages. */
async function scoreRollout(
  { policy, reference, reward, valueModel, gain, bias }: Models,
  episodes: Episode[],
  tokenizer: Tokenizer,
  config: PpoConfig,
  beta: number,
): Promise<Rollout> {
  const { padding } = tokenizer;
  const { temperature } = config;
  const chunk = config.microBatchSize ?? config.batchSize / config.minibatches;
  const sequences = episodes.map(({ prompt, response }) => [...prompt, ...response]);
  const raw = await scoreSequences(reward, sequences, { padding, chunk });
  const scores = raw.map((score) => gain * score + bias);
  const measured = await measureResponses(policy, episodes, { temperature, padding, chunk });
  const referenced = await measureResponses(reference, episodes, { temperature, padding, chunk });
  const values = await measureValues(valueModel, episodes, { padding, chunk, bias });

  const rewards = episodes.map((episode, i) => {
    const score = scores[i] ?? Number.NaN;
    return tokenRewards(
      measured.logProbs[i] ?? new Float32Array(),
      referenced.logProbs[i] ?? new Float32Array(),
      beta,
      episode.finished ? score : unfinishedScore(score, config),
    );
  });
  const whitened = config.whitenRewards ? whitenEach(rewards, true) : rewards;
  const estimates = whitened.map((own, i) => estimateAdvantages(own, values[i] ?? [], config));
  const advantages = estimates.map((estimate) => estimate.advantages);
  const finalAdvantages = config.whitenAdvantages === 'batch' ? whitenEach(advantages) : advantages;
  return {
    tokens: episodes.reduce((sum, { response }) => sum + response.length, 0),
    episodes: episodes.map((episode, i) => ({
      ...episode,
      score: scores[i] ?? Number.NaN,
      logProbs: measured.logProbs[i] ?? new Float32Array(),
      referenceLogProbs: referenced.logProbs[i] ?? new Float32Array(),
      entropies: measured.entropies[i] ?? new Float32Array(),
      values: values[i] ?? new Float32Array(),
      rewards: whitened[i] ?? new Float64Array(),
      advantages: finalAdvantages[i] ?? new Float64Array(),
      returns: estimates[i]?.returns ?? new Float64Array(),
    })),
  };
}

/** reward_t = −β (log π_t − log π_ref,t), and the score at the last token (not one later, as TRL has it). */
export function tokenRewards(
  logProbs: Float32Array,
  referenceLogProbs: Float32Array,
  beta: number,
  score: number,
): Float64Array {
  const rewards = Float64Array.from(
    logProbs,
    (logProb, t) => -beta * (logProb - (referenceLogProbs[t] ?? 0)),
  );
  const last = rewards.length - 1;
  rewards[last] = (rewards[last] ?? 0) + score;
  return rewards;
}

/** What a completion without an end is worth. */
function unfinishedScore(score: number, config: PpoConfig): number {
  return config.missingEndOfTextScore ?? score - config.missingEndOfTextPenalty;
}

/** Whitens values of several episodes together. */
function whitenEach(parts: readonly Float64Array[], keepMean = false): Float64Array[] {
  const whitened = whiten(concatenate(parts), keepMean);
  let offset = 0;
  return parts.map((part) => {
    offset += part.length;
    return whitened.slice(offset - part.length, offset);
  });
}

/**
 * What the rollout shows, before the update: `rewardMean` and `rewardStd` (normalised reward-model score of an episode),
 * `scoreMean` (the same after the rule for missing ends), `klToReference` (k1: Σ log π − log π_ref of an episode, mean) and
 * `klToReferenceK3` (never negative; Schulman 2020), `entropy` (nats per token), `totalReward` (score and KL of an
 * episode), `returnMean`, `valueMean`, `explainedVariance` (of returns by values), `eotRate` (share of episodes that
 * ended), `responseLength` (tokens).
 */
function measureIteration({ episodes, tokens }: Rollout, config: PpoConfig) {
  let klToReference = 0;
  let klToReferenceK3 = 0;
  let totalReward = 0;
  for (const { logProbs, referenceLogProbs, rewards } of episodes) {
    for (let t = 0; t < logProbs.length; t++) {
      const difference = (logProbs[t] ?? 0) - (referenceLogProbs[t] ?? 0);
      klToReference += difference;
      klToReferenceK3 += Math.expm1(-difference) + difference;
      totalReward += rewards[t] ?? 0;
    }
  }
  const count = episodes.length;
  const score = moments(episodes.map((episode) => episode.score));
  const given = episodes.map((episode) =>
    episode.finished ? episode.score : unfinishedScore(episode.score, config),
  );
  const returns = concatenate(episodes.map((episode) => episode.returns));
  const values = concatenate(episodes.map((episode) => episode.values));
  const errors = returns.map((value, i) => value - (values[i] ?? 0));
  const spread = moments(returns).variance;
  return {
    rewardMean: score.mean,
    rewardStd: Math.sqrt(score.variance),
    scoreMean: moments(given).mean,
    klToReference: klToReference / count,
    klToReferenceK3: klToReferenceK3 / count,
    entropy: moments(concatenate(episodes.map((episode) => episode.entropies))).mean,
    totalReward: totalReward / count,
    returnMean: moments(returns).mean,
    valueMean: moments(values).mean,
    explainedVariance: spread > 0 ? 1 - moments(errors).variance / spread : 0,
    eotRate: episodes.filter((episode) => episode.finished).length / count,
    responseLength: tokens / count,
  };
}

interface UpdateSettings {
  iteration: number;
  learningRate: number;
  valueLearningRate: number;
}

/**
 * `epochs` passes over the episodes in minibatches, each one optimizer step of policy and value model. Reported, as means
 * over minibatches: `policyLoss`, `valueLoss` (before its coefficient), `gradientNorm` and `valueGradientNorm` (before
 * clipping), and over all tokens seen `approxKl` (old to new policy, k3), `clipFraction`, `ratioMean`, `ratioVariance`,
 * `valueClipFraction`.
 */
async function update(
  { policy, valueModel, bias }: Models,
  policyLearner: Learner,
  valueLearner: Learner,
  { episodes }: Rollout,
  tokenizer: Tokenizer,
  config: PpoConfig,
  { iteration, learningRate, valueLearningRate }: UpdateSettings,
): Promise<Record<string, number>> {
  const size = config.batchSize / config.minibatches;
  const micro = config.microBatchSize ?? size;
  const order = new ShuffledOrder(episodes.length, seedFor(config.seed, 'minibatches', iteration));
  const ratios: RatioSums = { tokens: 0, clipped: 0, kl: 0, ratio: 0, ratioSquared: 0 };
  const policySteps: { loss: number; gradientNorm: number }[] = [];
  const valueSteps: { loss: number; gradientNorm: number }[] = [];
  let valuesClipped = 0;
  let valuesSeen = 0;

  for (let minibatch = 0; minibatch < config.epochs * config.minibatches; minibatch++) {
    const chosen = order.take(minibatch * size, size).flatMap((index) => episodes[index] ?? []);
    const divisor = chosen.reduce((sum, { response }) => sum + response.length, 0);
    const raw = chosen.map((episode) => episode.advantages);
    const advantages = config.whitenAdvantages === 'minibatch' ? whitenEach(raw) : raw;
    const parts = chunks(
      chosen.map((episode, i) => ({ ...episode, advantages: advantages[i] ?? new Float64Array() })),
      micro,
    );

    if (iteration > config.valueWarmupIterations) {
      const losses = parts.map(
        (part): Loss =>
          (watch) => {
            const old = Float32Array.from(concatenate(part.map((episode) => episode.logProbs)));
            const advantage = Float32Array.from(concatenate(part.map((episode) => episode.advantages)));
            const logProbs = responseLogProbs(policy, layOut(part, tokenizer.padding), config.temperature);
            watch(logProbs, (values) => countRatios(ratios, values, old, config.ratioClip));
            return clippedPolicyLoss(logProbs, old, advantage, config.ratioClip, divisor);
          },
      );
      policySteps.push(await policyLearner.step(losses, learningRate));
    }

    const losses = parts.map(
      (part): Loss =>
        (watch) => {
          const old = Float32Array.from(concatenate(part.map((episode) => episode.values)));
          const returns = Float32Array.from(concatenate(part.map((episode) => episode.returns)));
          const values = responseValues(valueModel, layOut(part, tokenizer.padding), bias);
          watch(values, (numbers) => {
            for (const [i, value] of numbers.entries()) {
              valuesSeen += 1;
              if (Math.abs(value - (old[i] ?? 0)) > config.valueClip) valuesClipped += 1;
            }
          });
          const loss = clippedValueLoss(values, old, returns, config.valueClip, divisor);
          return tf.mul<tf.Scalar>(loss, config.valueCoefficient);
        },
    );
    valueSteps.push(await valueLearner.step(losses, valueLearningRate));
  }

  const values: Record<string, number> = {
    valueLoss: moments(valueSteps.map(({ loss }) => loss)).mean / config.valueCoefficient,
    valueGradientNorm: moments(valueSteps.map(({ gradientNorm }) => gradientNorm)).mean,
    valueClipFraction: valuesClipped / valuesSeen,
  };
  if (policySteps.length > 0) {
    const ratioMean = ratios.ratio / ratios.tokens;
    Object.assign(values, {
      policyLoss: moments(policySteps.map(({ loss }) => loss)).mean,
      gradientNorm: moments(policySteps.map(({ gradientNorm }) => gradientNorm)).mean,
      approxKl: ratios.kl / ratios.tokens,
      clipFraction: ratios.clipped / ratios.tokens,
      ratioMean,
      ratioVariance: Math.max(0, ratios.ratioSquared / ratios.tokens - ratioMean ** 2),
    });
  }
  return values;
}

/** Normalised scores of whole sequences. */
async function scoreNormalized(
  { reward, gain, bias }: Models,
  sequences: number[][],
  { padding }: Tokenizer,
  config: PpoConfig,
): Promise<number[]> {
  const chunk = config.microBatchSize ?? config.batchSize;
  const scores = await scoreSequences(reward, sequences, { padding, chunk });
  return scores.map((score) => gain * score + bias);
}

function concatenate(parts: readonly ArrayLike<number>[]): Float64Array {
  const whole = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
