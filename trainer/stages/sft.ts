import { selectRows } from '../data/batch.ts';
import { type EncodedExample, encodeDemonstrations, packDemonstrations } from '../data/demonstrations.ts';
import { readDemonstrations } from '../data/json-lines.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import { loadLanguageModel, loadTokenizer } from '../model/checkpoint.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { SftConfig } from './sft.config.ts';
import { saveModel, weightFiles } from './shared/checkpoints.ts';
import { chunks } from './shared/episodes.ts';
import { countedWeight, evaluateLoss, summedLoss } from './shared/language-model-loss.ts';
import { Learner } from './shared/learner.ts';
import { requireSftMemory } from './shared/memory.ts';
import { Run } from './shared/run.ts';
import { writeSamples } from './shared/samples.ts';
import { learningRateFactor } from './shared/schedule.ts';
import { ShuffledOrder, seedFor } from './shared/seeds.ts';
import { splitByPrompt } from './shared/splits.ts';
import type { StageContext, StageResult } from './types.ts';

/**
 * Supervised fine-tuning: the model learns to write the demonstrations' completions, end-of-text included; prompt and
 * padding are read but not learned.
 *
 * Loss: Σ −log p(completion token) over all demonstrations of the step, divided by the number of these tokens. Reported:
 * `loss` (nats per completion token), `gradientNorm` (before clipping), `learningRate`, `epoch`, `tokensPerSecond` (real
 * tokens read), and every `validateEvery` steps `validationLoss`.
 */
export async function runSft(config: SftConfig, context: StageContext): Promise<StageResult> {
  const base = await loadLanguageModel(config.model);
  const model = config.lora ? base.adapt(config.lora, seedFor(config.seed, 'adapters')) : base;
  model.gradientCheckpointing = config.gradientCheckpointing;
  const tokenizer = loadTokenizer(config.model);
  try {
    const data = loadDemonstrations(config, tokenizer, model.config.contextLength);
    const batchSize = Math.min(config.batchSize, data.training.length);
    const totalSteps = Math.ceil((config.epochs * data.training.length) / batchSize);
    requireSftMemory(config, data.training);
    const inputs = [config.demonstrations, ...(config.validation === null ? [] : [config.validation])];
    // The state holds the adapters alone: a run goes on only over the weights that it began with.
    if (config.lora) inputs.push(...weightFiles(config.model));
    const run = await Run.open({ ...config, stage: 'sft', config, inputs, totalSteps }, context);
    if (run.finished) return run.finished;
    for (const line of data.notes) run.message(line);

    const learner = new Learner('model', model.trainable, config);
    run.restore([learner]);
    const order = new ShuffledOrder(data.training.length, seedFor(config.seed, 'demonstrations'));
    if (!run.resumed) await run.reportSamples(0, await writeSamples(model, tokenizer, config));

    try {
      for (let step = run.nextStep; ; step++) {
        const began = performance.now();
        const learningRate = config.learningRate * learningRateFactor(step, totalSteps, config);
        const examples = order
          .take((step - 1) * batchSize, batchSize)
          .flatMap((index) => data.training[index] ?? []);
        const { loss, gradientNorm } = await learner.step(
          lossParts(model, examples, tokenizer, config, step),
          learningRate,
          run.place(step, () => examples.map(({ where }) => where)),
        );
        const read = examples.reduce((sum, { prompt, response }) => sum + prompt.length + response.length, 0);
        const values: Record<string, number> = {
          loss,
          gradientNorm,
          learningRate,
          epoch: (step * batchSize) / data.training.length,
          tokensPerSecond: (1000 * read) / (performance.now() - began),
        };
        const last = step === totalSteps;
        if (data.heldOut.length > 0 && (last || step % config.validateEvery === 0)) {
          values.validationLoss = await validate(model, data.heldOut, tokenizer, config);
        }
        await run.report(step, values);
        if (last || step % config.sampleEvery === 0) {
          await run.reportSamples(step, await writeSamples(model, tokenizer, config));
        }

        const ended = await run.endStep(step, {
          learners: [learner],
          writeModel: (folder, metrics) =>
            saveModel(folder, model, tokenizer, { stage: 'sft', config, step, metrics }),
        });
        if (ended) return ended;
      }
    } finally {
      learner.dispose();
    }
  } finally {
    if (model !== base) model.dispose();
    base.dispose();
  }
}

interface Demonstrations {
  training: EncodedExample[];
  heldOut: EncodedExample[];
  /** What was cut or left out, in sentences. */
  notes: string[];
}

function loadDemonstrations(config: SftConfig, tokenizer: Tokenizer, context: number): Demonstrations {
  const all = [...readDemonstrations(config.demonstrations)];
  const split =
    config.validation === null
      ? splitByPrompt(all, config.validationFraction)
      : { training: all, heldOut: [...readDemonstrations(config.validation)] };
  // The last token is learned but not read, so one more fits than the context has cells.
  const training = encodeDemonstrations(split.training, tokenizer, context + 1);
  const heldOut = encodeDemonstrations(split.heldOut, tokenizer, context + 1);
  if (training.examples.length === 0) {
    throw new TrainerError(
      `${config.demonstrations} has no demonstration to train on: ${all.length} lines, ${heldOut.examples.length} held out, ${training.lengths.dropped} longer than the context of ${context} tokens.`,
    );
  }
  const notes = [
    `${training.examples.length} demonstrations to train on, ${heldOut.examples.length} held out.`,
  ];
  const truncated = training.lengths.truncatedPrompts + heldOut.lengths.truncatedPrompts;
  const dropped = training.lengths.dropped + heldOut.lengths.dropped;
  if (truncated > 0)
    notes.push(`${truncated} prompts were longer than the context and lost their beginning.`);
  if (dropped > 0)
    notes.push(`${dropped} demonstrations were left out: the completion alone fills the context.`);
  return { training: training.examples, heldOut: heldOut.examples, notes };
}

/** The step's loss in parts of `microBatchSize` packed rows, each divided by the counted tokens of the whole step. */
function* lossParts(
  model: LanguageModel,
  examples: readonly EncodedExample[],
  tokenizer: Tokenizer,
  config: SftConfig,
  step: number,
): Generator<() => tf.Scalar> {
  const batch = packDemonstrations(examples, model.config.contextLength, tokenizer.padding);
  const divisor = countedWeight(batch);
  const rows = Array.from({ length: batch.rows }, (_, row) => row);
  for (const [part, chosen] of chunks(rows, config.microBatchSize ?? batch.rows).entries()) {
    const micro = selectRows(batch, chosen);
    const dropout = { rate: config.dropout, seed: seedFor(config.seed, 'dropout', step, part) };
    yield () => tf.div(summedLoss(model, micro, dropout), divisor);
  }
}

/** Loss on the held-out demonstrations, in nats per completion token. */
async function validate(
  model: LanguageModel,
  heldOut: readonly EncodedExample[],
  tokenizer: Tokenizer,
  config: SftConfig,
): Promise<number> {
  const batches = chunks(heldOut, config.batchSize).map((part) =>
    packDemonstrations(part, model.config.contextLength, tokenizer.padding),
  );
  const { nats, weight } = await evaluateLoss(model, batches);
  return nats / weight;
}
