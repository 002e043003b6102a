import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leftPadded, rightPadded } from '../data/batch.ts';
import { openDevice } from '../engine/device.ts';
import { KeyValueCache } from '../engine/ops/cached-attention.ts';
import { fastDevices } from '../engine/testing/devices.ts';
import { tf } from '../engine/tf.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { loadLanguageModel, loadScalarModel, readConfig, saveCheckpoint } from './checkpoint.ts';
import { type CompleteModelConfig, completeConfig } from './config.ts';
import { generate } from './generate.ts';
import { LanguageModel } from './language-model.ts';
import type { CompleteLlamaConfig, LlamaConfig } from './llama-config.ts';
import { readSafetensors } from './safetensors.ts';
import { ScalarModel } from './scalar-model.ts';
import { llamaReference } from './testing/llama-reference.ts';
import { largestDifference, plainLogits, randomSequences, tinyModel } from './testing/tiny.ts';

const base: LlamaConfig = {
  family: 'llama',
  vocabularySize: 23,
  contextLength: 24,
  width: 12,
  layers: 2,
  heads: 6,
  keyValueHeads: 2,
  headSize: 4,
  innerWidth: 20,
  rotary: { theta: 100, scaling: null },
};

/** Every difference among the models of the family: scaling, biases, heads, the output layer. */
const shapes: Record<string, LlamaConfig> = {
  'a Llama with grouped queries and a head of its own': base,
  'a Llama 3 with scaled positions': {
    ...base,
    // 24 cells hold 3.8, 1.2 and 0.4 turns of the frequencies 1, 0.1 …: all three cases of the ramp.
    rotary: {
      theta: 10,
      scaling: {
        type: 'llama3',
        factor: 8,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 3,
        originalContext: 24,
      },
    },
  },
  'a Qwen2 with biases and a tied head': { ...base, modelType: 'qwen2', tiedHead: true },
  'a Mistral of one key head and wide heads': {
    ...base,
    modelType: 'mistral',
    heads: 3,
    keyValueHeads: 1,
    headSize: 6,
  },
  'a Llama of as many key heads as query heads': { ...base, heads: 3, keyValueHeads: undefined },
};

function complete(config: LlamaConfig): CompleteLlamaConfig {
  const whole: CompleteModelConfig = completeConfig(config);
  if (whole.family !== 'llama') throw new Error('not a Llama');
  return whole;
}

const folder = mkdtempSync(join(tmpdir(), 'touchstone-llama-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(fastDevices.filter(({ name }) => name !== 'webgpu'))('on $name', (device) => {
  beforeAll(() => device.open());

  it.each(Object.entries(shapes))('%s gives the logits of a plain float64 model', (_, config) => {
    const model = tinyModel(1, config);
    const weights = new Map([...model.parameters].map(([name, variable]) => [name, variable.dataSync()]));
    for (const sequence of randomSequences(2, [1, 9])) {
      const expected = llamaReference(complete(config), weights, sequence);
      const found = plainLogits(model, sequence);
      expect(largestDifference(found.flat(), expected.flat())).toBeLessThan(1e-4);
    }
    model.dispose();
  });

  it.each(Object.entries(shapes))(
    '%s: a cached step equals the full forward at every position',
    (_, config) => {
      const model = tinyModel(2, config);
      const sequences = randomSequences(4, [11, 6, 9]);
      const whole = leftPadded(sequences, 0);
      const start = Int32Array.from(sequences, ({ length }) => whole.columns - length);
      const cache = new KeyValueCache({ layers: 2, start, capacity: whole.columns });
      tf.tidy(() => {
        const full = model.logits(model.hidden(whole)).dataSync();
        const size = model.config.vocabularySize;
        for (let from = 0; from < whole.columns; ) {
          const count = from === 0 ? 4 : 1;
          const take = (values: Int32Array): Int32Array =>
            Int32Array.from({ length: 3 * count }, (_, i) =>
              Number(values[Math.floor(i / count) * whole.columns + from + (i % count)]),
            );
          const part = {
            rows: 3,
            columns: count,
            tokens: take(whole.tokens),
            positions: take(whole.positions),
            segments: take(whole.segments),
          };
          const step = model.logits(model.hiddenCached(part, cache)).dataSync();
          for (let row = 0; row < 3; row++) {
            for (let i = 0; i < count; i++) {
              if (from + i < Number(start[row])) continue;
              const ours = step.slice((row * count + i) * size, (row * count + i + 1) * size);
              const cell = row * whole.columns + from + i;
              expect(largestDifference(ours, full.slice(cell * size, (cell + 1) * size))).toBeLessThan(1e-4);
            }
          }
          from += count;
        }
      });
      cache.dispose();
      model.dispose();
    },
  );
});

describe('a Llama', () => {
  beforeAll(async () => {
    await openDevice('auto');
  });

  it('scores the same under any padding, left or right', () => {
    const model = ScalarModel.fromLanguageModel(tinyModel(3, base), 4);
    const sequences = randomSequences(5, [4, 12, 7]);
    const alone = sequences.map((sequence) =>
      tf.tidy(() => Number(model.scores(rightPadded([sequence], 0)).dataSync()[0])),
    );
    for (const batch of [rightPadded(sequences, 9, 20), leftPadded(sequences, 9, 17)]) {
      const scores = tf.tidy(() => model.scores(batch).dataSync());
      expect(largestDifference(scores, alone)).toBeLessThan(1e-5);
    }
  });

  it('keeps documents of one row apart, their positions starting again', () => {
    const model = tinyModel(3, base);
    const [first = [], second = []] = randomSequences(6, [5, 7]);
    const tokens = Int32Array.from([...first, ...second]);
    const positions = Int32Array.from([...first.keys(), ...second.keys()]);
    const segments = Int32Array.from([...first.map(() => 1), ...second.map(() => 2)]);
    const packed = tf.tidy(() =>
      model.logits(model.hidden({ rows: 1, columns: 12, tokens, positions, segments })).dataSync(),
    );
    const apart = [first, second].flatMap((sequence) => plainLogits(model, sequence).flat());
    expect(largestDifference(packed, apart)).toBeLessThan(1e-4);
  });

  it('starts at deviations 0.02 and 0.02 / √(2 layers), gains 1, biases 0', () => {
    const model = LanguageModel.create(
      { ...base, modelType: 'qwen2' as const, width: 64, headSize: 16, heads: 4, innerWidth: 96, layers: 2 },
      7,
    );
    const deviation = (name: string) => {
      const values = Array.from(model.parameter(name).dataSync());
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    expect(deviation('layers.1.mlp.gate_proj.weight')).toBeCloseTo(0.02, 3);
    expect(deviation('layers.1.self_attn.o_proj.weight')).toBeCloseTo(0.01, 3);
    expect(deviation('layers.0.mlp.down_proj.weight')).toBeCloseTo(0.01, 3);
    expect(deviation('layers.0.self_attn.k_proj.bias')).toBe(0);
    expect(deviation('norm.weight')).toBe(1);
  });

  it('drops activations only when told, the same ones for the same seed', () => {
    const model = tinyModel(3, base);
    const batch = rightPadded(randomSequences(6, [8, 8]), 1);
    const hidden = (seed?: number) =>
      tf.tidy(() =>
        model.hidden(batch, seed === undefined ? {} : { dropout: { rate: 0.3, seed } }).dataSync(),
      );
    expect(hidden(1)).toEqual(hidden(1));
    expect(largestDifference(hidden(1), hidden(2))).toBeGreaterThan(0.01);
    expect(largestDifference(hidden(1), hidden())).toBeGreaterThan(0.01);
  });

  it('samples what greedy decoding over the full forward pass gives', async () => {
    const model = tinyModel(5, base);
    const [prompt = []] = randomSequences(8, [4]);
    const options = { maxNewTokens: 6, temperature: 0, seed: 1, stopTokens: [] };
    const [sampled] = await generate(model, [prompt, [1, 2, 3, 4, 5, 6]], options);
    const sequence = [...prompt];
    for (let i = 0; i < 6; i++) {
      const logits = plainLogits(model, sequence).at(-1) ?? [];
      sequence.push(logits.indexOf(Math.max(...logits)));
    }
    expect(sampled?.tokens).toEqual(sequence.slice(4));
  });

  it.each(Object.entries(shapes))(
    '%s is saved under Hugging Face names and read back to the bit',
    async (name, config) => {
      const tokenizer = Tokenizer.trainCharacters(['abcdefghijklmnopqrstu']);
      const size = tokenizer.vocabularySize;
      const model = tinyModel(1, { ...config, vocabularySize: size });
      const target = join(folder, name);
      await saveCheckpoint(target, { model, tokenizer, metadata: null });
      expect(readConfig(target)).toEqual(completeConfig({ ...config, vocabularySize: size }));
      const stored = readSafetensors(join(target, 'model.safetensors'));
      expect(stored.get('model.layers.1.self_attn.k_proj.weight')?.shape).toEqual([
        (config.keyValueHeads ?? config.heads) * (config.headSize ?? 0),
        12,
      ]);
      expect(stored.has('model.layers.0.self_attn.q_proj.bias')).toBe(config.modelType === 'qwen2');
      expect(stored.has('lm_head.weight')).toBe(!config.tiedHead);
      const again = await loadLanguageModel(target);
      for (const [parameter, variable] of model.parameters) {
        expect(again.parameter(parameter).dataSync(), parameter).toEqual(variable.dataSync());
      }

      const reward = ScalarModel.fromLanguageModel(model, 2);
      const rewardTarget = join(folder, `${name}, reward`);
      await saveCheckpoint(rewardTarget, { model: reward, tokenizer, metadata: null });
      const file = JSON.parse(readFileSync(join(rewardTarget, 'config.json'), 'utf8'));
      expect(file.architectures[0]).toMatch(/^(Llama|Qwen2|Mistral)ForSequenceClassification$/);
      expect(readSafetensors(join(rewardTarget, 'model.safetensors')).has('lm_head.weight')).toBe(false);
      const scores = (of: ScalarModel) => tf.tidy(() => of.scores(rightPadded([[1, 2, 3]], 0)).dataSync());
      expect(scores(await loadScalarModel(rewardTarget))).toEqual(scores(reward));
    },
  );

  it('names a tensor that its config does not have, and one that is missing', async () => {
    const tokenizer = Tokenizer.trainCharacters(['abcdefghijklmnopqrstu']);
    const model = tinyModel(1, { ...base, vocabularySize: tokenizer.vocabularySize });
    const target = join(folder, 'changed');
    await saveCheckpoint(target, { model, tokenizer, metadata: null });
    const config = join(target, 'config.json');
    const file = JSON.parse(readFileSync(config, 'utf8'));
    writeFileSync(
      config,
      JSON.stringify({ ...file, model_type: 'qwen2', attention_bias: undefined, mlp_bias: undefined }),
    );
    await expect(loadLanguageModel(target)).rejects.toThrow('layers.0.self_attn.q_proj.bias is missing');
    writeFileSync(config, JSON.stringify({ ...file, tie_word_embeddings: true }));
    await expect(loadLanguageModel(target)).rejects.toThrow(
      'lm_head.weight of shape [23, 12], which a Llama',
    );
    writeFileSync(config, JSON.stringify({ ...file, num_key_value_heads: 3 }));
    await expect(loadLanguageModel(target)).rejects.toThrow(
      'layers.0.self_attn.k_proj.weight has shape [8, 12]: expected [12, 12]',
    );
  });
});
