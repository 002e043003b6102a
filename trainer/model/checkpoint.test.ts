import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rightPadded } from '../data/batch.ts';
import { openDevice } from '../engine/device.ts';
import { tf } from '../engine/tf.ts';
import { type Kind, writeTokenizerOfKind } from '../tokenizer/testing/kinds.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import {
  loadLanguageModel,
  loadScalarModel,
  loadTokenizer,
  readConfig,
  readMetadata,
  saveCheckpoint,
} from './checkpoint.ts';
import { generate } from './generate.ts';
import { LanguageModel } from './language-model.ts';
import type { TouchstoneMetadata } from './metadata.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';
import { ScalarModel } from './scalar-model.ts';
import { largestDifference, plainLogits, randomSequences, tinyConfig, tinyModel } from './testing/tiny.ts';

const tokenizer = Tokenizer.trainCharacters(['abcdefghijklmnopqrstu']);
const metadata: TouchstoneMetadata = {
  stage: 'sft',
  step: 12,
  parent: 'runs/pretrain/checkpoint',
  dataset: { version: 'v3', hash: 'abc' },
  config: { learningRate: 1e-3, sources: ['a'] },
  seed: 4,
  codeVersion: '0.1.0',
  metrics: { loss: 1.25 },
};
const root = mkdtempSync(join(tmpdir(), 'touchstone-checkpoint-'));
const folder = join(root, 'gpt');
const rewardFolder = join(root, 'reward');

beforeAll(async () => {
  await openDevice('auto');
  expect(tokenizer.vocabularySize).toBe(tinyConfig.vocabularySize);
  await saveCheckpoint(folder, { model: tinyModel(), tokenizer, metadata });
  await saveCheckpoint(rewardFolder, {
    model: ScalarModel.fromLanguageModel(tinyModel(2), 9),
    tokenizer,
    metadata: { ...metadata, stage: 'reward', rewardGain: 0.5, rewardBias: -1 },
  });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A copy of a checkpoint folder whose weights or configuration are changed. */
function altered(
  from: string,
  change: (parts: { config: Record<string, unknown>; tensors: Map<string, StoredTensor> }) => void,
): string {
  const copy = mkdtempSync(join(root, 'altered-'));
  for (const name of readdirSync(from)) writeFileSync(join(copy, name), readFileSync(join(from, name)));
  const parts = {
    config: JSON.parse(readFileSync(join(from, 'config.json'), 'utf8')),
    tensors: readSafetensors(join(from, 'model.safetensors')),
  };
  change(parts);
  writeFileSync(join(copy, 'config.json'), JSON.stringify(parts.config));
  writeSafetensors(join(copy, 'model.safetensors'), parts.tensors);
  return copy;
}

describe('a checkpoint folder', () => {
  it('comes back bit for bit, with its tokenizer and lineage', async () => {
    const original = tinyModel();
    const loaded = await loadLanguageModel(folder);
    expect(loaded.config).toEqual(original.config);
    for (const [name, variable] of original.parameters) {
      expect(loaded.parameter(name).dataSync(), name).toEqual(variable.dataSync());
    }
    expect(loaded.parameters.size).toBe(original.parameters.size);
    expect(loadTokenizer(folder).encode('badge')).toEqual(tokenizer.encode('badge'));
    expect(readMetadata(folder)).toEqual(metadata);

    const reward = ScalarModel.fromLanguageModel(tinyModel(2), 9);
    const loadedReward = await loadScalarModel(rewardFolder);
    for (const [name, variable] of reward.parameters) {
      expect(loadedReward.parameters.get(name)?.dataSync(), name).toEqual(variable.dataSync());
    }
    expect(readMetadata(rewardFolder)).toMatchObject({ rewardGain: 0.5, rewardBias: -1 });
  });

  it('is what transformers expects: architectures, tensor names, special tokens', () => {
    expect(readdirSync(folder).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
      'touchstone.json',
    ]);
    const config = (from: string) => JSON.parse(readFileSync(join(from, 'config.json'), 'utf8'));
    expect(config(folder)).toMatchObject({
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      n_embd: 12,
      n_inner: 48,
      activation_function: 'gelu_new',
      eos_token_id: tokenizer.endOfText,
      pad_token_id: tokenizer.padding,
    });
    expect(config(rewardFolder)).toMatchObject({
      architectures: ['GPT2ForSequenceClassification'],
      num_labels: 1,
      id2label: { '0': 'reward' },
    });
    const names = [...readSafetensors(join(folder, 'model.safetensors')).keys()];
    expect(names[0]).toBe('transformer.wte.weight');
    expect(names.every((name) => name.startsWith('transformer.'))).toBe(true);
    expect([...readSafetensors(join(rewardFolder, 'model.safetensors')).keys()].at(-1)).toBe('score.weight');
    const { chat_template } = JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8'));
    expect(chat_template).toContain('Question: ');
  });

  it('is accepted without the prefix, with causal masks and with the tied head written out', async () => {
    const other = altered(folder, ({ tensors }) => {
      const held = [...tensors];
      tensors.clear();
      for (const [name, tensor] of held) tensors.set(name.replace('transformer.', ''), tensor);
      tensors.set('h.0.attn.bias', { shape: [1, 1, 2, 2], data: Float32Array.of(1, 0, 1, 1) });
      const wte = tensors.get('wte.weight');
      if (wte) tensors.set('lm_head.weight', wte);
    });
    const [sequence = []] = randomSequences(1, [9]);
    expect(plainLogits(await loadLanguageModel(other), sequence)).toEqual(plainLogits(tinyModel(), sequence));
  });

  it('replaces an older one whole, and leaves nothing when it cannot be written', async () => {
    const target = join(root, 'again');
    await saveCheckpoint(target, { model: tinyModel(1), tokenizer, metadata });
    writeFileSync(join(target, 'left-over'), '');
    await saveCheckpoint(target, { model: tinyModel(3), tokenizer, metadata });
    expect(existsSync(join(target, 'left-over'))).toBe(false);
    const [sequence = []] = randomSequences(1, [9]);
    expect(plainLogits(await loadLanguageModel(target), sequence)).toEqual(
      plainLogits(tinyModel(3), sequence),
    );

    writeFileSync(join(root, 'file'), '');
    await expect(
      saveCheckpoint(join(root, 'file', 'x'), { model: tinyModel(), tokenizer, metadata }),
    ).rejects.toThrow(/^Cannot write the checkpoint .*file\/x/);
    const other = Tokenizer.trainCharacters(['abc']);
    await expect(
      saveCheckpoint(join(root, 'y'), { model: tinyModel(), tokenizer: other, metadata }),
    ).rejects.toThrow('the tokenizer has 5 tokens and the model 23');
    expect(readdirSync(root).filter((name) => name.startsWith('.') || name === 'y')).toEqual([]);
  });

  it('that is damaged or of another shape is refused by folder, tensor, expected and found', async () => {
    const refusal = async (broken: string) => {
      const error = await loadLanguageModel(broken).then(
        () => null,
        (reason: unknown) => reason,
      );
      const message = error instanceof Error ? error.message : '';
      expect(message).toContain(broken);
      return message;
    };
    expect(await refusal(join(root, 'absent'))).toContain('There is no checkpoint folder');
    expect(await refusal(mkdtempSync(join(root, 'empty-')))).toContain('cannot read config.json');
    const weightless = altered(folder, () => undefined);
    rmSync(join(weightless, 'model.safetensors'));
    expect(await refusal(weightless)).toContain('holds no weights: expected model.safetensors');
    const wte = 'transformer.wte.weight';
    expect(
      await refusal(
        altered(folder, ({ tensors }) => tensors.set(wte, { shape: [2, 12], data: new Float32Array(24) })),
      ),
    ).toContain('the tensor wte.weight has shape [2, 12]: expected [23, 12]');
    expect(
      await refusal(altered(folder, ({ tensors }) => tensors.delete('transformer.ln_f.bias'))),
    ).toContain('the tensor ln_f.bias is missing from model.safetensors: expected it with shape [12]');
    expect(
      await refusal(
        altered(folder, ({ tensors }) => tensors.set('h.7.x', { shape: [1], data: Float32Array.of(1) })),
      ),
    ).toContain('holds the tensor h.7.x of shape [1]');
    expect(
      await refusal(altered(folder, ({ config }) => Object.assign(config, { activation_function: 'relu' }))),
    ).toContain('activation_function');
    expect(await refusal(altered(folder, ({ config }) => Object.assign(config, { n_layr: 2 })))).toContain(
      'n_layr',
    );
    expect(await refusal(rewardFolder)).toContain('holds a reward model');
    await expect(loadScalarModel(folder)).rejects.toThrow(
      'expected the tensor score.weight of shape [1, 12]',
    );
    const cut = altered(folder, () => undefined);
    const file = join(cut, 'model.safetensors');
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    expect(await refusal(cut)).toContain('not a whole safetensors file');
    writeFileSync(join(cut, 'touchstone.json'), JSON.stringify({ ...metadata, colour: 1 }));
    expect(() => readMetadata(cut)).toThrow('touchstone.json');
  });
});

describe('storage', () => {
  it('in bf16, f16 and shards is said in config.json and computed with in float32 after loading', async () => {
    const [sequence = []] = randomSequences(5, [12]);
    const exact = plainLogits(tinyModel(), sequence).flat();
    const errors: number[] = [];
    for (const [dtype, torchName] of [
      ['float32', 'float32'],
      ['f16', 'float16'],
      ['bf16', 'bfloat16'],
    ] as const) {
      const target = join(root, `as-${dtype}`);
      await saveCheckpoint(target, { model: tinyModel(), tokenizer, metadata }, { dtype, shardBytes: 3000 });
      expect(readdirSync(target)).toContain('model.safetensors.index.json');
      const config = JSON.parse(readFileSync(join(target, 'config.json'), 'utf8'));
      expect([config.torch_dtype, config.dtype]).toEqual([torchName, torchName]);
      const loaded = await loadLanguageModel(target);
      errors.push(largestDifference(plainLogits(loaded, sequence).flat(), exact));
      // Saved again as it was read, nothing more is lost.
      const again = `${target}-again`;
      await saveCheckpoint(again, { model: loaded, tokenizer, metadata: null }, { dtype });
      expect(plainLogits(await loadLanguageModel(again), sequence)).toEqual(plainLogits(loaded, sequence));
      expect(readMetadata(again)).toBe(null);
    }
    const [float32 = 1, f16 = 1, bf16 = 1] = errors;
    expect(float32).toBe(0);
    // 11 and 8 bits of a significand.
    expect(f16).toBeGreaterThan(0);
    expect(f16).toBeLessThan(0.05);
    expect(bf16).toBeGreaterThan(f16);
    expect(bf16).toBeLessThan(0.4);
  });

  it('that cannot hold a weight is refused by name, and the older checkpoint stays', async () => {
    const target = join(root, 'overflow');
    await saveCheckpoint(target, { model: tinyModel(), tokenizer, metadata });
    const large = tinyModel();
    tf.tidy(() => large.parameter('ln_f.bias').assign(tf.fill([12], 70000)));
    await expect(
      saveCheckpoint(target, { model: large, tokenizer, metadata }, { dtype: 'f16' }),
    ).rejects.toThrow('the tensor transformer.ln_f.bias holds 70000 (element 0), which is too large for F16');
    const [sequence = []] = randomSequences(1, [9]);
    expect(plainLogits(await loadLanguageModel(target), sequence)).toEqual(
      plainLogits(tinyModel(), sequence),
    );
  });
});

describe("a tokenizer and the model's rows", () => {
  const ofKind = (kind: Kind, rows: (size: number) => number) => {
    const target = mkdtempSync(join(root, `${kind}-`));
    const vocabularySize = rows(writeTokenizerOfKind(target, kind));
    return { target, model: LanguageModel.create({ ...tinyConfig, vocabularySize }, 1) };
  };
  const put = async (model: LanguageModel, tokenizerFolder: string) => {
    const target = mkdtempSync(join(root, 'put-'));
    await saveCheckpoint(target, { model, tokenizer: Tokenizer.load(tokenizerFolder), metadata: null });
    return target;
  };

  it('may differ where rows are padded to a multiple of 64, as in Qwen2; the surplus is never sampled', async () => {
    const { target, model } = ofKind('qwen2', (size) => Math.ceil((size + 1) / 64) * 64);
    const folder = await put(model, target);
    const held = loadTokenizer(folder);
    const rows = readConfig(folder).vocabularySize;
    expect(rows % 64).toBe(0);
    expect(held.vocabularySize).toBeLessThan(rows);
    // Every logit is 0, so that any row would be drawn.
    for (const variable of model.parameters.values()) tf.tidy(() => variable.assign(tf.zerosLike(variable)));
    const settings = { maxNewTokens: 20, temperature: 1, seed: 1, stopTokens: [], samplesPerPrompt: 60 };
    const drawn = (await generate(model, [[1]], { ...settings, tokenizer: held })).flatMap(
      ({ tokens }) => tokens,
    );
    expect(drawn).toHaveLength(1200);
    expect(Math.max(...drawn)).toBeLessThan(held.vocabularySize);
    const all = (await generate(model, [[1]], settings)).flatMap(({ tokens }) => tokens);
    expect(Math.max(...all)).toBeGreaterThanOrEqual(held.vocabularySize);
  });

  it('are refused where they do not belong together: too few rows, or too many for padding', async () => {
    const { target, model } = ofKind('llama3', (size) => size - 5);
    await expect(put(model, target)).rejects.toThrow(
      /the tokenizer has \d+ tokens and the model \d+: expected the same number, or a model whose rows are padded to a multiple of 64\. Does the tokenizer belong to the weights\?$/,
    );
    const wide = ofKind('llama3', () => 2048);
    await expect(put(wide.model, wide.target)).rejects.toThrow('Does the tokenizer belong to the weights?');
  });

  it("take GPT-2's full embedding as it is: padding is a token of no text, and transformers is told its id", async () => {
    const { target, model } = ofKind('gpt2', (size) => size);
    writeFileSync(join(target, 'config.json'), JSON.stringify({ vocab_size: model.config.vocabularySize }));
    const folder = await put(model, target);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    const held = loadTokenizer(folder);
    expect(config.vocab_size).toBe(held.vocabularySize);
    expect(config.pad_token_id).toBe(held.padding);
    expect(config.pad_token_id).not.toBe(config.eos_token_id);
    expect(held.byteLengths[held.padding]).toBe(1);
  });

  it('of a kind keep their end, beginning and stop tokens in config.json and generation_config.json', async () => {
    const { target, model } = ofKind('llama3', (size) => size);
    const id = (name: string) =>
      Tokenizer.load(target).addedTokens.find(({ content }) => content === name)?.id ?? -1;
    const stops = [id('<|eot_id|>'), id('<|end_of_text|>')];
    writeFileSync(
      join(target, 'generation_config.json'),
      JSON.stringify({ eos_token_id: [...stops].reverse() }),
    );
    const folder = await put(model, target);
    const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
    expect(read('generation_config.json')).toMatchObject({
      bos_token_id: id('<|begin_of_text|>'),
      eos_token_id: stops,
      pad_token_id: id('<|finetune_right_pad_id|>'),
    });
    expect(read('config.json')).toMatchObject({
      bos_token_id: id('<|begin_of_text|>'),
      eos_token_id: stops[0],
    });
    expect(loadTokenizer(folder).stopTokens).toEqual(stops);
  });
});

const torch = spawnSync('/usr/bin/python3', ['-c', 'import torch'], { stdio: 'ignore' }).status === 0;

describe.skipIf(!torch)('an independent GPT-2 in PyTorch (needs python3-torch)', () => {
  const script = fileURLToPath(new URL('./testing/reference_gpt2.py', import.meta.url));
  const sequences = randomSequences(7, [1, 24, 9]);
  const reference = (from: string) =>
    JSON.parse(
      execFileSync('/usr/bin/python3', [script, from], {
        input: JSON.stringify({ tokens: sequences }),
        encoding: 'utf8',
        env: { ...process.env, OMP_NUM_THREADS: '1' },
      }),
    );

  it('reads our folder and gives the same logits', () => {
    const { logits } = reference(folder);
    for (const [i, sequence] of sequences.entries()) {
      expect(largestDifference(plainLogits(tinyModel(), sequence).flat(), logits[i].flat())).toBeLessThan(
        1e-4,
      );
    }
  });

  it('reads our reward model and gives the same scores', async () => {
    const { values } = reference(rewardFolder);
    const reward = await loadScalarModel(rewardFolder);
    const scores = tf.tidy(() => reward.scores(rightPadded(sequences, 1)).dataSync());
    const expected = values.map((row: number[]) => row.at(-1));
    expect(largestDifference(scores, expected)).toBeLessThan(1e-4);
  });
});
