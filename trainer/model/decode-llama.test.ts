import { beforeAll, describe, expect, it } from 'vitest';
import { nativeBackend } from '../engine/native/backend.ts';
import { Random } from '../engine/random.ts';
import { difference, nativeDevices } from '../engine/testing/devices.ts';
import type { Generation } from './completion.ts';
import { decodeNatively } from './decode-native.ts';
import { type DecoderModel, llamaShape } from './decoder-weights.ts';
import { type GenerateOptions, planCompletions } from './generate.ts';
import { randomSequences } from './testing/tiny.ts';

interface Shape {
  vocabularySize: number;
  contextLength: number;
  width: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  headSize: number;
  innerWidth: number;
  qkvBias: boolean;
  tiedHead: boolean;
}

interface Llama {
  config: Shape;
  tensors: Map<string, Float32Array>;
  /** radians per position, [headSize / 2] */
  frequencies: number[];
}

const EPSILON = 1e-5;

/** A Llama of random weights; frequencies as with any scaling of them, not of a power law. */
function randomLlama(config: Shape, seed: number): Llama {
  const { vocabularySize, width, layers, heads, keyValueHeads, headSize, innerWidth } = config;
  const random = new Random(seed);
  const tensors = new Map<string, Float32Array>();
  const add = (name: string, size: number, mean: number, deviation: number): void => {
    tensors.set(
      name,
      Float32Array.from({ length: size }, () => mean + deviation * random.normal()),
    );
  };
  add('embed_tokens.weight', vocabularySize * width, 0, 1);
  for (let layer = 0; layer < layers; layer++) {
    const name = `layers.${layer}`;
    add(`${name}.input_layernorm.weight`, width, 1, 0.3);
    for (const [part, own] of [
      ['q', heads],
      ['k', keyValueHeads],
      ['v', keyValueHeads],
    ] as const) {
      add(`${name}.self_attn.${part}_proj.weight`, own * headSize * width, 0, 0.4);
      if (config.qkvBias) add(`${name}.self_attn.${part}_proj.bias`, own * headSize, 0, 0.5);
    }
    add(`${name}.self_attn.o_proj.weight`, width * heads * headSize, 0, 0.3);
    add(`${name}.post_attention_layernorm.weight`, width, 1, 0.3);
    add(`${name}.mlp.gate_proj.weight`, innerWidth * width, 0, 0.3);
    add(`${name}.mlp.up_proj.weight`, innerWidth * width, 0, 0.3);
    add(`${name}.mlp.down_proj.weight`, width * innerWidth, 0, 0.3);
  }
  add('norm.weight', width, 1, 0.3);
  if (!config.tiedHead) add('lm_head.weight', vocabularySize * width, 0, 0.4);
  const frequencies = Array.from({ length: headSize / 2 }, () => random.next());
  return { config, tensors, frequencies };
}

/** The logits of the last cell in float64, from the formulas and without a cache. */
function plainLogits({ config, tensors, frequencies }: Llama, tokens: readonly number[]): number[] {
  const { width, heads, keyValueHeads, headSize } = config;
  const tensor = (name: string): number[] => [...(tensors.get(name) ?? [])];
  /** W x + b of a weight [out, in]. */
  const linear = (name: string, x: number[]): number[] => {
    const weight = tensor(`${name}.weight`);
    const bias = tensor(`${name}.bias`);
    return Array.from({ length: weight.length / x.length }, (_, o) =>
      x.reduce((sum, value, i) => sum + value * (weight[o * x.length + i] ?? 0), bias[o] ?? 0),
    );
  };
  const norm = (name: string, x: number[]): number[] => {
    const gain = tensor(`${name}.weight`);
    const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + EPSILON);
    return x.map((value, i) => value * scale * (gain[i] ?? 0));
  };
  /** One head of a cell's queries or keys, turned by its position. */
  const head = (all: number[], index: number, position: number): number[] => {
    const x = all.slice(index * headSize, (index + 1) * headSize);
    const half = headSize / 2;
    return x.map((value, i) => {
      const angle = position * (frequencies[i % half] ?? 0);
      const other = x[(i + half) % headSize] ?? 0;
      return value * Math.cos(angle) + (i < half ? -other : other) * Math.sin(angle);
    });
  };
  let cells = tokens.map((token) => tensor('embed_tokens.weight').slice(token * width, (token + 1) * width));
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `layers.${layer}`;
    const normed = cells.map((x) => norm(`${name}.input_layernorm`, x));
    const [queries, keys, values] = (['q', 'k', 'v'] as const).map((part) =>
      normed.map((x) => linear(`${name}.self_attn.${part}_proj`, x)),
    );
    cells = cells.map((x, t) => {
      const attended = Array.from({ length: heads }, (_, h) => {
        const shared = Math.floor(h / (heads / keyValueHeads));
        const query = head(queries?.[t] ?? [], h, t);
        const scores = cells.slice(0, t + 1).map((_, s) => {
          const key = head(keys?.[s] ?? [], shared, s);
          return query.reduce((sum, value, i) => sum + value * (key[i] ?? 0), 0) / Math.sqrt(headSize);
        });
        const most = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - most));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        return Array.from({ length: headSize }, (_, i) =>
          weights.reduce(
            (sum, weight, s) => sum + (weight / total) * (values?.[s]?.[shared * headSize + i] ?? 0),
            0,
          ),
        );
      }).flat();
      const after = linear(`${name}.self_attn.o_proj`, attended).map((value, i) => value + (x[i] ?? 0));
      const read = norm(`${name}.post_attention_layernorm`, after);
      const up = linear(`${name}.mlp.up_proj`, read);
      const inner = linear(`${name}.mlp.gate_proj`, read).map(
        (gate, i) => (gate / (1 + Math.exp(-gate))) * (up[i] ?? 0),
      );
      return linear(`${name}.mlp.down_proj`, inner).map((value, i) => value + (after[i] ?? 0));
    });
  }
  return linear(config.tiedHead ? 'embed_tokens' : 'lm_head', norm('norm', cells.at(-1) ?? []));
}

function decoderOf({ config, tensors, frequencies }: Llama): DecoderModel {
  return {
    shape: llamaShape(config),
    vocabularySize: config.vocabularySize,
    epsilon: EPSILON,
    rotary: (capacity) =>
      Float32Array.from({ length: capacity * config.headSize }, (_, at) => {
        const [position, i] = [Math.floor(at / config.headSize), at % config.headSize];
        const angle = position * (frequencies[i % frequencies.length] ?? 0);
        return i < frequencies.length ? Math.cos(angle) : Math.sin(angle);
      }),
    tensors,
  };
}

async function decoded(
  llama: Llama,
  prompts: number[][],
  options: GenerateOptions,
  sliceSeconds?: number,
): Promise<Generation[]> {
  const native = nativeBackend();
  if (!native) throw new Error('the native backend is not open');
  const rows = planCompletions(llama, prompts, options);
  const turns = decodeNatively(native, decoderOf(llama), rows, options, sliceSeconds);
  while (!(await turns.next()).done);
  return rows.map((row) => row.generation());
}

const options: GenerateOptions = { maxNewTokens: 10, temperature: 1, seed: 5, stopTokens: [] };

/** Groups of one, two, three, four, and seven heads; head sizes that fill half a vector, one and a half, and two. */
const shapes: Shape[] = [
  {
    width: 24,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    headSize: 8,
    innerWidth: 40,
    qkvBias: false,
    tiedHead: true,
  },
  {
    width: 40,
    layers: 2,
    heads: 3,
    keyValueHeads: 1,
    headSize: 24,
    innerWidth: 17,
    qkvBias: true,
    tiedHead: false,
  },
  {
    width: 32,
    layers: 1,
    heads: 8,
    keyValueHeads: 2,
    headSize: 16,
    innerWidth: 64,
    qkvBias: true,
    tiedHead: true,
  },
  {
    width: 33,
    layers: 2,
    heads: 2,
    keyValueHeads: 2,
    headSize: 32,
    innerWidth: 50,
    qkvBias: false,
    tiedHead: false,
  },
  {
    width: 20,
    layers: 1,
    heads: 7,
    keyValueHeads: 1,
    headSize: 10,
    innerWidth: 33,
    qkvBias: false,
    tiedHead: true,
  },
].map((shape) => ({ ...shape, vocabularySize: 37, contextLength: 70 }));

describe.each(nativeDevices)("the decoder's Llama on $name", (device) => {
  beforeAll(() => device.open());

  it.each(shapes)('gives at every position what the formulas give in float64: %o', async (shape) => {
    const llama = randomLlama(shape, 3);
    const prompts = randomSequences(4, [5, 1, 19, 5], shape.vocabularySize);
    const how = { ...options, alternatives: shape.vocabularySize };
    for (const [i, { tokens, alternatives = [] }] of (await decoded(llama, prompts, how)).entries()) {
      for (const t of [0, 4, 9]) {
        const logits = plainLogits(llama, [...(prompts[i] ?? []), ...tokens.slice(0, t)]);
        const most = Math.max(...logits);
        const logSum = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
        const ours = new Array<number>(logits.length);
        for (const { token, logProb } of alternatives[t] ?? []) ours[token] = logProb;
        expect(
          difference(
            ours,
            logits.map((logit) => logit - logSum),
          ),
        ).toBeLessThan(2e-5);
      }
    }
  });

  it('gives the same bits whatever the batch size, the threads, the samples and the turns of the event loop', async () => {
    for (const shape of shapes.slice(0, 3)) {
      const llama = randomLlama(shape, 5);
      const prompts = randomSequences(6, [5, 40, 1, 17, 40, 33], shape.vocabularySize);
      const how = { ...options, samplesPerPrompt: 4, stopTokens: [3], maxNewTokens: 25 };
      const expected = await decoded(llama, prompts, how);
      for (const [threads, batchSize] of [
        [1, 1],
        [2, 7],
        [5, 24],
      ] as const) {
        nativeBackend()?.addon.open(device.variant, threads);
        expect(await decoded(llama, prompts, { ...how, batchSize }, 0)).toEqual(expected);
      }
      const first = await decoded(llama, prompts, { ...how, samplesPerPrompt: 1 });
      expect(first).toEqual(expected.filter((_, i) => i % 4 === 0));
      await device.open();
    }
  });
});
