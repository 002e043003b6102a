import { rightPadded } from '../../data/batch.ts';
import { renderPrompt } from '../../data/template.ts';
import { tf } from '../../engine/tf.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/** The distribution of the first response token. */
export function firstToken(model: LanguageModel, tokenizer: Tokenizer, prompt: string): Float32Array {
  const tokens = tokenizer.encode(renderPrompt(prompt));
  return tf.tidy(() => {
    const hidden = model.hidden(rightPadded([tokens], tokenizer.padding));
    const last = tf.slice(hidden, [0, tokens.length - 1, 0], [1, 1, -1]);
    return Float32Array.from(tf.softmax(model.logits(last)).dataSync());
  });
}
