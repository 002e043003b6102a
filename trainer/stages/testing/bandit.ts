import { rightPadded } from '../../data/batch.ts';
import { renderPrompt } from '../../data/template.ts';
import { tf } from '../../engine/tf.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import { ScalarModel } from '../../model/scalar-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { tinyModel } from './tiny.ts';

/**
 * A reward model whose score depends on the last token alone: every block gives 0, and the embedding of a token points
 * along the head as far as its score says.
 */
export function lastTokenReward(tokenizer: Tokenizer, score: (token: number) => number): ScalarModel {
  const model = ScalarModel.fromLanguageModel(tinyModel(tokenizer, 9), 9);
  const width = model.trunk.config.width;
  for (const [name, variable] of model.parameters) {
    const values = new Float32Array(variable.size);
    if (name.endsWith('ln_f.weight')) values.fill(1);
    if (name === 'score.weight') values[0] = 1;
    if (name.endsWith('wte.weight')) {
      for (let token = 0; token < tokenizer.vocabularySize; token++) {
        // Layer norm maps (s, ±1, ±1, …) with zero mean and unit spread to about s at the first place.
        const wanted = score(token);
        const rest = width - 1;
        const spread = Math.sqrt((width - wanted ** 2 - wanted ** 2 / rest) / (rest - (rest % 2)));
        values[token * width] = wanted;
        for (let i = 1; i < width; i++) values[token * width + i] = -wanted / rest + signs(i, rest) * spread;
      }
    }
    const shaped = tf.tensor(values, variable.shape);
    variable.assign(shaped);
    shaped.dispose();
  }
  return model;
}

/** +1, −1, …, and 0 for the odd one out. */
function signs(i: number, rest: number): number {
  if (rest % 2 === 1 && i === rest) return 0;
  return i % 2 === 0 ? 1 : -1;
}

/** The distribution of the first response token. */
export function firstToken(model: LanguageModel, tokenizer: Tokenizer, prompt: string): Float32Array {
  const tokens = tokenizer.encode(renderPrompt(prompt));
  return tf.tidy(() => {
    const hidden = model.hidden(rightPadded([tokens], tokenizer.padding));
    const last = tf.slice(hidden, [0, tokens.length - 1, 0], [1, 1, -1]);
    return Float32Array.from(tf.softmax(model.logits(last)).dataSync());
  });
}
