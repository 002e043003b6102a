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
import { concatenate, whitenEach } from './shared/advantages.ts';
import { requireSameTokenizer, saveModel, weightFiles } from './shared/checkpoints.ts';
import { clippedPolicyLoss, clippedValueLoss, countRatios } from './shared/clipped-losses.ts';
import { type ScoredEpisode, scoreEpisodes } from './shared/episode-rewards.ts';
import {
  chunks,
  type Episode,
  layOut,
  type MeasuredEpisode,
  measureResponses,
  measureValues,
  responseLogProbs,
  responseValues,
  scoreSequences,
} from './shared/episodes.ts';
import { nextBeta } from './shared/kl-controller.ts';
import { Learner, type StepPlace } from './shared/learner.ts';
import { requirePpoMemory } from './shared/memory.ts';
import { PpoWarnings } from './shared/ppo-warnings.ts';
import { mixtureState } from './shared/pretraining-data.ts';
import { PretrainingMix } from './shared/pretraining-mix.ts';
import { RolloutFiles } from './shared/rollout-files.ts';
import { measureRollout } from './shared/rollout-metrics.ts';
import { Run, type StepEnd } from './shared/run.ts';
import { writeSamples } from './shared/samples.ts';
import { learningRateFactor } from './shared/schedule.ts';
import { ShuffledOrder, seedFor } from './shared/seeds.ts';
import { takeTurn } from './shared/turn.ts';
import { measureUpdate, newProgress, type UpdateProgress, updateProgress } from './shared/update-progress.ts';
import { WeightAverage } from './shared/weight-average.ts';
import type { StageContext, StageResult } from './types.ts';

/**
 * Proximal policy optimization against a reward model (Schulman et al. 2017; InstructGPT, section 3.5).
 *
 * Two models learn: the policy, which starts as the SFT model, and the value model, which starts as the reward model. Two
 * stay as they are: the reference (the SFT model) and the reward model. One iteration: the policy writes completions, these
 * are scored, advantages are estimated, and both models take `epochs` × `minibatches` optimizer steps on them.
 *
 * An abort is heeded between two parts of a rollout, two passes of scoring and two minibatches: what is done so far is kept,
 * and the run goes on from there. A kill costs the minibatches since the last saved state, and no finished rollout.
 *
 * Docs of the metrics: see `measureRollout` and `measureUpdate`.
 */
export async function runPpo(config: PpoConfig, context: StageContext): Promise<StageResult> {
  requireSameTokenizer(config.model, config.reward);
  requirePpoMemory(config);
  const totalSteps = config.iterations;
  const sources = config.ptxSources.map(({ path }) => path);
  const inputs = [config.prompts, ...sources, ...weightFiles(config.model), ...weightFiles(config.reward)];
  const run = await Run.open({ ...config, stage: 'ppo', config, inputs, totalSteps }, context);
  if (run.finished) return run.finished;

  const tokenizer = loadTokenizer(config.model);
  const models = await loadModels(config);
  const { policy, valueModel } = models;
  const average = config.emaDecay === null ? null : new WeightAverage(policy, config.emaDecay);
  const learners = {
    policy: new Learner('policy', policy.trainable, config),
    value: new Learner('value', valueModel.trainable, config),
  };
  const kept = [learners.policy, learners.value, ...(average ? [average] : [])];
  const rollouts = new RolloutFiles(context.runFolder, run.identity);
  const warnings = new PpoWarnings();
  try {
    const prompts = loadPrompts(config, tokenizer, models, (line) => run.message(line));
    const order = new ShuffledOrder(prompts.length, seedFor(config.seed, 'prompts'));
    const mix =
      sources.length > 0 ? new PretrainingMix(config, tokenizer, policy.config.contextLength) : null;
    const score = (sequences: number[][]): Promise<number[]> =>
      scoreNormalized(models, sequences, tokenizer, config);
    let beta = config.beta;
    let firstEntropy: number | null = null;
    let interrupted: UpdateProgress | null = null;
    if (run.resumed) {
      run.restore(kept);
      const extra = extraState.parse(run.resumed.extra);
      ({ beta, firstEntropy, update: interrupted } = extra);
      if (mix && extra.mixture) mix.restore(extra.mixture);
    } else {
      await run.reportSamples(0, await writeSamples(policy, tokenizer, config, { score }));
    }

    for (let iteration = run.nextStep; ; iteration++) {
      const progress: UpdateProgress = interrupted ?? newProgress();
      interrupted = null;
      const end = (step: number, update: UpdateProgress | null): StepEnd => ({
        learners: kept,
        extra: { beta, firstEntropy, mixture: mix?.state() ?? null, update },
        writeModel: (folder, metrics) =>
          saveModels(folder, policy, average, tokenizer, config, step, metrics),
      });
      const chosen = order.take((iteration - 1) * config.batchSize, config.batchSize);
      const factor = learningRateFactor(iteration, totalSteps, config);
      const seconds: Seconds = { generation: 0, scoring: 0, training: 0 };
      let episodes: ScoredEpisode[];
      try {
        const written = await rollOut(
          models,
          chosen.flatMap((index) => [prompts[index]?.tokens ?? []]),
          tokenizer,
          config,
          { iteration, files: rollouts, signal: context.signal, seconds, resumed: progress.minibatches > 0 },
        );
        const began = performance.now();
        episodes = scoreEpisodes(written, models, beta, config);
        await update({ ...models, learners, average, mix }, episodes, tokenizer, config, progress, {
          iteration,
          place: (episodes) =>
            run.place(iteration, () => episodes.map((at) => prompts[chosen[at] ?? -1]?.where)),
          learningRate: config.learningRate * factor,
          valueLearningRate: config.valueLearningRate * factor,
          signal: context.signal,
        });
        seconds.training = (performance.now() - began) / 1000;
      } catch (error) {
        if (!context.signal.aborted || error !== context.signal.reason) throw error;
        const { minibatches } = progress;
        return minibatches === 0
          ? await run.interrupt(iteration - 1, end(iteration - 1, null))
          : await run.interrupt(iteration - 1, end(iteration - 1, progress), `minibatch-${minibatches}`);
      }

      const measured = measureRollout(episodes);
      firstEntropy ??= measured.entropy;
      await run.report(iteration, {
        ...measured,
        ...measureUpdate(progress, { ptx: mix !== null, earlyStop: config.earlyStopKl !== null }),
        beta,
        learningRate: config.learningRate * factor,
        secondsGeneration: seconds.generation,
        secondsScoring: seconds.scoring,
        secondsTraining: seconds.training,
        tokensPerSecond:
          (measured.responseLength * episodes.length) /
          (seconds.generation + seconds.scoring + seconds.training),
      });
      for (const line of warnings.check(iteration, measured, firstEntropy)) run.message(line);
      beta = nextBeta(beta, measured.klToReference, config.batchSize, config);
      const last = iteration === totalSteps;
      if (last || iteration % config.sampleEvery === 0) {
        await run.reportSamples(iteration, await writeSamples(policy, tokenizer, config, { score }));
      }

      const ended = await run.endStep(iteration, end(iteration, null));
      rollouts.dropUpTo(ended?.status === 'completed' ? iteration : run.savedStep);
      if (ended) return ended;
    }
  } finally {
    for (const learner of kept) learner.dispose();
    for (const model of [policy, models.reference, models.reward, valueModel]) model.dispose();
  }
}

/** What the state keeps besides weights and moments. `update` is there when the run was interrupted between minibatches. */
const extraState = z.strictObject({
  beta: z.number(),
  firstEntropy: z.number().nullable().default(null),
  mixture: mixtureState.nullable().default(null),
  update: updateProgress.nullable().default(null),
});

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
  // With adapters, policy and reference are one set of weights, and so are value and reward model.
  const policy = config.lora
    ? reference.adapt(config.lora, seedFor(config.seed, 'policy adapters'))
    : reference.clone();
  const reward = await loadScalarModel(config.reward);
  const metadata = readMetadata(config.reward);
  const gain = metadata?.rewardGain ?? 1;
  const bias = metadata?.rewardBias ?? 0;
  // The value model predicts normalised scores: the gain goes into its head, the bias is added to what it says.
  const valueModel = config.lora
    ? reward.adapt(config.lora, seedFor(config.seed, 'value adapters'))
    : reward.clone();
  for (const model of [policy, valueModel.trunk]) model.gradientCheckpointing = config.gradientCheckpointing;
  const head = valueModel.parameters.get('score.weight');
  if (!head) throw new TrainerError(`${config.reward} has no score head.`);
  tf.tidy(() => head.assign(tf.mul(head, gain)));
  return { policy, reference, reward, valueModel, gain, bias };
}

/** Prompts that leave room for a completion in every model's context; the reward model's can be the shorter one. */
function loadPrompts(
  config: PpoConfig,
  tokenizer: Tokenizer,
  { policy, reward }: Models,
  onMessage: (line: string) => void,
): { tokens: number[]; where: string | undefined }[] {
  const contexts = [policy.config.contextLength, reward.trunk.config.contextLength] as const;
  const room = Math.min(...contexts) - config.maxNewTokens;
  if (room < 1) {
    const whose = contexts[0] <= contexts[1] ? "policy's" : "reward model's";
    throw new TrainerError(
      `maxNewTokens is ${config.maxNewTokens} and the ${whose} context ${Math.min(...contexts)} tokens: expected room for a prompt.`,
    );
  }
  const encoded = [...readPrompts(config.prompts)].map(({ prompt, where }) => ({
    ...encodePrompt(prompt, tokenizer, room),
    where,
  }));
  if (encoded.length === 0)
    throw new TrainerError(`${config.prompts} holds no prompt: expected at least one line.`);
  const cut = encoded.filter((prompt) => prompt.cut > 0).length;
  onMessage(
    `${encoded.length} prompts${cut > 0 ? `, ${cut} of them longer than ${room} tokens and cut at their beginning` : ''}.`,
  );
  return encoded;
}

/** Where an iteration's time went, in seconds; what was read from disk after an interruption took none. */
interface Seconds {
  generation: number;
  scoring: number;
  training: number;
}

interface RolloutSettings {
  iteration: number;
  files: RolloutFiles;
  signal: AbortSignal;
  seconds: Seconds;
  /** The update has begun on this rollout before: it must be there, as the policy is no longer the one that wrote it. */
  resumed: boolean;
}

/** The policy writes a completion to each prompt, part by part, and all models read them. Finished parts stay on disk. */
async function rollOut(
  models: Models,
  prompts: number[][],
  tokenizer: Tokenizer,
  config: PpoConfig,
  { iteration, files, signal, seconds, resumed }: RolloutSettings,
): Promise<MeasuredEpisode[]> {
  const episodes: MeasuredEpisode[] = [];
  for (const [part, own] of chunks(prompts, config.rolloutBatchSize).entries()) {
    let measured = files.read(iteration, part);
    if (!measured) {
      if (resumed) {
        throw new TrainerError(
          `The rollout of iteration ${iteration} is gone from the run's folder "rollouts": expected it, as the run was interrupted while learning from it.`,
        );
      }
      const began = performance.now();
      const written = await writeCompletions(models.policy, own, tokenizer, config, {
        iteration,
        firstPlace: episodes.length,
        signal,
      });
      const generated = performance.now();
      measured = await measureEpisodes(models, written, tokenizer, config, signal);
      files.write(iteration, part, measured);
      seconds.generation += (generated - began) / 1000;
      seconds.scoring += (performance.now() - generated) / 1000;
    }
    episodes.push(...measured);
  }
  return episodes;
}

/** Completions under the whole distribution of the policy, or ratios would mean nothing: no top-k, no top-p. */
async function writeCompletions(
  policy: LanguageModel,
  prompts: number[][],
  tokenizer: Tokenizer,
  config: PpoConfig,
  { iteration, firstPlace, signal }: { iteration: number; firstPlace: number; signal: AbortSignal },
): Promise<Episode[]> {
  const generations = await generate(policy, prompts, {
    maxNewTokens: config.maxNewTokens,
    temperature: config.temperature,
    seed: seedFor(config.seed, 'rollout', iteration),
    firstPlace,
    stopTokens: stopTokensOf(tokenizer),
    vocabularyLimit: tokenizer.vocabularySize,
    batchSize: config.rolloutBatchSize,
    signal,
  });
  return generations.map(({ tokens, finished }, i) => ({
    prompt: prompts[i] ?? [],
    response: tokens,
    finished,
  }));
}

/** Every model reads the episodes, the policy as it was when it wrote them. */
async function measureEpisodes(
  { policy, reference, reward, valueModel, bias }: Models,
  episodes: readonly Episode[],
  { padding }: Tokenizer,
  config: PpoConfig,
  signal: AbortSignal,
): Promise<MeasuredEpisode[]> {
  const { temperature } = config;
  const chunk = config.microBatchSize ?? config.batchSize / config.minibatches;
  const options = { padding, chunk, signal };
  const sequences = episodes.map(({ prompt, response }) => [...prompt, ...response]);
  const rawScores = await scoreSequences(reward, sequences, options);
  const measured = await measureResponses(policy, episodes, { ...options, temperature });
  const referenced = await measureResponses(reference, episodes, { ...options, temperature });
  const values = await measureValues(valueModel, episodes, { ...options, bias });
  const none = new Float32Array();
  return episodes.map((episode, i) => ({
    ...episode,
    rawScore: rawScores[i] ?? Number.NaN,
    logProbs: measured.logProbs[i] ?? none,
    entropies: measured.entropies[i] ?? none,
    referenceLogProbs: referenced.logProbs[i] ?? none,
    values: values[i] ?? none,
  }));
}

/** Everything that an update moves or reads. */
interface Learning extends Models {
  learners: { policy: Learner; value: Learner };
  average: WeightAverage | null;
  mix: PretrainingMix | null;
}

interface UpdateSettings {
  iteration: number;
  /** What an error says of a minibatch's episodes, by their numbers in the rollout. */
  place(episodes: readonly number[]): StepPlace;
  learningRate: number;
  valueLearningRate: number;
  signal: AbortSignal;
}

/**
 * `epochs` passes over the episodes in minibatches, each one optimizer step of policy and value model, from the minibatch
 * on at which `progress` stands; it is kept up to date as the update goes on.
 */
async function update(
  learning: Learning,
  episodes: readonly ScoredEpisode[],
  tokenizer: Tokenizer,
  config: PpoConfig,
  progress: UpdateProgress,
  settings: UpdateSettings,
): Promise<void> {
  const { iteration, signal } = settings;
  const size = config.batchSize / config.minibatches;
  const order = new ShuffledOrder(episodes.length, seedFor(config.seed, 'minibatches', iteration));
  while (progress.minibatches < config.epochs * config.minibatches) {
    await takeTurn(signal);
    const places = order.take(progress.minibatches * size, size);
    const minibatch = places.flatMap((place) => episodes[place] ?? []);
    const how = { config, progress, place: settings.place(places) };
    if (iteration > config.valueWarmupIterations && !progress.stopped) {
      await stepPolicy(learning, minibatch, tokenizer, settings.learningRate, how);
    }
    await stepValue(learning, minibatch, tokenizer, settings.valueLearningRate, how);
    progress.minibatches += 1;
  }
}

/** What both steps of a minibatch share. */
interface MinibatchStep {
  config: PpoConfig;
  progress: UpdateProgress;
  place: StepPlace;
}

/**
 * One step of the policy on the clipped surrogate, and with PPO-ptx on γ · pretraining loss: both gradients are summed, then
 * clipped together (InstructGPT, appendix C.4, accumulates both before the step).
 */
async function stepPolicy(
  { policy, learners, average, mix }: Learning,
  minibatch: readonly ScoredEpisode[],
  { padding }: Tokenizer,
  learningRate: number,
  { config, progress, place }: MinibatchStep,
): Promise<void> {
  const tokens = minibatch.reduce((sum, { response }) => sum + response.length, 0);
  const raw = minibatch.map((episode) => episode.advantages);
  const advantages = config.whitenAdvantages === 'minibatch' ? whitenEach(raw) : raw;
  const micro = config.microBatchSize ?? minibatch.length;
  const ratios = { tokens: 0, clipped: 0, kl: 0, ratio: 0, ratioSquared: 0 };
  const withAdvantages = minibatch.map((episode, i) => ({
    ...episode,
    advantages: advantages[i] ?? new Float64Array(),
  }));
  const losses = chunks(withAdvantages, micro).map((part): Loss => {
    const old = Float32Array.from(concatenate(part.map((episode) => episode.logProbs)));
    const advantage = Float32Array.from(concatenate(part.map((episode) => episode.advantages)));
    return (watch) => {
      const logProbs = responseLogProbs(policy, layOut(part, padding), config.temperature);
      watch(logProbs, (values) => countRatios(ratios, values, old, config.ratioClip));
      const loss = clippedPolicyLoss(logProbs, old, advantage, config.ratioClip, tokens);
      watch(loss, ([value]) => {
        progress.policyLoss += value ?? Number.NaN;
      });
      return loss;
    };
  });
  if (mix) {
    const rows = config.ptxRowsPerEpisode * minibatch.length;
    losses.push(
      ...mix.losses(policy, rows, micro, (loss) => {
        progress.ptxLoss += loss;
      }),
    );
  }
  const { gradientNorm } = await learners.policy.step(losses, learningRate, place);
  average?.update();
  progress.policySteps += 1;
  progress.gradientNorm += gradientNorm;
  for (const name of ['tokens', 'clipped', 'kl', 'ratio', 'ratioSquared'] as const) {
    progress.ratios[name] += ratios[name];
  }
  progress.stopped = config.earlyStopKl !== null && ratios.kl / ratios.tokens > config.earlyStopKl;
}

/** One step of the value model on the clipped squared error. */
async function stepValue(
  { valueModel, learners, bias }: Learning,
  minibatch: readonly ScoredEpisode[],
  { padding }: Tokenizer,
  learningRate: number,
  { config, progress, place }: MinibatchStep,
): Promise<void> {
  const tokens = minibatch.reduce((sum, { response }) => sum + response.length, 0);
  const losses = chunks(minibatch, config.microBatchSize ?? minibatch.length).map((part): Loss => {
    const old = Float32Array.from(concatenate(part.map((episode) => episode.values)));
    const returns = Float32Array.from(concatenate(part.map((episode) => episode.returns)));
    return (watch) => {
      const values = responseValues(valueModel, layOut(part, padding), bias);
      watch(values, (numbers) => {
        for (const [i, value] of numbers.entries()) {
          progress.valuesSeen += 1;
          if (Math.abs(value - (old[i] ?? 0)) > config.valueClip) progress.valuesClipped += 1;
        }
      });
      const loss = clippedValueLoss(values, old, returns, config.valueClip, tokens);
      return tf.mul<tf.Scalar>(loss, config.valueCoefficient);
    };
  });
  const { loss, gradientNorm } = await learners.value.step(losses, learningRate, place);
  progress.valueSteps += 1;
  progress.valueLoss += loss / config.valueCoefficient;
  progress.valueGradientNorm += gradientNorm;
}

/** Writes the weights that the config names to `folder`, and the others, if there are any, to a folder beside it. */
async function saveModels(
  folder: string,
  policy: LanguageModel,
  average: WeightAverage | null,
  tokenizer: Tokenizer,
  config: PpoConfig,
  step: number,
  metrics: Record<string, number>,
): Promise<void> {
  const info = { stage: 'ppo', config, step, metrics } as const;
  if (average && config.exportedWeights === 'ema') {
    await saveModel(`${folder}-last`, policy, tokenizer, info);
    await saveModel(folder, average.model, tokenizer, info);
    return;
  }
  if (average) await saveModel(`${folder}-ema`, average.model, tokenizer, info);
  await saveModel(folder, policy, tokenizer, info);
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
