// Writes a folder and a run's state over and over, each time with the next number in every part, until it is killed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { replaceFolder } = await import('../atomic-folder.ts');
const { writeSafetensors } = await import('../safetensors.ts');
const { writeRunState } = await import('../../stages/shared/run-state.ts');

const [root, first] = process.argv.slice(2);
for (let number = Number(first); ; number++) {
  const weights = new Map([['w', { shape: [20_000], data: new Float32Array(20_000).fill(number) }]]);
  await replaceFolder(join(root, 'model'), (folder) => {
    writeFileSync(join(folder, 'config.json'), String(number));
    writeSafetensors(join(folder, 'model.safetensors'), weights);
    writeFileSync(join(folder, 'tokenizer.json'), String(number));
  });
  writeRunState(root, {
    identity: 'x',
    step: number,
    metrics: { number },
    optimizerSteps: {},
    extra: null,
    tensors: weights,
  });
  process.stdout.write('.');
}
