import { Random } from '../../engine/random.ts';
import { tf } from '../../engine/tf.ts';
import type { ModelConfig } from '../config.ts';
import { LanguageModel } from '../language-model.ts';
import type { LlamaConfig } from '../llama-config.ts';

export const tinyConfig: ModelConfig = {
  vocabularySize: 23,
  contextLength: 24,
  width: 12,
  layers: 2,
  heads: 3,
};

const smallLlama = { family: 'llama', vocabularySize: 37, contextLength: 70 } as const;

/**
 * Small Llamas of each kind: groups of two, three, four, one and seven heads of queries, head sizes below, at and above a
 * block of the decoder's, with biases and without, tied and not, rotary scaling or none.
 */
export const llamaConfigs: LlamaConfig[] = [
  {
    ...smallLlama,
    width: 24,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    headSize: 8,
    innerWidth: 40,
    tiedHead: true,
  },
  {
    ...smallLlama,
    modelType: 'qwen2',
    width: 40,
    layers: 2,
    heads: 3,
    keyValueHeads: 1,
    headSize: 24,
    innerWidth: 17,
  },
  {
    ...smallLlama,
    modelType: 'qwen2',
    width: 32,
    layers: 1,
    heads: 8,
    keyValueHeads: 2,
    headSize: 16,
    tiedHead: true,
  },
  {
    ...smallLlama,
    width: 33,
    layers: 2,
    heads: 2,
    headSize: 32,
    innerWidth: 50,
    normEpsilon: 1e-5,
    rotary: {
      theta: 500,
      scaling: {
        type: 'llama3',
        factor: 4,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 4,
        originalContext: 32,
      },
    },
  },
  {
    ...smallLlama,
    width: 20,
    layers: 1,
    heads: 7,
    keyValueHeads: 1,
    headSize: 10,
    innerWidth: 33,
    tiedHead: true,
  },
];

/** A small model whose weights, biases and gains included, are far from their start, so that each one matters. */
export function tinyModel(seed = 1, config: ModelConfig = tinyConfig): LanguageModel {
  const model = LanguageModel.create(config, seed);
  const random = new Random(seed + 1000);
  for (const variable of model.parameters.values()) {
    const values = Float32Array.from(variable.dataSync(), (value) => value + 0.3 * random.normal());
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
  return model;
}

/** Random sequences of these lengths. */
export function randomSequences(seed: number, lengths: number[], vocabularySize = 23): number[][] {
  const random = new Random(seed);
  return lengths.map((length) => Array.from({ length }, () => random.integer(vocabularySize)));
}

/** The logits of one sequence on its own: one array a cell. */
export function plainLogits(model: LanguageModel, sequence: number[]): number[][] {
  return tf.tidy(() => {
    const columns = sequence.length;
    const hidden = model.hidden({
      rows: 1,
      columns,
      tokens: Int32Array.from(sequence),
      positions: Int32Array.from(sequence, (_, i) => i),
      segments: new Int32Array(columns).fill(1),
    });
    const flat = model.logits(hidden).dataSync();
    const size = model.config.vocabularySize;
    return sequence.map((_, i) => [...flat.slice(i * size, (i + 1) * size)]);
  });
}

/** The largest difference between numbers at the same place. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? Number.NaN) - (b[i] ?? Number.NaN));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/**
 * A GPT-2 that follows each token by the next one, the last by the first: the one-hot embedding of a token passes through
 * the block's feed-forward layer, which adds that of its successor. All other tokens together weigh less than 1e-12.
 */
export function successorModel(vocabularySize = 24, contextLength = 24): LanguageModel {
  const size = vocabularySize;
  const model = LanguageModel.create(
    { vocabularySize, contextLength, width: size, layers: 1, heads: 1, innerWidth: size },
    1,
  );
  const identity = (column: (row: number) => number): number[] =>
    Array.from({ length: size * size }, (_, i) => (i % size === column(Math.floor(i / size)) ? 1 : 0));
  const values: Record<string, number[]> = {
    'wte.weight': identity((row) => row),
    'h.0.ln_1.weight': new Array<number>(size).fill(1),
    'h.0.ln_2.weight': new Array<number>(size).fill(1),
    'h.0.mlp.c_fc.weight': identity((row) => row),
    'h.0.mlp.c_proj.weight': identity((row) => (row + 1) % size),
    'ln_f.weight': new Array<number>(size).fill(10),
  };
  for (const [name, variable] of model.parameters) {
    const own = values[name] ?? new Array<number>(variable.size).fill(0);
    tf.tidy(() => variable.assign(tf.tensor(own, variable.shape)));
  }
  return model;
}
