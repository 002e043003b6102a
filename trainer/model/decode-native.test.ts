import { beforeAll, describe, expect, it } from 'vitest';
import { nativeBackend } from '../engine/native/backend.ts';
import { Random } from '../engine/random.ts';
import { difference, nativeDevices } from '../engine/testing/devices.ts';
import { tf } from '../engine/tf.ts';
import type { Completion, Generation } from './completion.ts';
import type { TokenText } from './completion-text.ts';
import type { ModelConfig } from './config.ts';
import { decodeByComposition } from './decode-composition.ts';
import { decodeNatively } from './decode-native.ts';
import { decoderModel } from './decoder-weights.ts';
import { type GenerateOptions, generate, planCompletions } from './generate.ts';
import { LanguageModel } from './language-model.ts';
import {
  largestDifference,
  llamaConfigs,
  plainLogits,
  randomSequences,
  successorModel,
  tinyConfig,
  tinyModel,
} from './testing/tiny.ts';

const options: GenerateOptions = { maxNewTokens: 12, temperature: 1, seed: 5, stopTokens: [] };

function native() {
  const backend = nativeBackend();
  if (!backend) throw new Error('the native backend is not open');
  return backend;
}

/** All the completions, once the turns are over. */
async function finished(turns: AsyncGenerator<Completion[]>, rows: Completion[]): Promise<Generation[]> {
  while (!(await turns.next()).done);
  return rows.map((row) => row.generation());
}

async function decoded(
  model: LanguageModel,
  prompts: number[][],
  how: GenerateOptions,
  batchSize = 32,
  sliceSeconds?: number,
): Promise<Generation[]> {
  const rows = planCompletions(model, prompts, how);
  return await finished(
    decodeNatively(native(), decoderModel(native(), model), rows, { ...how, batchSize }, sliceSeconds),
    rows,
  );
}

async function composed(
  model: LanguageModel,
  prompts: number[][],
  how: GenerateOptions,
): Promise<Generation[]> {
  const rows = planCompletions(model, prompts, how);
  return await finished(decodeByComposition(model, rows, how), rows);
}

/** 40 prompts of 1 to 20 tokens. */
const prompts = (vocabularySize: number, contextLength = 24): number[][] => {
  const random = new Random(8);
  const lengths = Array.from({ length: 40 }, () => 1 + random.integer(Math.min(20, contextLength - 1)));
  return randomSequences(9, lengths, vocabularySize);
};

/** Head sizes below, at and above a block of 16 floats; widths that fill no block. */
const shapes: ModelConfig[] = [
  tinyConfig,
  { vocabularySize: 61, contextLength: 40, width: 40, layers: 1, heads: 2, innerWidth: 56 },
  { vocabularySize: 130, contextLength: 90, width: 64, layers: 3, heads: 4 },
  { vocabularySize: 7, contextLength: 30, width: 48, layers: 2, heads: 1, innerWidth: 17 },
  ...llamaConfigs,
];

describe.each(nativeDevices)('the decoder on $name', (device) => {
  beforeAll(() => device.open());

  it.each(shapes)('draws the tokens of the path op by op: %o', async (config) => {
    const model = tinyModel(3, config);
    const own = prompts(config.vocabularySize, config.contextLength);
    const ways: Partial<GenerateOptions>[] = [
      { maxNewTokens: 60 },
      { temperature: 0 },
      { temperature: 2, stopTokens: [1, 3] },
      { temperature: 0.8, topK: 5 },
      { temperature: 3, topP: 0.7, maxNewTokens: 1 },
      { temperature: 1.5, topK: 6, topP: 0.9, stopTokens: [2] },
    ];
    for (const way of ways) {
      const ours = await decoded(model, own, { ...options, ...way });
      const expected = await composed(model, own, { ...options, ...way });
      for (const [i, { tokens, logProbs, finished }] of expected.entries()) {
        expect(ours[i]?.tokens).toEqual(tokens);
        expect(ours[i]?.finished).toBe(finished);
        // Relative: logits of this model reach 40, where a float's last digit is 4e-6.
        expect(difference(ours[i]?.logProbs ?? [], logProbs)).toBeLessThan(1e-5);
      }
    }
    model.dispose();
  });

  it.each<ModelConfig>([
    { vocabularySize: 40, contextLength: 30, width: 24, layers: 2, heads: 3 },
    {
      family: 'llama',
      vocabularySize: 40,
      contextLength: 30,
      width: 24,
      layers: 2,
      heads: 6,
      keyValueHeads: 2,
      headSize: 8,
    },
  ])('draws the tokens of the path op by op under random options: %o', async (config) => {
    const model = tinyModel(31, config);
    const random = new Random(32);
    const maybe = <Value>(value: Value): Value | undefined => (random.next() < 0.5 ? value : undefined);
    const letters: TokenText = {
      vocabularySize: 40,
      tokenBytes: (id) => Uint8Array.of(97 + (id % 7)),
    };
    for (let round = 0; round < 25; round++) {
      const different = randomSequences(100 + round, [1 + random.integer(20), 4, 1 + random.integer(28)], 40);
      const own = Array.from({ length: 9 }, () => different[random.integer(3)] ?? []);
      const how: GenerateOptions = {
        maxNewTokens: 1 + random.integer(25),
        temperature: random.next() < 0.2 ? 0 : 0.5 + 2 * random.next(),
        topK: maybe(1 + random.integer(45)),
        topP: maybe(1 - 0.8 * random.next()),
        repetitionPenalty: maybe(0.7 + random.next()),
        frequencyPenalty: maybe(random.next() - 0.3),
        presencePenalty: maybe(random.next() - 0.3),
        vocabularyLimit: maybe(1 + random.integer(50)),
        alternatives: maybe(random.integer(45)),
        samplesPerPrompt: maybe(1 + random.integer(4)),
        seeds: maybe(own.map((_, i) => i % 4)),
        seed: round,
        stopTokens: maybe([random.integer(40), 5]) ?? [],
        stopStrings: maybe(['abc', 'ee', 'g'].slice(random.integer(3))),
        tokenizer: letters,
      };
      const expected = await composed(model, own, how);
      const ours = await decoded(model, own, how, 1 + random.integer(20), random.next() < 0.5 ? 0 : 0.02);
      const plain = ({ logProbs, alternatives = [], ...rest }: Generation) => ({
        ...rest,
        alternatives: alternatives.map((at) => at.map(({ token }) => token)),
      });
      expect(ours.map(plain)).toEqual(expected.map(plain));
      const numbers = ({ logProbs, alternatives = [] }: Generation) => [
        ...logProbs,
        ...alternatives.flat().map(({ logProb }) => logProb),
      ];
      expect(difference(ours.flatMap(numbers), expected.flatMap(numbers))).toBeLessThan(1e-5);
    }
    model.dispose();
  });

  it('gives the same bits whether equal prompts are read once or each for itself', async () => {
    const model = tinyModel(33, { ...tinyConfig, contextLength: 60 });
    // More rows than slots, and prompts that fill more than a block of cells and more than a pass.
    const own = randomSequences(34, [40, 3, 17, 1, 40, 16]);
    const how = { ...options, samplesPerPrompt: 11, stopTokens: [3] };
    const apart = planCompletions(model, own, how);
    for (const { start } of apart) start.group = start.index;
    const expected = await finished(
      decodeNatively(native(), decoderModel(native(), model), apart, how),
      apart,
    );
    for (const batchSize of [1, 2, 5, 9, 40, 100]) {
      expect(await decoded(model, own, how, batchSize)).toEqual(expected);
      expect(await decoded(model, own, how, batchSize, 0)).toEqual(expected);
    }
    for (const threads of [1, 2, 5]) {
      native().addon.open(device.variant, threads);
      expect(await decoded(model, own, how, 40, 0)).toEqual(expected);
    }
    await device.open();
    model.dispose();
  });

  it('gives a slot back as soon as a stop string has ended its row', async () => {
    const model = successorModel();
    const letters: TokenText = { vocabularySize: 24, tokenBytes: (id) => Uint8Array.of(97 + id) };
    const how = { ...options, batchSize: 1, maxNewTokens: 20, tokenizer: letters, stopStrings: ['de'] };
    const rows = planCompletions(model, [[0], [1], [2]], how);
    let turns = 0;
    // One pass a turn, one token a pass: b c d e, then c d e, then d e.
    for await (const _ of decodeNatively(native(), decoderModel(native(), model), rows, how, 0)) turns++;
    expect(turns).toBe(4 + 3 + 2);
    expect(rows.map((row) => row.generation().text)).toEqual(['bc', 'c', '']);
    model.dispose();
  });

  it('reads the prompt of eight samples in under half of the time that eight prompts take', async () => {
    const model = tinyModel(35, { vocabularySize: 40, contextLength: 200, width: 128, layers: 3, heads: 4 });
    const own = randomSequences(36, new Array<number>(6).fill(190), 40);
    const how = { ...options, samplesPerPrompt: 8, maxNewTokens: 1 };
    const seconds = async (shared: boolean): Promise<number> => {
      const rows = planCompletions(model, own, how);
      if (!shared) for (const { start } of rows) start.group = start.index;
      const began = process.cpuUsage();
      await finished(decodeNatively(native(), decoderModel(native(), model), rows, how), rows);
      const { user } = process.cpuUsage(began);
      return user / 1e6;
    };
    await seconds(true);
    const ratios: number[] = [];
    for (let i = 0; i < 3; i++) ratios.push((await seconds(true)) / (await seconds(false)));
    expect(Math.min(...ratios)).toBeLessThan(1 / 2);
    model.dispose();
  });

  it('gives at every position what the full forward pass gives', async () => {
    const model = tinyModel(4, { vocabularySize: 50, contextLength: 150, width: 48, layers: 2, heads: 3 });
    const own = randomSequences(5, [100, 1, 57, 16], 50);
    for (const [i, { tokens, logProbs }] of (
      await decoded(model, own, { ...options, maxNewTokens: 140 })
    ).entries()) {
      const prompt = own[i] ?? [];
      expect(tokens).toHaveLength(Math.min(140, 150 - prompt.length));
      const logits = plainLogits(model, [...prompt, ...tokens]);
      const expected = tokens.map((token, t) => {
        const row = logits[prompt.length - 1 + t] ?? [];
        const most = Math.max(...row);
        return (
          (row[token] ?? 0) - most - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0))
        );
      });
      expect(largestDifference(logProbs, expected)).toBeLessThan(1e-4);
    }
    model.dispose();
  });

  it('gives the same bits whatever the batch size, the threads, and the turns of the event loop', async () => {
    const model = tinyModel(6);
    const own = prompts(23);
    const how = { ...options, stopTokens: [3, 4] };
    const expected = await decoded(model, own, how);
    for (const batchSize of [1, 2, 3, 7, 19, 200])
      expect(await decoded(model, own, how, batchSize)).toEqual(expected);
    expect(await decoded(model, own, how, 13, 0)).toEqual(expected);
    for (const threads of [1, 2, 5]) {
      native().addon.open(device.variant, threads);
      for (const batchSize of [3, 8, 40])
        expect(await decoded(model, own, how, batchSize, 0)).toEqual(expected);
    }
    await device.open();
    model.dispose();
  });

  it('gives the same bits where threads share large layers and long attention', async () => {
    // Layers of more than SHARED_FLOATS floats, and a pass over a prompt that reads as many of the cache.
    const model = tinyModel(2, { vocabularySize: 40, contextLength: 80, width: 384, layers: 1, heads: 4 });
    const own = randomSequences(4, [70, 61], 40);
    native().addon.open(device.variant, 1);
    const expected = await decoded(model, own, options);
    native().addon.open(device.variant, 3);
    expect(await decoded(model, own, options)).toEqual(expected);
    expect(expected.map(({ tokens }) => tokens)).toEqual(
      (await composed(model, own, options)).map(({ tokens }) => tokens),
    );
    await device.open();
    model.dispose();
  });

  it('draws what Random draws: of equal logits, the token that the number falls on', async () => {
    const model = LanguageModel.create({ ...tinyConfig, contextLength: 300 }, 1);
    const table = model.parameter('wte.weight');
    tf.tidy(() => table.assign(tf.zerosLike(table)));
    const [row] = await decoded(model, [[0]], { ...options, maxNewTokens: 299 });
    const random = new Random(options.seed).fork(0);
    expect(row?.tokens).toEqual(Array.from({ length: 299 }, () => Math.floor(random.next() * 23)));
    expect(largestDifference(row?.logProbs ?? [], new Array(299).fill(-Math.log(23)))).toBeLessThan(1e-6);
    model.dispose();
  });

  it('reads the weights as they are at each call', async () => {
    const model = tinyModel(7);
    const own = prompts(23).slice(0, 5);
    const before = await decoded(model, own, options);
    for (const name of ['h.1.mlp.c_proj.bias', 'h.0.attn.c_attn.weight', 'wpe.weight', 'ln_f.weight']) {
      const variable = model.parameter(name);
      tf.tidy(() => variable.assign(variable.mul(1.5)));
      const after = await decoded(model, own, options);
      expect(after).not.toEqual(before);
      expect(after.map(({ tokens }) => tokens)).toEqual(
        (await composed(model, own, options)).map(({ tokens }) => tokens),
      );
    }
    model.dispose();
  });

  it('gives the event loop its turn while it works', async () => {
    const model = tinyModel(1);
    let turns = 0;
    let over = false;
    const count = (): void => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    await decoded(model, prompts(23), options, 4, 0);
    over = true;
    // 40 rows of up to 12 tokens, 4 at a time, a pass a turn.
    expect(turns).toBeGreaterThan(60);
    model.dispose();
  });

  it('stops when it is told to, and gives its memory back', async () => {
    const model = tinyModel(1);
    await decoded(model, prompts(23), options, 4);
    const held = native().pool.heldBytes;
    const controller = new AbortController();
    setImmediate(() => controller.abort(new Error('enough')));
    const how = { ...options, signal: controller.signal };
    await expect(decoded(model, prompts(23), how, 4, 0)).rejects.toThrow('enough');
    expect(native().pool.heldBytes).toBe(held);
    model.dispose();
  });

  it('keeps no memory from call to call', async () => {
    const model = tinyModel(2, { ...tinyConfig, width: 48 });
    const own = randomSequences(3, [5, 9, 2]);
    const run = async (calls: number): Promise<void> => {
      for (let i = 0; i < calls; i++) await generate(model, own, { ...options, maxNewTokens: 2 });
    };
    await run(300);
    const before = {
      tensors: tf.memory().numTensors,
      held: native().pool.heldBytes,
      rss: process.memoryUsage().rss,
    };
    await run(1000);
    expect(tf.memory().numTensors).toBe(before.tensors);
    expect(native().pool.heldBytes).toBe(before.held);
    // The weights alone, kept from each call, would be 260 MB.
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(64e6);
    model.dispose();
  });
});
