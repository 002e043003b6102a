import { beforeAll, describe, expect, it } from 'vitest';
import { nativeBackend } from '../engine/native/backend.ts';
import { difference, nativeDevices } from '../engine/testing/devices.ts';
import type { Generation } from './completion.ts';
import { decodeNatively } from './decode-native.ts';
import { decoderModel } from './decoder-weights.ts';
import { type GenerateOptions, planCompletions } from './generate.ts';
import type { LanguageModel } from './language-model.ts';
import { rotaryFrequencies } from './rotary-frequencies.ts';
import { llamaConfigs, randomSequences, tinyModel } from './testing/tiny.ts';

/** The logits of the last cell in float64, from the formulas and without a cache. */
function plainLogits(model: LanguageModel, tokens: readonly number[]): number[] {
  const { config } = model;
  if (config.family !== 'llama') throw new Error('expected a Llama');
  const { width, heads, keyValueHeads, headSize, normEpsilon } = config;
  const { perPosition } = rotaryFrequencies(config.rotary, headSize);
  const tensors = new Map<string, number[]>();
  for (const [name, variable] of model.parameters) tensors.set(name, [...variable.dataSync()]);
  const tensor = (name: string): number[] => tensors.get(name) ?? [];
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
    const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + normEpsilon);
    return x.map((value, i) => value * scale * (gain[i] ?? 0));
  };
  /** One head of a cell's queries or keys, turned by its position. */
  const head = (all: number[], index: number, position: number): number[] => {
    const x = all.slice(index * headSize, (index + 1) * headSize);
    const half = headSize / 2;
    return x.map((value, i) => {
      const angle = position * (perPosition[i % half] ?? 0);
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

async function decoded(
  model: LanguageModel,
  prompts: number[][],
  options: GenerateOptions,
  sliceSeconds?: number,
): Promise<Generation[]> {
  const native = nativeBackend();
  if (!native) throw new Error('the native backend is not open');
  const rows = planCompletions(model, prompts, options);
  const turns = decodeNatively(native, decoderModel(native, model), rows, options, sliceSeconds);
  while (!(await turns.next()).done);
  return rows.map((row) => row.generation());
}

const options: GenerateOptions = { maxNewTokens: 10, temperature: 1, seed: 5, stopTokens: [] };

describe.each(nativeDevices)("the decoder's Llama on $name", (device) => {
  beforeAll(() => device.open());

  it.each(llamaConfigs)('gives at every position what the formulas give in float64: %o', async (shape) => {
    const model = tinyModel(3, shape);
    const prompts = randomSequences(4, [5, 1, 19, 5], shape.vocabularySize);
    const how = { ...options, alternatives: shape.vocabularySize };
    for (const [i, { tokens, alternatives = [] }] of (await decoded(model, prompts, how)).entries()) {
      for (const t of [0, 4, 9]) {
        const logits = plainLogits(model, [...(prompts[i] ?? []), ...tokens.slice(0, t)]);
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
    model.dispose();
  });

  it('gives the same bits whatever the batch size, the threads, the samples and the turns of the event loop', async () => {
    for (const shape of llamaConfigs.slice(0, 3)) {
      const model = tinyModel(5, shape);
      const prompts = randomSequences(6, [5, 40, 1, 17, 40, 33], shape.vocabularySize);
      const how = { ...options, samplesPerPrompt: 4, stopTokens: [3], maxNewTokens: 25 };
      const expected = await decoded(model, prompts, how);
      for (const [threads, batchSize] of [
        [1, 1],
        [2, 7],
        [5, 24],
      ] as const) {
        nativeBackend()?.addon.open(device.variant, threads);
        expect(await decoded(model, prompts, { ...how, batchSize }, 0)).toEqual(expected);
      }
      const first = await decoded(model, prompts, { ...how, samplesPerPrompt: 1 });
      expect(first).toEqual(expected.filter((_, i) => i % 4 === 0));
      await device.open();
      model.dispose();
    }
  });
});
