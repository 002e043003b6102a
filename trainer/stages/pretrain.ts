import { selectRows, type TrainingBatch } from '../data/batch.ts';
import { Mixture, type MixtureSource } from '../data/mixture.ts';
import { packRows, sequentialBatches, targetBytes } from '../data/packing.ts';
import { tf } from '../engine/tf.ts';
import { LanguageModel } from '../model/language-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { PretrainConfig } from './pretrain.config.ts';
import { saveModel } from './shared/checkpoints.ts';
import { chunks } from './shared/episodes.ts';
import { countedWeight, evaluateLoss, summedLoss } from './shared/language-model-loss.ts';
import { Learner } from './shared/learner.ts';
import { requirePretrainMemory } from './shared/memory.ts';
import { loadCorpora, mixtureState, openTokenizer, type PretrainingData } from './shared/pretraining-data.ts';
import { Run } from './shared/run.ts';
import { writeSamples } from './shared/samples.ts';
import { learningRateFactor } from './shared/schedule.ts';
import { seedFor } from './shared/seeds.ts';
import type { StageContext, StageResult } from './types.ts';

/**
 * Pretraining: a transformer learns to predict the next token of documents drawn from a weighted mixture.
 *
 * Loss: mean over the step's cells of −log p(next token). Reported: `loss` (nats per token), `bitsPerByte` (of the same
 * cells, comparable across tokenizers), `gradientNorm` (before clipping), `learningRate`, `tokensPerSecond`, `epochs` (of
 * the source read furthest), and every `validateEvery` steps `validationLoss` and `validationBitsPerByte`.
 */
export async function runPretrain(config: PretrainConfig, context: StageContext): Promise<StageResult> {
  requirePretrainMemory(config);
  const inputs = config.sources.map((source) => source.path);
  const run = await Run.open(
    { ...config, stage: 'pretrain', config, inputs, totalSteps: config.steps },
    context,
  );
  if (run.finished) return run.finished;

  const tokenizer = openTokenizer(config);
  const data = loadCorpora(config, tokenizer);
  run.message(
    `${countTokens(data.training)} tokens to train on, ${countTokens(data.heldOut)} held out; vocabulary of ${tokenizer.vocabularySize}.`,
  );
  const model = LanguageModel.create(
    {
      vocabularySize: tokenizer.vocabularySize,
      contextLength: config.context,
      width: config.width,
      layers: config.layers,
      heads: config.heads,
    },
    seedFor(config.seed, 'weights'),
  );
  const learner = new Learner('model', model.parameters, config);
  const mixture = new Mixture(data.training, {
    columns: config.context,
    seed: seedFor(config.seed, 'mixture'),
  });

  try {
    if (run.resumed) {
      run.restore([learner]);
      mixture.restore(mixtureState.parse(run.resumed.extra));
    } else {
      await run.reportSamples(0, await writeSamples(model, tokenizer, config, { raw: true }));
    }
    for (let step = run.nextStep; ; step++) {
      const began = performance.now();
      const learningRate = config.learningRate * learningRateFactor(step, config.steps, config);
      const batch = packRows(mixture, config.batchSize);
      const { loss, gradientNorm } = await learner.step(lossParts(model, batch, config, step), learningRate);
      const values: Record<string, number> = {
        loss,
        bitsPerByte: bitsPerByte(loss * countedWeight(batch), targetBytes(batch, tokenizer.byteLengths)),
        gradientNorm,
        learningRate,
        epochs: Math.max(...Object.values(mixture.epochs())),
        tokensPerSecond: (1000 * batch.tokens.length) / (performance.now() - began),
      };
      const last = step === config.steps;
      if (last || step % config.validateEvery === 0)
        Object.assign(values, await validate(model, data, tokenizer, config));
      await run.report(step, values);
      if (last || step % config.sampleEvery === 0) {
        await run.reportSamples(step, await writeSamples(model, tokenizer, config, { raw: true }));
      }

      const ended = await run.endStep(step, {
        learners: [learner],
        extra: mixture.state(),
        writeModel: (folder, metrics) =>
          saveModel(folder, model, tokenizer, { stage: 'pretrain', config, step, metrics }),
      });
      if (ended) return ended;
    }
  } finally {
    learner.dispose();
    model.dispose();
  }
}

/** The step's loss in parts of `microBatchSize` rows, each divided by the cells of the whole step. */
function* lossParts(
  model: LanguageModel,
  batch: TrainingBatch,
  config: PretrainConfig,
  step: number,
): Generator<() => tf.Scalar> {
  const rows = Array.from({ length: batch.rows }, (_, row) => row);
  const divisor = countedWeight(batch);
  for (const [part, chosen] of chunks(rows, config.microBatchSize ?? batch.rows).entries()) {
    const micro = selectRows(batch, chosen);
    const dropout = { rate: config.dropout, seed: seedFor(config.seed, 'dropout', step, part) };
    yield () => tf.div(summedLoss(model, micro, dropout), divisor);
  }
}

/** Loss and bits per byte on the same held-out rows each time; sources count by their weights. */
async function validate(
  model: LanguageModel,
  { heldOut }: PretrainingData,
  tokenizer: Tokenizer,
  config: PretrainConfig,
): Promise<Record<string, number>> {
  if (heldOut.length === 0) return {};
  let loss = 0;
  let bits = 0;
  const weights = heldOut.reduce((sum, { weight }) => sum + weight, 0);
  const rows = Math.max(1, Math.round(config.validationRows / heldOut.length));
  const rowsAtOnce = Math.min(rows, config.microBatchSize ?? config.batchSize);
  for (const { corpus, weight } of heldOut) {
    const most = Math.ceil(rows / rowsAtOnce);
    const batches = [...sequentialBatches(corpus, rowsAtOnce, config.context, tokenizer.padding, most)];
    const measured = await evaluateLoss(model, batches);
    const bytes = batches.reduce((sum, batch) => sum + targetBytes(batch, tokenizer.byteLengths), 0);
    loss += (weight / weights) * (measured.nats / measured.weight);
    bits += (weight / weights) * bitsPerByte(measured.nats, bytes);
  }
  return { validationLoss: loss, validationBitsPerByte: bits };
}

function bitsPerByte(nats: number, bytes: number): number {
  return nats / Math.LN2 / bytes;
}

function countTokens(sources: readonly MixtureSource[]): number {
  return sources.reduce((sum, { corpus }) => sum + corpus.tokens.length, 0);
}
