import { rightPadded } from '../data/batch.ts';
import { type Comparison, type EncodedComparisons, encodeComparisons } from '../data/comparisons.ts';
import { encodeDemonstrations } from '../data/demonstrations.ts';
import { readDemonstrations, readRankings } from '../data/json-lines.ts';
import type { Loss } from '../engine/gradients.ts';
import { TrainerError } from '../errors.ts';
import { bootstrapInterval } from '../evaluation/intervals.ts';
import { loadLanguageModel, loadTokenizer } from '../model/checkpoint.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { RewardConfig } from './reward.config.ts';
import { moments } from './shared/advantages.ts';
import { saveModel } from './shared/checkpoints.ts';
import { chunks, scoreSequences } from './shared/episodes.ts';
import { Learner } from './shared/learner.ts';
import { requireRewardMemory } from './shared/memory.ts';
import { gatherPairs, pairwiseLoss } from './shared/pairwise-loss.ts';
import { Run } from './shared/run.ts';
import { learningRateFactor } from './shared/schedule.ts';
import { ShuffledOrder, seedFor } from './shared/seeds.ts';
import { splitByPrompt } from './shared/splits.ts';
import type { StageContext, StageResult } from './types.ts';

/**
 * Reward modelling: the SFT model with a scalar head learns to score completions in the order that people ranked them.
 *
 * Loss (InstructGPT, equation 1): mean over the step's rankings of −1/C(K,2) Σ log σ(r_w − r_l) over the ranking's ordered
 * pairs; a ranking is one element of the batch, a tie no pair. Reported: `loss`, `accuracy` (of the step's pairs, before
 * its update), `scoreMean` and `scoreStd` (raw), `gradientNorm`, `learningRate`, `epoch`, `tokensPerSecond`, and every
 * `validateEvery` steps `validationLoss` and `validationAccuracy` with its 95 % interval (`…Low`, `…High`), bootstrapped
 * over rankings. At the end: `rewardGain` and `rewardBias`, with which gain · score + bias is the normalised score.
 */
export async function runReward(config: RewardConfig, context: StageContext): Promise<StageResult> {
  const sft = await loadLanguageModel(config.model);
  const tokenizer = loadTokenizer(config.model);
  const model = ScalarModel.fromLanguageModel(sft, seedFor(config.seed, 'score head'));
  sft.dispose();
  model.trunk.gradientCheckpointing = config.gradientCheckpointing;
  try {
    const data = loadRankings(config, tokenizer, model.trunk.config.contextLength);
    const batchSize = Math.min(config.batchSize, data.training.length);
    const totalSteps = Math.ceil((config.epochs * data.training.length) / batchSize);
    requireRewardMemory(config, data.training);
    const inputs = [config.rankings, config.validation, config.demonstrations].filter(
      (file) => file !== null,
    );
    const run = await Run.open({ ...config, stage: 'reward', config, inputs, totalSteps }, context);
    if (run.finished) return run.finished;
    for (const line of data.notes) run.message(line);

    const learner = new Learner('model', model.parameters, config);
    run.restore([learner]);
    const order = new ShuffledOrder(data.training.length, seedFor(config.seed, 'rankings'));

    try {
      for (let step = run.nextStep; ; step++) {
        const began = performance.now();
        const learningRate = config.learningRate * learningRateFactor(step, totalSteps, config);
        const rankings = order
          .take((step - 1) * batchSize, batchSize)
          .flatMap((index) => data.training[index] ?? []);
        const scores: Scored[] = [];
        const parts = lossParts(model, rankings, tokenizer, config, step, scores);
        const { loss, gradientNorm } = await learner.step(parts, learningRate);
        const all = moments(scores.flatMap(({ scores }) => scores));
        const cells = rankings.reduce((sum, { sequences }) => sum + countTokens(sequences), 0);
        const values: Record<string, number> = {
          loss,
          accuracy: accuracyOf(scores),
          scoreMean: all.mean,
          scoreStd: Math.sqrt(all.variance),
          gradientNorm,
          learningRate,
          epoch: (step * batchSize) / data.training.length,
          tokensPerSecond: (1000 * cells) / (performance.now() - began),
        };
        const last = step === totalSteps;
        if (data.heldOut.length > 0 && (last || step % config.validateEvery === 0)) {
          Object.assign(values, await validate(model, data.heldOut, tokenizer, config));
        }
        const normalization = last
          ? await normalize(model, data.training, tokenizer, config)
          : { gain: 1, bias: 0 };
        if (last) Object.assign(values, { rewardGain: normalization.gain, rewardBias: normalization.bias });
        await run.report(step, values);

        const ended = await run.endStep(step, {
          learners: [learner],
          writeModel: (folder, metrics) =>
            saveModel(folder, model, tokenizer, { stage: 'reward', config, step, metrics, normalization }),
        });
        if (ended) return ended;
      }
    } finally {
      learner.dispose();
    }
  } finally {
    model.dispose();
  }
}

interface Rankings {
  training: Comparison[];
  heldOut: Comparison[];
  /** What was cut or left out, in sentences. */
  notes: string[];
}

function loadRankings(config: RewardConfig, tokenizer: Tokenizer, context: number): Rankings {
  const all = [...readRankings(config.rankings)];
  const split =
    config.validation === null
      ? splitByPrompt(all, config.validationFraction)
      : { training: all, heldOut: [...readRankings(config.validation)] };
  const training = encodeComparisons(split.training, tokenizer, context);
  const heldOut = encodeComparisons(split.heldOut, tokenizer, context);
  if (training.comparisons.length === 0) {
    throw new TrainerError(
      `${config.rankings} has no ranking to train on: ${all.length} lines, ${split.heldOut.length} held out, ${training.withoutPairs} without a pair that is not tied.`,
    );
  }
  return {
    training: training.comparisons,
    heldOut: heldOut.comparisons,
    notes: describe(training, heldOut),
  };
}

function describe(training: EncodedComparisons, heldOut: EncodedComparisons): string[] {
  const sum = (count: (side: EncodedComparisons) => number): number => count(training) + count(heldOut);
  const withoutPairs = sum((side) => side.withoutPairs);
  const dropped = sum((side) => side.lengths.dropped);
  const truncated = sum((side) => side.lengths.truncatedPrompts);
  const notes = [
    `${training.comparisons.length} rankings to train on, ${heldOut.comparisons.length} held out.`,
  ];
  if (withoutPairs > 0) notes.push(`${withoutPairs} rankings were left out: they order nothing (all tied).`);
  if (dropped > 0) notes.push(`${dropped} completions were left out: they fill the context alone.`);
  if (truncated > 0)
    notes.push(`${truncated} prompts were longer than the context and lost their beginning.`);
  return notes;
}

/** A ranking's pairs and the scores that its completions have. */
interface Scored {
  pairs: readonly (readonly [number, number])[];
  scores: number[];
}

/** The step's loss in parts of `microBatchSize` rankings; the scores on the way are added to `seen`. */
function* lossParts(
  model: ScalarModel,
  rankings: readonly Comparison[],
  tokenizer: Tokenizer,
  config: RewardConfig,
  step: number,
  seen: Scored[],
): Generator<Loss> {
  for (const [part, micro] of chunks(rankings, config.microBatchSize ?? rankings.length).entries()) {
    const batch = rightPadded(
      micro.flatMap(({ sequences }) => sequences),
      tokenizer.padding,
    );
    const counted = micro.map(({ sequences, pairs }) => ({ count: sequences.length, pairs }));
    const dropout = { rate: config.dropout, seed: seedFor(config.seed, 'dropout', step, part) };
    yield (watch) => {
      const scores = model.scores(batch, undefined, { dropout });
      watch(scores, (values) => seen.push(...scored(micro, values)));
      return pairwiseLoss(scores, gatherPairs(counted, rankings.length), config.centering);
    };
  }
}

function scored(rankings: readonly Comparison[], scores: ArrayLike<number>): Scored[] {
  const flat = Array.from(scores);
  let offset = 0;
  return rankings.map(({ sequences, pairs }) => {
    const own = flat.slice(offset, offset + sequences.length);
    offset += sequences.length;
    return { pairs, scores: own };
  });
}

/** Share of ordered pairs whose better completion has the higher score; an equal score counts half. */
function accuracyOf(rankings: readonly Scored[]): number {
  let right = 0;
  let total = 0;
  for (const { pairs, scores } of rankings) {
    for (const [better, worse] of pairs) {
      const difference = (scores[better] ?? 0) - (scores[worse] ?? 0);
      right += difference > 0 ? 1 : difference === 0 ? 0.5 : 0;
      total += 1;
    }
  }
  return right / total;
}

async function validate(
  model: ScalarModel,
  heldOut: readonly Comparison[],
  tokenizer: Tokenizer,
  config: RewardConfig,
): Promise<Record<string, number>> {
  const scores = scored(heldOut, await scoreComparisons(model, heldOut, tokenizer));
  const accuracy = bootstrapInterval(scores, accuracyOf, { seed: config.seed, resamples: 1000 });
  let loss = 0;
  for (const { pairs, scores: own } of scores) {
    for (const [better, worse] of pairs) {
      const difference = (own[better] ?? 0) - (own[worse] ?? 0);
      loss +=
        Math.log1p(Math.exp(-Math.abs(difference))) / pairs.length + Math.max(0, -difference) / pairs.length;
    }
  }
  return {
    validationLoss: loss / scores.length,
    validationAccuracy: accuracy.mean,
    validationAccuracyLow: accuracy.low,
    validationAccuracyHigh: accuracy.high,
  };
}

/**
 * Gain and bias of the normalised score gain · score + bias: mean 0 and standard deviation 1 over the completions that
 * were learned from (lm-human-preferences), or demonstrations at mean 0 (InstructGPT, appendix C.2).
 */
async function normalize(
  model: ScalarModel,
  training: readonly Comparison[],
  tokenizer: Tokenizer,
  config: RewardConfig,
): Promise<{ gain: number; bias: number }> {
  if (config.normalization === 'completions') {
    const { mean, variance } = moments(await scoreComparisons(model, training, tokenizer));
    if (!(variance > 0)) {
      throw new TrainerError(
        'Every completion has the same score: expected scores that differ, to normalise them.',
      );
    }
    const gain = 1 / Math.sqrt(variance);
    return { gain, bias: -mean * gain };
  }
  if (config.normalization === 'demonstrations' && config.demonstrations !== null) {
    const context = model.trunk.config.contextLength;
    const { examples } = encodeDemonstrations(readDemonstrations(config.demonstrations), tokenizer, context);
    if (examples.length === 0) {
      throw new TrainerError(
        `${config.demonstrations} has no demonstration that fits the context of ${context} tokens.`,
      );
    }
    const sequences = examples.map(({ prompt, response }) => [...prompt, ...response]);
    const scores = await scoreSequences(model, sequences, { padding: tokenizer.padding, chunk: 64 });
    return { gain: 1, bias: -moments(scores).mean };
  }
  return { gain: 1, bias: 0 };
}

function scoreComparisons(
  model: ScalarModel,
  rankings: readonly Comparison[],
  tokenizer: Tokenizer,
): Promise<number[]> {
  const sequences = rankings.flatMap((ranking) => ranking.sequences);
  return scoreSequences(model, sequences, { padding: tokenizer.padding, chunk: 64 });
}

function countTokens(sequences: readonly number[][]): number {
  return sequences.reduce((sum, sequence) => sum + sequence.length, 0);
}
