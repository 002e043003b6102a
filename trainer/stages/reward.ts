import { join } from 'node:path';
import { rightPadded } from '../data/batch.ts';
import type { Comparison } from '../data/comparisons.ts';
import type { Loss } from '../engine/gradients.ts';
import { type Interval, mean } from '../evaluation/intervals.ts';
import { labelerAgreement } from '../evaluation/labeler-agreement.ts';
import { accuracyInterval, pairAccuracy, pairDifferences } from '../evaluation/pair-accuracy.ts';
import { type JudgedRanking, rewardReport } from '../evaluation/reward-report.ts';
import { loadLanguageModel, loadTokenizer } from '../model/checkpoint.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { RewardConfig } from './reward.config.ts';
import { moments } from './shared/advantages.ts';
import { saveModel } from './shared/checkpoints.ts';
import { chunks, scoreSequences } from './shared/episodes.ts';
import { Learner } from './shared/learner.ts';
import { requireRewardMemory } from './shared/memory.ts';
import { type Normalization, normalize } from './shared/normalization.ts';
import { gatherPairs, negativeLogSigmoid, pairwiseLoss } from './shared/pairwise-loss.ts';
import { loadPreferences, type Preferences } from './shared/preferences.ts';
import { Run } from './shared/run.ts';
import { replaceFile } from './shared/run-files.ts';
import { learningRateFactor } from './shared/schedule.ts';
import { ShuffledOrder, seedFor } from './shared/seeds.ts';
import type { StageContext, StageResult } from './types.ts';

/**
 * Reward modelling: the SFT model with a scalar head learns to score completions in the order that people ranked them.
 *
 * Loss (InstructGPT, equation 1): mean over the step's rankings of −1/C(K,2) Σ log σ(r_w − r_l) over the ranking's ordered
 * pairs; a ranking is one element of the batch, a tie no pair. With margins −log σ(r_w − r_l − m) (Llama 2, equation 2).
 * Reported: `loss`, `accuracy` (of the step's pairs, before its update), `scoreMean` and `scoreStd` (raw), `gradientNorm`,
 * `learningRate`, `epoch`, `tokensPerSecond`, and every `validateEvery` steps `validationLoss` (without margins) and
 * `validationAccuracy` with its 95 % interval (`…Low`, `…High`), bootstrapped over prompts. At the end: `rewardGain` and
 * `rewardBias`, with which gain · score + bias is the normalised score; `calibrationError` and `brier` on held-out pairs;
 * `labelerAgreement` and `heldOutLabelerAccuracy` with their intervals, where labelers are named. The run folder then
 * holds `reward-report.json` too: accuracy by labeler and by strength, and the calibration (evaluation/reward-report.ts).
 */
export async function runReward(config: RewardConfig, context: StageContext): Promise<StageResult> {
  const sft = await loadLanguageModel(config.model);
  const tokenizer = loadTokenizer(config.model);
  const model = ScalarModel.fromLanguageModel(sft, seedFor(config.seed, 'score head'));
  sft.dispose();
  try {
    const data = loadPreferences(config, tokenizer, model.trunk.config.contextLength);
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
        const seen: JudgedRanking[] = [];
        const parts = lossParts(model, rankings, tokenizer, config, step, seen);
        const { loss, gradientNorm } = await learner.step(parts, learningRate);
        const all = moments(seen.flatMap(({ scores }) => scores));
        const cells = rankings.reduce((sum, { sequences }) => sum + countTokens(sequences), 0);
        const values: Record<string, number> = {
          loss,
          accuracy: pairAccuracy(seen),
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
        let normalization: Normalization = { gain: 1, bias: 0 };
        if (last) {
          normalization = await normalize(model, data.training, tokenizer, config);
          Object.assign(values, await writeReport(context.runFolder, model, data, tokenizer, config), {
            rewardGain: normalization.gain,
            rewardBias: normalization.bias,
          });
        }
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

/** The step's loss in parts of `microBatchSize` rankings; the scores on the way are added to `seen`. */
function* lossParts(
  model: ScalarModel,
  rankings: readonly Comparison[],
  tokenizer: Tokenizer,
  config: RewardConfig,
  step: number,
  seen: JudgedRanking[],
): Generator<Loss> {
  for (const [part, micro] of chunks(rankings, config.microBatchSize ?? rankings.length).entries()) {
    const batch = rightPadded(
      micro.flatMap(({ sequences }) => sequences),
      tokenizer.padding,
    );
    const counted = micro.map(({ sequences, pairs, margins }) => ({
      count: sequences.length,
      pairs,
      margins: config.margin === 'strength' ? margins : undefined,
    }));
    const dropout = { rate: config.dropout, seed: seedFor(config.seed, 'dropout', step, part) };
    yield (watch) => {
      const scores = model.scores(batch, undefined, { dropout });
      watch(scores, (values) => seen.push(...judge(micro, values)));
      return pairwiseLoss(scores, gatherPairs(counted, rankings.length), config.centering);
    };
  }
}

function judge(rankings: readonly Comparison[], scores: ArrayLike<number>): JudgedRanking[] {
  const flat = Array.from(scores);
  let offset = 0;
  return rankings.map(({ prompt, sequences, pairs, strengths, labeler }) => {
    const own = flat.slice(offset, offset + sequences.length);
    offset += sequences.length;
    return { prompt, pairs, scores: own, strengths, labeler };
  });
}

async function measure(
  model: ScalarModel,
  rankings: readonly Comparison[],
  tokenizer: Tokenizer,
): Promise<JudgedRanking[]> {
  const sequences = rankings.flatMap((ranking) => ranking.sequences);
  const scores = await scoreSequences(model, sequences, { padding: tokenizer.padding, chunk: 64 });
  return judge(rankings, scores);
}

async function validate(
  model: ScalarModel,
  heldOut: readonly Comparison[],
  tokenizer: Tokenizer,
  config: RewardConfig,
): Promise<Record<string, number>> {
  const judged = await measure(model, heldOut, tokenizer);
  const losses = judged.map((ranking) => mean(pairDifferences(ranking).map(negativeLogSigmoid)));
  const accuracy = accuracyInterval(judged, { seed: config.seed });
  return {
    validationLoss: mean(losses),
    validationAccuracy: accuracy.mean,
    validationAccuracyLow: accuracy.low,
    validationAccuracyHigh: accuracy.high,
  };
}

/** What is measured once, of the finished model: the tables go into a file, their closing figures among the metrics. */
async function writeReport(
  folder: string,
  model: ScalarModel,
  data: Preferences,
  tokenizer: Tokenizer,
  config: RewardConfig,
): Promise<Record<string, number>> {
  const { seed } = config;
  const report = rewardReport(
    await measure(model, data.heldOut, tokenizer),
    await measure(model, data.byHeldOutLabelers, tokenizer),
    labelerAgreement(data.read, { seed }),
    { seed },
  );
  replaceFile(join(folder, 'reward-report.json'), `${JSON.stringify(report, null, 2)}\n`);
  const withBounds = (name: string, rate: Interval | undefined): Record<string, number> =>
    rate ? { [name]: rate.mean, [`${name}Low`]: rate.low, [`${name}High`]: rate.high } : {};
  return {
    ...withBounds('heldOutLabelerAccuracy', report.heldOutLabelers?.accuracy),
    ...withBounds('labelerAgreement', report.labelerAgreement?.rate),
    ...(report.calibration
      ? { calibrationError: report.calibration.expectedCalibrationError, brier: report.calibration.brier }
      : {}),
  };
}

function countTokens(sequences: readonly number[][]): number {
  return sequences.reduce((sum, sequence) => sum + sequence.length, 0);
}
