import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../engine/device.ts';
import { sampleCompletions, scoreCompletions } from '../evaluation/sample.ts';
import { loadTokenizer, readConfig, saveCheckpoint } from '../model/checkpoint.ts';
import { LanguageModel } from '../model/language-model.ts';
import { ScalarModel } from '../model/scalar-model.ts';
import { writeTokenizerOfKind } from '../tokenizer/testing/kinds.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { runStage } from './index.ts';
import { recordingContext, temporaryFolder, writeLines } from './testing/tiny.ts';

const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const { folder, remove } = temporaryFolder();
const parent = join(folder, 'parent');
afterAll(remove);

beforeAll(async () => {
  await openDevice('auto');
  const files = join(folder, 'files');
  const size = writeTokenizerOfKind(files, 'qwen2', { chatTemplate: CHATML });
  const shape = {
    vocabularySize: Math.ceil(size / 64) * 64,
    contextLength: 40,
    width: 32,
    layers: 1,
    heads: 4,
  };
  const config = { family: 'llama', modelType: 'qwen2', keyValueHeads: 2, tiedHead: true, ...shape } as const;
  const model = LanguageModel.create(config, 1);
  await saveCheckpoint(
    parent,
    { model, tokenizer: Tokenizer.load(files), metadata: null },
    { dtype: 'bf16' },
  );
  const reward = ScalarModel.fromLanguageModel(model, 2);
  await saveCheckpoint(join(folder, 'reward'), {
    model: reward,
    tokenizer: Tokenizer.load(files),
    metadata: null,
  });
  reward.dispose();
  model.dispose();
});

describe("a Qwen2 folder of somebody's, in bf16, with a chat template and spare rows", () => {
  it('is tuned in its template, learns where a turn ends, and is saved as what it was', async () => {
    const answers = { 'The cat?': 'It sat.', 'The dog?': 'It left <|im_end|>.' };
    const demonstrations = Object.entries(answers).map(([prompt, completion]) => ({ prompt, completion }));
    const { context } = recordingContext(join(folder, 'sft'));
    const result = await runStage(
      'sft',
      {
        model: parent,
        demonstrations: writeLines(folder, 'demonstrations.jsonl', demonstrations),
        validationFraction: 0,
        epochs: 150,
        batchSize: 2,
        learningRate: 1e-2,
        dropout: 0,
      },
      context,
    );
    expect(result.metrics.loss).toBeLessThan(0.05);

    const completions = await sampleCompletions(result.checkpoint, Object.keys(answers), {
      maxNewTokens: 22,
      temperature: 0,
      seed: 1,
    });
    // The name of a token in an answer is learned as text: it ends no turn.
    expect(completions.map(([one]) => [one?.text, one?.finished])).toEqual(
      Object.values(answers).map((text) => [text, true]),
    );
    const tokenizer = loadTokenizer(result.checkpoint);
    expect(completions[0]?.[0]?.tokens.at(-1)).toBe(tokenizer.endOfText);
    expect(tokenizer.chatTemplate).toBe(CHATML);
    expect(tokenizer.matches(loadTokenizer(parent))).toBe(true);
    expect(readConfig(result.checkpoint)).toEqual(readConfig(parent));
    const config = JSON.parse(readFileSync(join(result.checkpoint, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2' });
  });

  it('scores a completion alike whatever else is in the batch, with gain 1 and bias 0 where no touchstone.json is', async () => {
    const copy = join(folder, 'reward-copy');
    cpSync(join(folder, 'reward'), copy, { recursive: true });
    const items = [
      { prompt: 'The cat?', completion: 'It sat.' },
      { prompt: 'The dog, who sat on the mat?', completion: 'It left, and then the cat did.' },
    ];
    const together = await scoreCompletions(copy, items);
    for (const [i, item] of items.entries()) {
      const [alone = Number.NaN] = await scoreCompletions(copy, [item]);
      expect(alone).toBeCloseTo(together[i] ?? Number.NaN, 5);
    }
    const [cut = 0] = await scoreCompletions(copy, [
      { prompt: 'The cat?', completion: 'It sat.', finished: false },
    ]);
    expect(Math.abs(cut - (together[0] ?? 0))).toBeGreaterThan(1e-3);
  });
});
