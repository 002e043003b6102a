import { tf } from '../../engine/tf.ts';
import { LanguageModel } from '../../model/language-model.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/**
 * A GPT-2 that is all but certain of one thing: after token t comes token t + 1, the last one's successor being token 0.
 * Tokens are one-hot; attention gives 0; the first block's MLP moves the 1 one place on.
 */
export function successorModel(tokenizer: Tokenizer, contextLength: number): LanguageModel {
  const size = tokenizer.vocabularySize;
  const model = LanguageModel.create(
    { vocabularySize: size, contextLength, width: size, layers: 1, heads: 1 },
    1,
  );
  const inner = model.config.innerWidth;
  const made: Record<string, (values: Float32Array) => void> = {
    'wte.weight': (values) => {
      for (let token = 0; token < size; token++) values[token * size + token] = 1;
    },
    'h.0.ln_2.weight': (values) => values.fill(1),
    // GELU leaves large numbers as they are, and makes 0 of what is far below it.
    'h.0.mlp.c_fc.weight': (values) => {
      for (let i = 0; i < size; i++) values[i * inner + i] = 4;
    },
    'h.0.mlp.c_fc.bias': (values) => values.fill(-4, 0, size),
    'h.0.mlp.c_proj.weight': (values) => {
      for (let i = 0; i < size; i++) values[i * size + ((i + 1) % size)] = 10;
    },
    'ln_f.weight': (values) => values.fill(10),
  };
  for (const [name, variable] of model.parameters) {
    const values = new Float32Array(variable.size);
    made[name]?.(values);
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
  return model;
}
