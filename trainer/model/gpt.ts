import type { TokenBatch } from '../data/batch.ts';
import { cachedAttention, type KeyValueCache } from '../engine/ops/cached-attention.ts';
import { causalAttention } from '../engine/ops/causal-attention.ts';
import { dropout } from '../engine/ops/dropout.ts';
import { embedding } from '../engine/ops/embedding.ts';
import { headLogProbs, measureHead } from '../engine/ops/head-log-probs.ts';
import { layerNorm } from '../engine/ops/layer-norm.ts';
import { type LinearOptions, linear } from '../engine/ops/linear.ts';
import { Random } from '../engine/random.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import { type CompleteGptConfig, completeConfig, type GptConfig } from './config.ts';

/** Residual and embedding dropout of one training pass; the same seed drops the same cells. */
export interface Dropout {
  /** share of the activations set to 0, in [0, 1) */
  rate: number;
  seed: number;
}

/** Shape and initial standard deviation of one parameter. Gains start at 1, biases at 0. */
interface ParameterSpec {
  shape: number[];
  initial: { constant: number } | { deviation: number };
}

/**
 * Every parameter of a GPT-2 of this shape under Hugging Face's names, in file order. Weights start at N(0, 0.02),
 * those that write into the residual stream at 0.02 / √(2 · layers) (GPT-2, section 2.3). Weights of linear layers
 * are [in, out], as GPT-2's files hold them.
 */
export function gptParameterSpecs(config: GptConfig): Map<string, ParameterSpec> {
  const { vocabularySize, contextLength, width, layers, innerWidth } = completeConfig(config);
  const deviation = 0.02;
  const residual = deviation / Math.sqrt(2 * layers);
  const specs = new Map<string, ParameterSpec>();
  const norm = (name: string): void => {
    specs.set(`${name}.weight`, { shape: [width], initial: { constant: 1 } });
    specs.set(`${name}.bias`, { shape: [width], initial: { constant: 0 } });
  };
  const projection = (name: string, from: number, to: number, std: number): void => {
    specs.set(`${name}.weight`, { shape: [from, to], initial: { deviation: std } });
    specs.set(`${name}.bias`, { shape: [to], initial: { constant: 0 } });
  };
  specs.set('wte.weight', { shape: [vocabularySize, width], initial: { deviation } });
  specs.set('wpe.weight', { shape: [contextLength, width], initial: { deviation } });
  for (let layer = 0; layer < layers; layer++) {
    norm(`h.${layer}.ln_1`);
    projection(`h.${layer}.attn.c_attn`, width, 3 * width, deviation);
    projection(`h.${layer}.attn.c_proj`, width, width, residual);
    norm(`h.${layer}.ln_2`);
    projection(`h.${layer}.mlp.c_fc`, width, innerWidth, deviation);
    projection(`h.${layer}.mlp.c_proj`, innerWidth, width, residual);
  }
  norm('ln_f');
  return specs;
}

type Attend = (qkv: tf.Tensor3D, layer: number) => tf.Tensor3D;

/** A GPT-2: learned positions, pre-norm blocks, GELU in its tanh form, the head tied to the token embedding. */
export class Gpt {
  readonly config: CompleteGptConfig;
  /** by Hugging Face's names without a prefix: "wte.weight", "h.0.attn.c_attn.weight" */
  readonly parameters: Map<string, tf.Variable>;

  private constructor(config: GptConfig, parameters: Map<string, tf.Variable>) {
    this.config = completeConfig(config);
    this.parameters = parameters;
  }

  /** A model with random weights: the same seed, the same weights, on every device. */
  static create(config: GptConfig, seed: number): Gpt {
    const random = new Random(seed);
    const parameters = new Map<string, tf.Variable>();
    for (const [name, { shape, initial }] of gptParameterSpecs(config)) {
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
      if ('constant' in initial) values.fill(initial.constant);
      else for (let i = 0; i < values.length; i++) values[i] = random.normal() * initial.deviation;
      parameters.set(name, newVariable(values, shape));
    }
    return new Gpt(config, parameters);
  }

  /** A model of these weights; each tensor must be there in its shape, and nothing else. @throws TrainerError */
  static fromValues(config: GptConfig, values: ReadonlyMap<string, Float32Array>): Gpt {
    const parameters = new Map<string, tf.Variable>();
    for (const [name, { shape }] of gptParameterSpecs(config)) {
      const data = values.get(name);
      if (!data)
        throw new TrainerError(`The tensor ${name} is missing: expected shape [${shape.join(', ')}].`);
      parameters.set(name, newVariable(data, shape));
    }
    return new Gpt(config, parameters);
  }

  /** A copy with weights of its own. */
  clone(): Gpt {
    const parameters = new Map<string, tf.Variable>();
    for (const [name, variable] of this.parameters) parameters.set(name, copyVariable(variable));
    return new Gpt(this.config, parameters);
  }

  dispose(): void {
    for (const variable of this.parameters.values()) variable.dispose();
  }

  /** The number of weights. */
  get size(): number {
    let size = 0;
    for (const variable of this.parameters.values()) size += variable.size;
    return size;
  }

  /**
   * The transformer's output after its last layer norm, float32 [B,T,D]. A cell sees the cells before it in its own
   * segment. What padding cells hold means nothing.
   * @throws TrainerError when a position lies beyond the context
   */
  hidden(batch: TokenBatch, options: { dropout?: Dropout | undefined } = {}): tf.Tensor3D {
    return tf.tidy(() => {
      const segments = needsSegments(batch)
        ? tf.tensor2d(batch.segments, [batch.rows, batch.columns], 'int32')
        : null;
      const attend: Attend = (qkv) => causalAttention(qkv, this.config.heads, segments);
      return this.#forward(batch, attend, options.dropout);
    });
  }

  /**
   * `hidden` for the next N cells of rows whose earlier cells are in the cache, float32 [B,N,D]; appends them to it.
   * @param batch the new cells alone, with their positions; segments are not read, the cache knows each row's start
   */
  hiddenCached(batch: TokenBatch, cache: KeyValueCache): tf.Tensor3D {
    return tf.tidy(() => {
      const attend: Attend = (qkv, layer) => cachedAttention(qkv, this.config.heads, cache.layer(layer));
      return this.#forward(batch, attend, undefined);
    });
  }

  /** Logits [...,V] of hidden states [...,D]. */
  logits(hidden: tf.Tensor): tf.Tensor {
    return linear(hidden, this.#head(), null, { transposeWeight: true });
  }

  /** log softmax(logits / temperature) of hidden states [N,D] at int32 targets [N], float32 [N]; logits never exist whole. */
  logProbs(hidden: tf.Tensor2D, targets: Int32Array, temperature = 1): tf.Tensor1D {
    return tf.tidy(() => headLogProbs(hidden, this.#head(), tf.tensor1d(targets, 'int32'), temperature));
  }

  /** `logProbs`, and the entropies (nats) of the distributions, float32 [N] each, without a gradient. */
  measure(
    hidden: tf.Tensor2D,
    targets: Int32Array,
    temperature: number,
  ): { logProbs: tf.Tensor1D; entropies: tf.Tensor1D } {
    return tf.tidy(() => measureHead(hidden, this.#head(), tf.tensor1d(targets, 'int32'), temperature));
  }

  /** The output layer's weight [V,D]: tied to the token embedding. */
  #head(): tf.Tensor2D {
    return this.parameter('wte.weight') as tf.Variable<tf.Rank.R2>;
  }

  /** One parameter by name. */
  parameter(name: string): tf.Variable {
    const variable = this.parameters.get(name);
    if (!variable) throw new TrainerError(`The model has no parameter ${name}.`);
    return variable;
  }

  #forward(batch: TokenBatch, attend: Attend, drop: Dropout | undefined): tf.Tensor3D {
    this.#checkRange(batch);
    const { layers, layerNormEpsilon: epsilon } = this.config;
    const shape: [number, number] = [batch.rows, batch.columns];
    const matrix = (name: string) => this.parameter(name) as tf.Variable<tf.Rank.R2>;
    const vector = (name: string) => this.parameter(name) as tf.Variable<tf.Rank.R1>;
    const norm = (x: tf.Tensor, name: string): tf.Tensor =>
      layerNorm(x, vector(`${name}.weight`), vector(`${name}.bias`), epsilon);
    const project = (x: tf.Tensor, name: string, options: LinearOptions = {}): tf.Tensor =>
      linear(x, matrix(`${name}.weight`), vector(`${name}.bias`), options);
    let drops = 0;
    const nextDrop = (): Dropout | undefined => drop && { rate: drop.rate, seed: drop.seed * 1009 + drops++ };

    let x: tf.Tensor = tf.add(
      embedding(matrix('wte.weight'), tf.tensor2d(batch.tokens, shape, 'int32')),
      embedding(matrix('wpe.weight'), tf.tensor2d(batch.positions, shape, 'int32')),
    );
    const first = nextDrop();
    if (first) x = dropout(x, first.rate, first.seed);
    for (let layer = 0; layer < layers; layer++) {
      const qkv = project(norm(x, `h.${layer}.ln_1`), `h.${layer}.attn.c_attn`) as tf.Tensor3D;
      const attended = attend(qkv, layer);
      x = project(attended, `h.${layer}.attn.c_proj`, { residual: x, dropout: nextDrop() });
      const inner = project(norm(x, `h.${layer}.ln_2`), `h.${layer}.mlp.c_fc`, { activation: 'gelu' });
      x = project(inner, `h.${layer}.mlp.c_proj`, { residual: x, dropout: nextDrop() });
    }
    return norm(x, 'ln_f') as tf.Tensor3D;
  }

  #checkRange(batch: TokenBatch): void {
    const { contextLength, vocabularySize } = this.config;
    for (let cell = 0; cell < batch.tokens.length; cell++) {
      const position = batch.positions[cell] ?? 0;
      const token = batch.tokens[cell] ?? 0;
      if (position < 0 || position >= contextLength) {
        throw new TrainerError(
          `Row ${Math.floor(cell / batch.columns)} of a batch reaches position ${position}: the model's context is ${contextLength} tokens.`,
        );
      }
      if (token < 0 || token >= vocabularySize) {
        throw new TrainerError(
          `Row ${Math.floor(cell / batch.columns)} of a batch holds token ${token}: the model's vocabulary has ${vocabularySize}. Does the tokenizer belong to the model?`,
        );
      }
    }
  }
}

/** Whether attention must look at segments: not when every row is one sequence without padding. */
function needsSegments(batch: TokenBatch): boolean {
  for (let i = 0; i < batch.segments.length; i++) {
    if (batch.segments[i] !== batch.segments[0] || batch.segments[i] === 0) return true;
  }
  return false;
}

/** A trainable variable of these values. */
export function newVariable(values: Float32Array, shape: number[]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor(values, shape, 'float32')));
}

/**
 * A trainable copy, made on the device. tfjs's own clone would share the data, which an in-place optimizer then changes
 * under both; times 1 every number stays what it is.
 */
export function copyVariable(variable: tf.Variable): tf.Variable {
  return tf.tidy(() => tf.variable(variable.mul(1)));
}
