import { tf } from '../../engine/tf.ts';
import { ScalarModel } from '../../model/scalar-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { tinyModel, type tinyShape } from './tiny.ts';

/** How far the coordinates that carry no score lie from 0; the scores must be small against it. */
const SPREAD = 6;

/**
 * A reward model whose score is known: every block gives 0, so that the last cell's embeddings alone decide, and their
 * first coordinate carries the score. The other coordinates are ±SPREAD, so that the layer norm divides by about the same
 * everywhere, which the head undoes. Exact to about (score / SPREAD)² / 32 of the score.
 *
 * @param score of the last token, and of its position in the sequence; the two are added
 */
export function madeReward(
  tokenizer: Tokenizer,
  score: { token?: (token: number) => number; position?: (position: number) => number },
  shape: Partial<typeof tinyShape> = {},
): ScalarModel {
  const trunk = tinyModel(tokenizer, 9, shape);
  const model = ScalarModel.fromLanguageModel(trunk, 9);
  trunk.dispose();
  const { width, contextLength } = model.trunk.config;
  const pairs = Math.floor((width - 1) / 2);
  for (const [name, variable] of model.parameters) {
    const values = new Float32Array(variable.size);
    if (name.endsWith('ln_f.weight')) values.fill(1);
    if (name === 'score.weight') values[0] = SPREAD * Math.sqrt((2 * pairs) / width) * (width / (width - 1));
    if (name.endsWith('wte.weight')) {
      for (let token = 0; token < tokenizer.vocabularySize; token++) {
        values[token * width] = score.token?.(token) ?? 0;
        for (let i = 1; i <= 2 * pairs; i++) values[token * width + i] = i % 2 === 0 ? SPREAD : -SPREAD;
      }
    }
    if (name.endsWith('wpe.weight')) {
      for (let at = 0; at < contextLength; at++) values[at * width] = score.position?.(at) ?? 0;
    }
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
  return model;
}
