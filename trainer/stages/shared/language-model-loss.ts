import type { TrainingBatch } from '../../data/batch.ts';
import { embedding } from '../../engine/ops/embedding.ts';
import { tf } from '../../engine/tf.ts';
import type { Dropout } from '../../model/family.ts';
import type { LanguageModel } from '../../model/language-model.ts';

/**
 * The summed negative log-likelihood, in nats, of the batch's counted targets: Σ −w log p(target). Only cells that count
 * pass through the head. To get a loss, divide by the weights of the whole step, never of a micro-batch.
 */
export function summedLoss(model: LanguageModel, batch: TrainingBatch, dropout?: Dropout): tf.Scalar {
  return tf.tidy(() => {
    const cells = countedCells(batch);
    const flat = model
      .hidden(batch, { dropout })
      .reshape<tf.Tensor2D>([batch.rows * batch.columns, model.config.width]);
    const everyCell = cells.length === batch.weights.length;
    const counted = everyCell ? flat : embedding(flat, tf.tensor1d(cells, 'int32'));
    const targets = everyCell ? batch.targets : Int32Array.from(cells, (cell) => batch.targets[cell] ?? 0);
    const logProbs = model.logProbs(counted as tf.Tensor2D, targets);
    const weights = Float32Array.from(cells, (cell) => batch.weights[cell] ?? 0);
    const weighted = weights.every((weight) => weight === 1)
      ? logProbs
      : tf.mul(logProbs, tf.tensor1d(weights));
    return tf.neg(tf.sum(weighted)).asScalar();
  });
}

/** Sum of the batch's weights: what its summed loss is to be divided by. */
export function countedWeight(batch: TrainingBatch): number {
  let sum = 0;
  for (const weight of batch.weights) sum += weight;
  return sum;
}

/** The summed loss, in nats, and the weight of all counted targets of some batches, without dropout or gradient. */
export async function evaluateLoss(
  model: LanguageModel,
  batches: Iterable<TrainingBatch>,
): Promise<{ nats: number; weight: number }> {
  let nats = 0;
  let weight = 0;
  for (const batch of batches) {
    const loss = summedLoss(model, batch);
    nats += (await loss.data())[0] ?? Number.NaN;
    loss.dispose();
    weight += countedWeight(batch);
  }
  return { nats, weight };
}

function countedCells(batch: TrainingBatch): Int32Array {
  const cells: number[] = [];
  for (let cell = 0; cell < batch.weights.length; cell++) if (batch.weights[cell] !== 0) cells.push(cell);
  return Int32Array.from(cells);
}
