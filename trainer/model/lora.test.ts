import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rightPadded, type TokenBatch } from '../data/batch.ts';
import { openDevice } from '../engine/device.ts';
import { valueAndGradients } from '../engine/gradients.ts';
import { nativeBackend } from '../engine/native/backend.ts';
import { Random } from '../engine/random.ts';
import { tf } from '../engine/tf.ts';
import { Learner } from '../stages/shared/learner.ts';
import { loadAdapter, saveAdapter } from './adapter-files.ts';
import type { ModelConfig } from './config.ts';
import { generate } from './generate.ts';
import type { LanguageModel } from './language-model.ts';
import type { LoraSettings } from './lora.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { ScalarModel } from './scalar-model.ts';
import { largestDifference, plainLogits, randomSequences, tinyConfig, tinyModel } from './testing/tiny.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchstone-lora-'));
const settings: LoraSettings = { rank: 3, alpha: 6, targets: 'all-linear' };
const optimizer = {
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  epsilonForm: 'pytorch',
  weightDecay: 0.1,
  gradientClip: 1,
} as const;

beforeAll(async () => {
  await openDevice('auto');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Adapts a model and moves the adapters far from their start. */
function adapted(base: LanguageModel, more: Partial<LoraSettings> = {}, size = 0.3): LanguageModel {
  const model = base.adapt({ ...settings, ...more }, 5);
  const random = new Random(8);
  for (const variable of model.trainable.values()) {
    const values = Float32Array.from({ length: variable.size }, () => size * random.normal());
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
  return model;
}

const batch = (): TokenBatch => rightPadded(randomSequences(4, [9, 6, 12]), 0);

/** A loss that reads every cell. */
function loss(model: LanguageModel, drop?: { rate: number; seed: number }): tf.Scalar {
  const { rows, columns, tokens } = batch();
  return tf.tidy(() => {
    const hidden = model.hidden(batch(), { dropout: drop }).as2D(rows * columns, model.config.width);
    return model.logProbs(hidden, tokens).mean().neg().asScalar();
  });
}

async function gradientsOf(model: LanguageModel, drop?: { rate: number; seed: number }) {
  const { value, gradients } = await valueAndGradients(model.trainable, () => loss(model, drop));
  const numbers = new Map<string, Float32Array>();
  for (const [name, gradient] of gradients) {
    numbers.set(name, Float32Array.from(await gradient.data()));
    gradient.dispose();
  }
  return { value, numbers };
}

describe('low-rank adapters', () => {
  it('start as the base model exactly, one draw of A a seed, and leave the base what it was', () => {
    const base = tinyModel();
    const [sequence = []] = randomSequences(2, [11]);
    const before = plainLogits(base, sequence);
    const model = base.adapt(settings, 1);
    const native = nativeBackend() !== null;
    for (const [i, logits] of plainLogits(model, sequence).entries()) {
      if (native) expect(logits).toEqual(before[i]);
      else expect(largestDifference(logits, before[i] ?? [])).toBeLessThan(1e-6);
    }
    const again = base.adapt(settings, 1);
    const other = base.adapt(settings, 2);
    const name = 'h.1.attn.c_attn.lora_A.weight';
    const a = (of: LanguageModel) => [...(of.trainable.get(name)?.dataSync() ?? [])];
    expect(a(again)).toEqual(a(model));
    expect(a(other)).not.toEqual(a(model));
    // Uniform in ±1/√12: the largest of 36 near the bound, none beyond it.
    const largest = Math.max(...a(model).map(Math.abs));
    expect(largest).toBeLessThanOrEqual(1 / Math.sqrt(12));
    expect(largest).toBeGreaterThan(0.8 / Math.sqrt(12));
    adapted(base).dispose();
    expect(plainLogits(base, sequence)).toEqual(before);
  });

  it('merge into plain weights with the same logits (1e-5)', () => {
    for (const targets of ['all-linear', 'attention', ['mlp.c_fc']] as const) {
      const base = tinyModel();
      const model = adapted(base, { targets }, 0.1);
      const merged = model.clone();
      expect(merged.adapter).toBeNull();
      for (const sequence of randomSequences(3, [1, 8, 20])) {
        const own = plainLogits(model, sequence).flat();
        expect(largestDifference(plainLogits(merged, sequence).flat(), own)).toBeLessThan(1e-5);
        expect(largestDifference(plainLogits(base, sequence).flat(), own)).toBeGreaterThan(1e-2);
      }
    }
  });

  it('have the gradient of the merged weights through the product (α / r) B A', async () => {
    const base = tinyModel();
    const model = adapted(base);
    const merged = model.clone();
    const { numbers } = await gradientsOf(model);
    const full = await gradientsOf(merged);
    expect([...numbers.keys()].sort()).toEqual([...model.trainable.keys()].sort());
    for (const layer of model.adapter?.layers ?? []) {
      const [a, b] = ['A', 'B'].map((factor) => model.trainable.get(`${layer}.lora_${factor}.weight`));
      const dw = tf.tensor(
        full.numbers.get(`${layer}.weight`) ?? [],
        merged.parameter(`${layer}.weight`).shape,
      );
      const da = tf
        .matMul(b as tf.Tensor2D, dw as tf.Tensor2D, true, true)
        .mul(2)
        .dataSync();
      const db = tf
        .matMul(dw as tf.Tensor2D, a as tf.Tensor2D, true, true)
        .mul(2)
        .dataSync();
      expect(largestDifference(numbers.get(`${layer}.lora_A.weight`) ?? [], da)).toBeLessThan(2e-5);
      expect(largestDifference(numbers.get(`${layer}.lora_B.weight`) ?? [], db)).toBeLessThan(2e-5);
    }
  });

  it('of full rank can be any step of the weights', () => {
    const base = tinyModel();
    const layer = 'h.0.mlp.c_fc';
    const { width } = tinyConfig;
    const model = base.adapt({ rank: width, alpha: 2 * width, targets: [layer] }, 1);
    const step = tf.randomNormal([width, 4 * width], 0, 0.1, 'float32', 3) as tf.Tensor2D;
    model.trainable.get(`${layer}.lora_A.weight`)?.assign(tf.eye(width));
    model.trainable.get(`${layer}.lora_B.weight`)?.assign(step.transpose().div(2));
    const wanted = base.parameter(`${layer}.weight`).add(step).dataSync();
    expect(largestDifference(model.effective(`${layer}.weight`).dataSync(), wanted)).toBeLessThan(1e-6);
  });

  it('learn while every weight stays the bits that it was; the optimizer holds moments of them alone', async () => {
    const base = tinyModel();
    const before = new Map([...base.parameters].map(([name, v]) => [name, Float32Array.from(v.dataSync())]));
    const model = base.adapt({ ...settings, dropout: 0.2 }, 5);
    const start = new Map([...model.trainable].map(([name, v]) => [name, Float32Array.from(v.dataSync())]));
    const learner = new Learner('model', model.trainable, optimizer);
    const losses: number[] = [];
    for (let step = 0; step < 12; step++) {
      losses.push((await learner.step([() => loss(model, { rate: 0, seed: step })], 1e-2)).loss);
    }
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) - 0.3);
    for (const [name, values] of before) expect(base.parameter(name).dataSync(), name).toEqual(values);
    for (const [name, values] of start) expect(model.trainable.get(name)?.dataSync()).not.toEqual(values);
    const { tensors } = await learner.state();
    const floats = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    // For each layer r (in + out) in A and B: weights and two moments.
    const { width, layers } = tinyConfig;
    const perLayer = 3 * (4 * width + 2 * width + 5 * width + 5 * width);
    expect(floats).toBe(3 * layers * perLayer);
    learner.dispose();
  });

  it('drop what A reads while training only, the same cells for the same seed', () => {
    const base = tinyModel();
    const model = adapted(base, { dropout: 0.4 });
    const value = (seed?: number) =>
      tf.tidy(() => loss(model, seed === undefined ? undefined : { rate: 0, seed }).dataSync()[0]);
    const plain = adapted(base);
    expect(value(1)).toBe(value(1));
    expect(value(1)).not.toBe(value(2));
    expect(value()).toBe(tf.tidy(() => loss(plain).dataSync()[0]));
  });

  it('are in what is generated: its log-probabilities are those of the training pass (1e-4)', async () => {
    const model = adapted(tinyModel(), {}, 0.2);
    const prompts = randomSequences(6, [3, 5, 4]);
    const options = { maxNewTokens: 12, temperature: 0.8, seed: 3, stopTokens: [] };
    for (const [row, { tokens, logProbs }] of (await generate(model, prompts, options)).entries()) {
      const sequence = [...(prompts[row] ?? []), ...tokens];
      const full = tf.tidy(() => {
        const { width } = model.config;
        const hidden = model.hidden(rightPadded([sequence.slice(0, -1)], 0)).as2D(sequence.length - 1, width);
        return model.logProbs(hidden, Int32Array.from(sequence.slice(1)), 0.8).dataSync();
      });
      expect(largestDifference(logProbs, full.slice(-tokens.length))).toBeLessThan(1e-4);
    }
  });

  it('of a scalar model learn beside its head, over the trunk of the model that it came from', () => {
    const start = ScalarModel.fromLanguageModel(tinyModel(), 3);
    const value = start.adapt(settings, 4);
    expect([...value.trainable.keys()].filter((name) => !name.includes('lora_'))).toEqual(['score.weight']);
    expect(value.trunk.parameters).toBe(start.trunk.parameters);
    const [before, after] = [start, value].map((model) => tf.tidy(() => model.values(batch()).dataSync()));
    expect(largestDifference(before ?? [], after ?? [])).toBeLessThan(1e-6);
    const head = value.trainable.get('score.weight');
    tf.tidy(() => head?.assign(tf.zerosLike(head)));
    expect(tf.tidy(() => value.values(batch()).abs().max().dataSync()[0])).toBe(0);
    expect(tf.tidy(() => start.values(batch()).abs().max().dataSync()[0])).toBeGreaterThan(0.1);
    value.dispose();
    expect(tf.tidy(() => start.values(batch()).dataSync())).toEqual(before);
  });

  it('leave no tensor behind', () => {
    const base = tinyModel();
    const before = tf.memory().numTensors;
    const model = base.adapt(settings, 1);
    loss(model).dispose();
    const merged = model.clone();
    merged.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('say which target is no layer of the model', () => {
    expect(() => tinyModel().adapt({ ...settings, targets: ['q_proj'] }, 1)).toThrow(
      'lora.targets names "q_proj", which is no linear layer of this model: expected some of attn.c_attn, attn.c_proj, mlp.c_fc, mlp.c_proj.',
    );
  });
});

describe('adapters of a Llama', () => {
  const llama: ModelConfig = { ...tinyConfig, family: 'llama', width: 16, heads: 4, keyValueHeads: 2 };

  it('start as the base, merge to the same logits (1e-5), checkpoint bit for bit, and are PEFT’s by name', async () => {
    const base = tinyModel(1, llama);
    const [sequence = []] = randomSequences(3, [14]);
    const start = plainLogits(base.adapt(settings, 1), sequence).flat();
    expect(largestDifference(start, plainLogits(base, sequence).flat())).toBeLessThan(1e-5);
    const model = adapted(base, {}, 0.1);
    const own = plainLogits(model, sequence).flat();
    expect(largestDifference(plainLogits(model.clone(), sequence).flat(), own)).toBeLessThan(1e-5);
    const kept = await gradientsOf(model);
    model.gradientCheckpointing = true;
    expect(await gradientsOf(model)).toEqual(kept);
    expect(kept.numbers.size).toBe(2 * 7 * 2);
    const target = join(folder, 'llama');
    await saveAdapter(target, model, null);
    const names = [...readSafetensors(join(target, 'adapter_model.safetensors')).keys()];
    expect(names).toContain('base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight');
    expect(JSON.parse(readFileSync(join(target, 'adapter_config.json'), 'utf8'))).toMatchObject({
      fan_in_fan_out: false,
    });
    expect(plainLogits(loadAdapter(target, base), sequence).flat()).toEqual(own);
  });
});

describe('an adapter folder', () => {
  it('is PEFT’s: its names, shapes and settings; read again it is the same model', async () => {
    const base = tinyModel();
    const model = adapted(base, { targets: ['attn.c_proj', 'mlp.c_fc'], dropout: 0.1 });
    const target = join(folder, 'adapter');
    await saveAdapter(target, model, 'the base');
    expect(readdirSync(target).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    expect(JSON.parse(readFileSync(join(target, 'adapter_config.json'), 'utf8'))).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'the base',
      r: 3,
      lora_alpha: 6,
      lora_dropout: 0.1,
      target_modules: ['attn.c_proj', 'mlp.c_fc'],
      fan_in_fan_out: true,
      bias: 'none',
    });
    const tensors = readSafetensors(join(target, 'adapter_model.safetensors'));
    const shapes = [...tensors].map(([name, { shape }]) => `${name} ${shape.join('x')}`);
    expect(shapes).toHaveLength(8);
    expect(shapes.slice(0, 4)).toEqual([
      'base_model.model.transformer.h.0.attn.c_proj.lora_A.weight 3x12',
      'base_model.model.transformer.h.0.attn.c_proj.lora_B.weight 12x3',
      'base_model.model.transformer.h.0.mlp.c_fc.lora_A.weight 3x12',
      'base_model.model.transformer.h.0.mlp.c_fc.lora_B.weight 48x3',
    ]);
    const [sequence = []] = randomSequences(2, [11]);
    expect(plainLogits(loadAdapter(target, base), sequence)).toEqual(plainLogits(model, sequence));
  });

  it('of rank-stabilised LoRA counts α / √r', async () => {
    const base = tinyModel();
    const target = join(folder, 'stabilised');
    await saveAdapter(target, adapted(base), null);
    const file = join(target, 'adapter_config.json');
    const config: unknown = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...(config as object), use_rslora: true }));
    expect(loadAdapter(target, base).adapter?.scale).toBeCloseTo(6 / Math.sqrt(3), 12);
  });

  it('that holds something else is refused by name', async () => {
    const base = tinyModel();
    const target = join(folder, 'wrong');
    await saveAdapter(target, adapted(base), null);
    const configFile = join(target, 'adapter_config.json');
    const config: unknown = JSON.parse(readFileSync(configFile, 'utf8'));
    const withConfig = (more: object) =>
      writeFileSync(configFile, JSON.stringify({ ...(config as object), ...more }));
    withConfig({ use_dora: true });
    expect(() => loadAdapter(target, base)).toThrow(/adapter_config.json: use_dora: .*plain LoRA/);
    withConfig({ peft_type: 'IA3' });
    expect(() => loadAdapter(target, base)).toThrow(/peft_type/);
    withConfig({ r: 4 });
    expect(() => loadAdapter(target, base)).toThrow(
      'the tensor h.0.attn.c_attn.lora_A.weight has shape [3, 12]: expected [4, 12]',
    );
    withConfig({});
    const weights = join(target, 'adapter_model.safetensors');
    const tensors = readSafetensors(weights);
    const prefix = 'base_model.model.transformer.h.0';
    tensors.set(`${prefix}.ln_1.weight`, { shape: [1], data: new Float32Array(1) });
    writeSafetensors(weights, tensors);
    expect(() => loadAdapter(target, base)).toThrow('holds the tensor h.0.ln_1.weight');
    tensors.delete(`${prefix}.ln_1.weight`);
    tensors.delete(`${prefix}.mlp.c_fc.lora_B.weight`);
    writeSafetensors(weights, tensors);
    expect(() => loadAdapter(target, base)).toThrow('the tensor h.0.mlp.c_fc.lora_B.weight is missing');
    expect(() => loadAdapter(join(folder, 'none'), base)).toThrow('none is no adapter');
  });
});

describe('gradient checkpointing', () => {
  it.each([
    ['full training', (base: LanguageModel) => base],
    ['adapters', (base: LanguageModel) => adapted(base, { dropout: 0.3 })],
  ])('gives loss and gradients bit for bit, dropout included: %s', async (_, make) => {
    const model = make(tinyModel());
    const drop = { rate: 0.2, seed: 77 };
    const kept = await gradientsOf(model, drop);
    const before = tf.memory().numTensors;
    model.gradientCheckpointing = true;
    const again = await gradientsOf(model, drop);
    expect(tf.memory().numTensors).toBe(before);
    expect(again.value).toBe(kept.value);
    expect([...again.numbers.keys()]).toEqual([...kept.numbers.keys()]);
    for (const [name, values] of kept.numbers) {
      expect(again.numbers.get(name), name).toEqual(values);
      expect(values.some((value) => value !== 0)).toBe(true);
    }
  });

  it('is bit for bit under tfjs’s own walk over the tape', () => {
    const model = tinyModel();
    const read = () => {
      const { grads } = tf.variableGrads(() => loss(model), [...model.parameters.values()]);
      return Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, [...g.dataSync()]]));
    };
    const kept = read();
    model.gradientCheckpointing = true;
    expect(read()).toEqual(kept);
  });

  it('keeps between the passes a block’s input and nothing else of it', async () => {
    const held = async (model: LanguageModel): Promise<number> => {
      const before = tf.memory().numBytes;
      let most = 0;
      const { gradients } = await valueAndGradients(model.parameters, () => {
        const value = loss(model);
        most = tf.memory().numBytes - before;
        return value;
      });
      tf.dispose([...gradients.values()]);
      return most;
    };
    const model = tinyModel(1, { ...tinyConfig, layers: 6 });
    const kept = await held(model);
    model.gradientCheckpointing = true;
    expect(await held(model)).toBeLessThan(kept / 3);
  });
});
