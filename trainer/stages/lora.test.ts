import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../cli.ts';
import { openDevice } from '../engine/device.ts';
import { tf } from '../engine/tf.ts';
import { sampleCompletions } from '../evaluation/sample.ts';
import { loadLanguageModel } from '../model/checkpoint.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { largestDifference } from '../model/testing/tiny.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { runStage } from './index.ts';
import type { PpoInput } from './ppo.config.ts';
import type { SftInput } from './sft.config.ts';
import { readRunState } from './shared/run-state.ts';
import { firstToken } from './testing/first-token.ts';
import { madeReward } from './testing/made-rewards.ts';
import {
  letterTokenizer,
  recordingContext,
  temporaryFolder,
  tinyModel,
  weightsOf,
  withoutTimes,
  writeLines,
  writeTiny,
} from './testing/tiny.ts';

const { folder, remove } = temporaryFolder();
const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
let tokenizer: Tokenizer;
let sft: SftInput;
let ppo: PpoInput;

beforeAll(async () => {
  await openDevice('auto');
  tokenizer = letterTokenizer();
  const model = tinyModel(tokenizer, 1, { width: 32 });
  const random = await writeTiny(join(folder, 'random'), model, tokenizer);
  model.dispose();
  const same = letters.map((letter) => ({ prompt: letter, completion: letter }));
  const demonstrations = letters.map((letter, i) => ({ prompt: letter, completion: letters[(i + 1) % 8] }));
  // Adapters change what a model has learned: this one says the letter that it was asked for.
  const shared = { seed: 3, validationFraction: 0, dropout: 0, checkpointEvery: 1000 };
  const { checkpoint: parent } = await runStage(
    'sft',
    {
      ...shared,
      model: random,
      demonstrations: writeLines(folder, 'same.jsonl', same),
      epochs: 150,
      batchSize: 8,
      learningRate: 1e-2,
    },
    recordingContext(join(folder, 'parent')).context,
  );
  sft = {
    seed: 3,
    model: parent,
    demonstrations: writeLines(folder, 'demonstrations.jsonl', demonstrations),
    validationFraction: 0,
    epochs: 4,
    batchSize: 4,
    learningRate: 1e-2,
    dropout: 0.1,
    checkpointEvery: 3,
    lora: { rank: 4, alpha: 8, dropout: 0.1 },
  };
  const start = louder(tinyModel(tokenizer, 1));
  const wanted: Record<string, number> = { a: 1.5, b: 1, c: 0.5 };
  const reward = madeReward(tokenizer, { token: (token) => wanted[tokenizer.decode([token])] ?? -0.2 });
  ppo = {
    seed: 1,
    model: await writeTiny(join(folder, 'policy'), start, tokenizer),
    reward: await writeTiny(join(folder, 'reward'), reward, tokenizer, { stage: 'reward' }),
    prompts: writeLines(
      folder,
      'prompts.jsonl',
      ['a', 'bc', 'def', 'g'].map((prompt) => ({ prompt })),
    ),
    iterations: 4,
    batchSize: 8,
    minibatches: 2,
    epochs: 1,
    maxNewTokens: 1,
    missingEndOfTextScore: null,
    beta: 0.5,
    learningRate: 1e-2,
    checkpointEvery: 2,
    lora: { rank: 8, alpha: 16 },
  };
  reward.dispose();
  start.dispose();
});
afterAll(remove);

/** A random model's embeddings, its head, are so small that frozen they leave every token about as likely. */
function louder(model: LanguageModel): LanguageModel {
  for (const name of ['wte.weight', 'wpe.weight']) {
    const variable = model.parameter(name);
    tf.tidy(() => variable.assign(variable.mul(30)));
  }
  return model;
}

async function runSft(name: string, more: Partial<SftInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('sft', { ...sft, ...more }, recording.context);
  return { result, ...recording };
}

async function runPpo(name: string, more: Partial<PpoInput> = {}, abortAfter?: number) {
  const recording = recordingContext(join(folder, name), abortAfter);
  const result = await runStage('ppo', { ...ppo, ...more }, recording.context);
  return { result, ...recording };
}

describe('sft with adapters', () => {
  it('teaches "next letter"; the finished model is plain weights, and its adapter beside it merges to the same', async () => {
    const before = tf.memory().numTensors;
    const { result } = await runSft('learns', {
      epochs: 150,
      dropout: 0,
      batchSize: 8,
      lora: { rank: 8, alpha: 16 },
      keepCheckpointEvery: 100,
    });
    expect(tf.memory().numTensors).toBe(before);
    const completions = await sampleCompletions(result.checkpoint, letters, {
      maxNewTokens: 6,
      temperature: 0,
      seed: 1,
    });
    expect(completions.map(([own]) => own?.text)).toEqual(['b', 'c', 'd', 'e', 'f', 'g', 'h', 'a']);
    expect(result.metrics.loss).toBeLessThan(0.1);
    expect(readdirSync(join(folder, 'learns', 'checkpoints')).sort()).toEqual([
      'step-100',
      'step-100-adapter',
    ]);
    const adapter = join(folder, 'learns', 'adapter');
    expect(readdirSync(adapter).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    // What the adapters do not touch is the parent's, bit for bit.
    const [parent, trained] = [weightsOf(sft.model), weightsOf(result.checkpoint)];
    const changed = [...parent.keys()].filter((name) => {
      const [a, b] = [parent.get(name), trained.get(name)];
      return a?.some((value, i) => value !== b?.[i]);
    });
    expect(changed).toEqual([
      'transformer.h.0.attn.c_attn.weight',
      'transformer.h.0.attn.c_proj.weight',
      'transformer.h.0.mlp.c_fc.weight',
      'transformer.h.0.mlp.c_proj.weight',
    ]);

    const out = join(folder, 'merged');
    const flags = ['--model', sft.model, '--adapter', adapter, '--out', out];
    await main(['node', 'touchstone', 'merge-adapter', ...flags]);
    expect(process.exitCode ?? 0).toBe(0);
    for (const [name, values] of weightsOf(out)) {
      expect(largestDifference(values, trained.get(name) ?? []), name).toBe(0);
    }
  });

  it('resumes bit for bit from a state that holds adapters alone, and only over the weights it began with', async () => {
    const whole = await runSft('whole');
    const first = await runSft('halves', {}, 3);
    expect(readRunState(join(folder, 'halves'))?.tensors.size).toBe(3 * 2 * 4);
    const stateBytes = statSync(join(folder, 'halves', 'state-3.safetensors')).size;
    expect(stateBytes).toBeLessThan(statSync(join(sft.model, 'model.safetensors')).size);
    const second = await runSft('halves');
    expect(second.result.resumedFrom).toBe(3);
    expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
    expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));

    const other = tinyModel(tokenizer, 2, { width: 32 });
    const model = await writeTiny(join(folder, 'other'), other, tokenizer);
    await runSft('moved', { model }, 3);
    const another = tinyModel(tokenizer, 3, { width: 32 });
    await writeTiny(model, another, tokenizer);
    for (const used of [other, another]) used.dispose();
    await expect(runSft('moved', { model })).rejects.toThrow('model.safetensors has changed since');
  });

  it('trains alike with gradient checkpointing, bit for bit, and in micro-batches', async () => {
    const kept = await runSft('kept');
    const again = await runSft('again', { gradientCheckpointing: true });
    expect(withoutTimes(again.reports)).toEqual(withoutTimes(kept.reports));
    expect(weightsOf(again.result.checkpoint)).toEqual(weightsOf(kept.result.checkpoint));
    const plain = { dropout: 0, lora: { rank: 4, alpha: 8 } };
    const whole = await runSft('micro', plain);
    const cut = await runSft('micro1', { ...plain, microBatchSize: 1 });
    for (const [i, { values }] of whole.reports.entries()) {
      expect(Math.abs((values.loss ?? 0) / (cut.reports[i]?.values.loss ?? 0) - 1)).toBeLessThan(2e-6);
    }
  });
});

describe('dpo with adapters', () => {
  const run = async (name: string, abortAfter?: number) => {
    const rows = letters.map((prompt) => ({ prompt, completions: ['a', 'bc', 'def'], ranks: [1, 2, 2] }));
    const recording = recordingContext(join(folder, name), abortAfter);
    const config = {
      seed: 4,
      model: sft.model,
      rankings: writeLines(folder, 'rankings.jsonl', rows),
      validationFraction: 0,
      epochs: 6,
      batchSize: 4,
      learningRate: 1e-2,
      checkpointEvery: 2,
      lora: { rank: 4 },
      gradientCheckpointing: true,
    };
    const result = await runStage('dpo', config, recording.context);
    return { result, ...recording };
  };

  it('starts at log 2 against the same weights with the adapters off, learns the order, and resumes bit for bit', async () => {
    const before = tf.memory().numTensors;
    const whole = await run('dpo whole');
    expect(tf.memory().numTensors).toBe(before);
    expect(whole.reports[0]?.values.loss).toBeCloseTo(Math.LN2, 6);
    expect(whole.reports.at(-1)?.values.accuracy).toBe(1);
    const first = await run('dpo halves', 3);
    const second = await run('dpo halves');
    expect(second.result.resumedFrom).toBe(3);
    expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
    expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
  });
});

describe('ppo with adapters', () => {
  it('finds the optimum π_ref exp(r / β) of a one-token task', async () => {
    const { result } = await runPpo('bandit', {
      iterations: 80,
      batchSize: 64,
      schedule: 'cosine',
      valueLearningRate: 1e-2,
    });
    const [reference, policy] = [
      await loadLanguageModel(ppo.model),
      await loadLanguageModel(result.checkpoint),
    ];
    const wanted: Record<string, number> = { a: 1.5, b: 1, c: 0.5 };
    for (const prompt of ['a', 'def']) {
      const before = firstToken(reference, tokenizer, prompt);
      const tilted = before.map(
        (p, token) => p * Math.exp((wanted[tokenizer.decode([token])] ?? -0.2) / 0.5),
      );
      const total = tilted.reduce((sum, p) => sum + p, 0);
      const after = firstToken(policy, tokenizer, prompt);
      const distance = (from: Float32Array): number =>
        from.reduce((sum, p, token) => sum + Math.abs(p - (tilted[token] ?? 0) / total) / 2, 0);
      expect(distance(before)).toBeGreaterThan(0.2);
      expect(distance(after)).toBeLessThan(0.1);
    }
    reference.dispose();
    policy.dispose();
    expect(existsSync(join(folder, 'bandit', 'adapter', 'adapter_config.json'))).toBe(true);
  });

  it('starts with KL 0 to the reference, which is the policy with its adapters off, and ends with no tensor more', async () => {
    const before = tf.memory().numTensors;
    const { reports } = await runPpo('first', { iterations: 1, minibatches: 1 });
    expect(Math.abs(reports[0]?.values.klToReference ?? 1)).toBeLessThan(1e-6);
    expect(Math.abs((reports[0]?.values.ratioMean ?? 0) - 1)).toBeLessThan(1e-6);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('resumes bit for bit, the average of the merged weights with it', async () => {
    const more = { emaDecay: 0.9 };
    const whole = await runPpo('ppo whole', more);
    const first = await runPpo('ppo halves', more, 2);
    const second = await runPpo('ppo halves', more);
    const averages = ['ppo whole', 'ppo halves'].map((name) => weightsOf(join(folder, name, 'model-ema')));
    expect(averages[1]).toEqual(averages[0]);
    const [base, average, last] = [
      weightsOf(ppo.model),
      averages[0] ?? new Map<string, Float32Array>(),
      weightsOf(whole.result.checkpoint),
    ];
    expect(average.get('transformer.wte.weight')).toEqual(base.get('transformer.wte.weight'));
    const name = 'transformer.h.0.mlp.c_fc.weight';
    const from = (other: Map<string, Float32Array>) =>
      largestDifference(average.get(name) ?? [], other.get(name) ?? []);
    expect(from(base)).toBeGreaterThan(0);
    expect(from(base)).toBeLessThan(largestDifference(last.get(name) ?? [], base.get(name) ?? []));
    expect(second.result.resumedFrom).toBe(2);
    expect(withoutTimes([...first.reports, ...second.reports])).toEqual(withoutTimes(whole.reports));
    expect(weightsOf(second.result.checkpoint)).toEqual(weightsOf(whole.result.checkpoint));
  });
});
