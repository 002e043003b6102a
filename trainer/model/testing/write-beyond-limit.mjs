// Saves a checkpoint and a state that the limit on a file's size lets through, then ones that it does not; prints why not.
import { join } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { openDevice } = await import('../../engine/device.ts');
const { saveCheckpoint } = await import('../checkpoint.ts');
const { LanguageModel } = await import('../language-model.ts');
const { writeRunState } = await import('../../stages/shared/run-state.ts');
const { Tokenizer } = await import('../../tokenizer/tokenizer.ts');

const [root] = process.argv.slice(2);
await openDevice('cpu');
const tokenizer = Tokenizer.trainCharacters(['abcdefgh']);
const errors = [];
for (const [step, width] of [
  [1, 8],
  [2, 256],
]) {
  const shape = { vocabularySize: tokenizer.vocabularySize, contextLength: 16, width, layers: 1, heads: 2 };
  const model = LanguageModel.create(shape, 1);
  const tensors = new Map();
  for (const [name, variable] of model.parameters) {
    tensors.set(name, { shape: variable.shape, data: variable.dataSync() });
  }
  const attempts = [
    () => saveCheckpoint(join(root, 'model'), { model, tokenizer, metadata: null }),
    async () =>
      writeRunState(root, { identity: 'x', step, metrics: {}, optimizerSteps: {}, extra: null, tensors }),
  ];
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (error) {
      errors.push(error.message);
    }
  }
}
process.stdout.write(JSON.stringify(errors));
