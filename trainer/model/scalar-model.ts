import { lastIndices, type TokenBatch } from '../data/batch.ts';
import { embedding } from '../engine/ops/embedding.ts';
import { linear } from '../engine/ops/linear.ts';
import { Random } from '../engine/random.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import { familyOf } from './families.ts';
import type { Dropout } from './family.ts';
import { copyVariable, type LanguageModel, newVariable } from './language-model.ts';

/**
 * A transformer whose head gives one number per cell: a reward model (read at the last token) or a value model (read at every
 * token). In Hugging Face's terms `…ForSequenceClassification` with one label: a `score` head without bias.
 */
export class ScalarModel {
  readonly trunk: LanguageModel;
  /** the trunk's under its family's prefix ("transformer."), and "score.weight" [1,D] */
  readonly parameters: Map<string, tf.Variable>;
  readonly #score: tf.Variable<tf.Rank.R2>;

  private constructor(trunk: LanguageModel, score: tf.Variable) {
    this.trunk = trunk;
    this.#score = score as tf.Variable<tf.Rank.R2>;
    this.parameters = new Map();
    const { prefix } = familyOf(trunk.config);
    for (const [name, variable] of trunk.parameters) this.parameters.set(`${prefix}${name}`, variable);
    this.parameters.set('score.weight', score);
  }

  /** A copy of the language model with a fresh head: weights N(0, 1/√(D+1)), no bias (Stiennon et al. 2020). */
  static fromLanguageModel(model: LanguageModel, seed: number): ScalarModel {
    const { width } = model.config;
    const random = new Random(seed);
    const weights = new Float32Array(width);
    const deviation = 1 / Math.sqrt(width + 1);
    for (let i = 0; i < width; i++) weights[i] = random.normal() * deviation;
    return new ScalarModel(model.cloneTrunk(), newVariable(weights, [1, width]));
  }

  /** A model of these parts; it owns the trunk from now on. @param score float32, D values */
  static fromParts(trunk: LanguageModel, score: Float32Array): ScalarModel {
    return new ScalarModel(trunk, newVariable(score, [1, trunk.config.width]));
  }

  /** A copy with weights of its own. */
  clone(): ScalarModel {
    return new ScalarModel(this.trunk.clone(), copyVariable(this.#score));
  }

  dispose(): void {
    this.trunk.dispose();
    this.#score.dispose();
  }

  /** One number per cell, float32 [B,T]; what padding cells get means nothing. */
  values(batch: TokenBatch, options: { dropout?: Dropout | undefined } = {}): tf.Tensor2D {
    return tf.tidy(() => {
      const hidden = this.trunk.hidden(batch, options);
      const values = linear(hidden, this.#score, null, { transposeWeight: true });
      return values.reshape([batch.rows, batch.columns]);
    });
  }

  /**
   * One number per row, float32 [B], read at the row's cell `lastIndex`: the response's last token.
   * @param lastIndex int32 [B]; each row's last real cell if left out
   * @throws TrainerError when an index is outside its row or names a padding cell
   */
  scores(
    batch: TokenBatch,
    lastIndex: Int32Array = lastIndices(batch),
    options: { dropout?: Dropout | undefined } = {},
  ): tf.Tensor1D {
    const cells = new Int32Array(batch.rows);
    for (let row = 0; row < batch.rows; row++) {
      const column = lastIndex[row] ?? -1;
      if (column < 0 || column >= batch.columns || batch.segments[row * batch.columns + column] === 0) {
        throw new TrainerError(
          `The score of row ${row} is read at cell ${column}: expected one of its real cells.`,
        );
      }
      cells[row] = row * batch.columns + column;
    }
    return tf.tidy(() => {
      const hidden = this.trunk.hidden(batch, options);
      const flat = hidden.as2D(batch.rows * batch.columns, this.trunk.config.width);
      const last = embedding(flat, tf.tensor1d(cells, 'int32'));
      return linear(last, this.#score, null, { transposeWeight: true }).reshape([batch.rows]);
    });
  }
}
