import type { TokenBatch } from '../data/batch.ts';
import { cachedAttention, type KeyValueCache } from '../engine/ops/cached-attention.ts';
import { causalAttention } from '../engine/ops/causal-attention.ts';
import { headLogProbs, measureHead } from '../engine/ops/head-log-probs.ts';
import { type LinearOptions, linear } from '../engine/ops/linear.ts';
import { type LinearPart, linearTogether } from '../engine/ops/linear-together.ts';
import { Random } from '../engine/random.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import {
  type CompleteModelConfig,
  completeConfig,
  keyValueHeadsOf,
  type ModelConfig,
  trunkConfig,
} from './config.ts';
import { familyOf } from './families.ts';
import type { Dropout, Family, ParameterSpec, Pass } from './family.ts';

/** Every parameter of a model of this shape under Hugging Face's names, in file order. */
export function parameterSpecs(config: ModelConfig): Map<string, ParameterSpec> {
  return familyOf(config).parameterSpecs();
}

type Attend = Pass['attend'];

/** A decoder-only transformer of one of the families. */
export class LanguageModel {
  readonly config: CompleteModelConfig;
  /** by Hugging Face's names without a prefix: "wte.weight", "h.0.attn.c_attn.weight" */
  readonly parameters: Map<string, tf.Variable>;
  readonly #family: Family;

  private constructor(config: ModelConfig, parameters: Map<string, tf.Variable>) {
    this.config = completeConfig(config);
    this.parameters = parameters;
    this.#family = familyOf(this.config);
  }

  /** A model with random weights: the same seed, the same weights, on every device. */
  static create(config: ModelConfig, seed: number): LanguageModel {
    const random = new Random(seed);
    const parameters = new Map<string, tf.Variable>();
    for (const [name, { shape, initial }] of parameterSpecs(config)) {
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
      if ('constant' in initial) values.fill(initial.constant);
      else for (let i = 0; i < values.length; i++) values[i] = random.normal() * initial.deviation;
      parameters.set(name, newVariable(values, shape));
    }
    return new LanguageModel(config, parameters);
  }

  /** A model of these weights; each tensor must be there in its shape, and nothing else. @throws TrainerError */
  static fromValues(
    config: ModelConfig,
    values: { get(name: string): Float32Array | undefined },
  ): LanguageModel {
    const parameters = new Map<string, tf.Variable>();
    for (const [name, { shape }] of parameterSpecs(config)) {
      const data = values.get(name);
      if (!data)
        throw new TrainerError(`The tensor ${name} is missing: expected shape [${shape.join(', ')}].`);
      parameters.set(name, newVariable(data, shape));
    }
    return new LanguageModel(config, parameters);
  }

  /** A copy with weights of its own. */
  clone(): LanguageModel {
    const parameters = new Map<string, tf.Variable>();
    for (const [name, variable] of this.parameters) parameters.set(name, copyVariable(variable));
    return new LanguageModel(this.config, parameters);
  }

  /** A copy without an output layer of its own: the trunk of a model with another head. */
  cloneTrunk(): LanguageModel {
    const config = trunkConfig(this.config);
    const parameters = new Map<string, tf.Variable>();
    for (const name of parameterSpecs(config).keys())
      parameters.set(name, copyVariable(this.parameter(name)));
    return new LanguageModel(config, parameters);
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
      const { heads } = this.config;
      const attend: Attend = (qkv) => causalAttention(qkv, heads, segments, keyValueHeadsOf(this.config));
      return this.#forward(batch, attend, options.dropout);
    });
  }

  /**
   * `hidden` for the next N cells of rows whose earlier cells are in the cache, float32 [B,N,D]; appends them to it.
   * @param batch the new cells alone, with their positions; segments are not read, the cache knows each row's start
   */
  hiddenCached(batch: TokenBatch, cache: KeyValueCache): tf.Tensor3D {
    return tf.tidy(() => {
      const { heads } = this.config;
      const attend: Attend = (qkv, layer) =>
        cachedAttention(qkv, heads, cache.layer(layer), keyValueHeadsOf(this.config));
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

  /** The output layer's weight [V,D]. */
  #head(): tf.Tensor2D {
    return this.parameter(this.#family.head) as tf.Variable<tf.Rank.R2>;
  }

  /** One parameter by name. */
  parameter(name: string): tf.Variable {
    const variable = this.parameters.get(name);
    if (!variable) throw new TrainerError(`The model has no parameter ${name}.`);
    return variable;
  }

  #forward(batch: TokenBatch, attend: Attend, drop: Dropout | undefined): tf.Tensor3D {
    this.#checkRange(batch);
    const pass: Pass = {
      batch,
      project: (x, name, options) => this.#project(x, name, options),
      projectTogether: (x, names) =>
        linearTogether(
          x,
          names.map((name) => this.#layer(name)),
        ),
      matrix: (name) => this.parameter(name) as tf.Variable<tf.Rank.R2>,
      vector: (name) => this.parameter(name) as tf.Variable<tf.Rank.R1>,
      attend,
      dropout: (at) => drop && { rate: drop.rate, seed: drop.seed * 1009 + at },
    };
    let x = this.#family.embed(pass);
    for (let layer = 0; layer < this.config.layers; layer++) {
      x = this.#family.block(pass, x, layer);
    }
    return this.#family.finish(pass, x) as tf.Tensor3D;
  }

  #project(x: tf.Tensor, name: string, options: LinearOptions = {}): tf.Tensor {
    const { weight, bias } = this.#layer(name);
    return linear(x, weight, bias, { transposeWeight: this.#family.outputsFirst, ...options });
  }

  /** A linear layer's weight, and its bias where the family has one. */
  #layer(name: string): LinearPart {
    const weight = this.parameter(`${name}.weight`) as tf.Variable<tf.Rank.R2>;
    const bias = this.parameters.get(`${name}.bias`) as tf.Variable<tf.Rank.R1> | undefined;
    return { weight, bias: bias ?? null };
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
