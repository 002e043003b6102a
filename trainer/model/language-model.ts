import type { TokenBatch } from '../data/batch.ts';
import { cachedAttention, type KeyValueCache } from '../engine/ops/cached-attention.ts';
import { causalAttention } from '../engine/ops/causal-attention.ts';
import { headLogProbs, measureHead } from '../engine/ops/head-log-probs.ts';
import { type LinearOptions, linear } from '../engine/ops/linear.ts';
import { type LinearPart, linearTogether } from '../engine/ops/linear-together.ts';
import { lowRankLinear } from '../engine/ops/low-rank-linear.ts';
import { Random } from '../engine/random.ts';
import { recomputed } from '../engine/recomputed.ts';
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
import { type LinearLayer, LoraAdapter, type LoraSettings, targetLayers } from './lora.ts';

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
  /** adapters that the passes go through; the parameters are then another model's, and frozen */
  readonly adapter: LoraAdapter | null;
  /** computes each block again in the backward pass instead of keeping what it made (Chen et al. 2016) */
  gradientCheckpointing = false;
  readonly #family: Family;

  private constructor(
    config: ModelConfig,
    parameters: Map<string, tf.Variable>,
    adapter: LoraAdapter | null = null,
  ) {
    this.config = completeConfig(config);
    this.parameters = parameters;
    this.adapter = adapter;
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
    try {
      for (const [name, { shape }] of parameterSpecs(config)) {
        const data = values.get(name);
        if (!data)
          throw new TrainerError(`The tensor ${name} is missing: expected shape [${shape.join(', ')}].`);
        parameters.set(name, newVariable(data, shape));
      }
    } catch (error) {
      for (const variable of parameters.values()) variable.dispose();
      throw error;
    }
    return new LanguageModel(config, parameters);
  }

  /**
   * The same weights seen through low-rank adapters that alone learn (Hu et al. 2021). The weights stay this model's:
   * it gives what it gave, with the adapters off, and must be kept as long as the adapted one is used.
   * @throws TrainerError when the settings name a layer that is not there
   */
  adapt(settings: LoraSettings, seed: number): LanguageModel {
    return this.#through(LoraAdapter.create(this.targets(settings.targets), settings, seed));
  }

  /** `adapt` with factors that are there already, by name. @param scale what the change counts, where it is not α / r */
  adaptWith(
    settings: LoraSettings,
    values: ReadonlyMap<string, Float32Array>,
    scale?: number,
  ): LanguageModel {
    return this.#through(LoraAdapter.fromValues(this.targets(settings.targets), settings, values, scale));
  }

  /** The linear layers of the blocks that `targets` names. @throws TrainerError for a name that is not there */
  targets(targets: LoraSettings['targets']): Map<string, LinearLayer> {
    const layers = linearLayers(this.config);
    const chosen = new Set(targetLayers([...layers.keys()], targets));
    return new Map([...layers].filter(([name]) => chosen.has(name)));
  }

  /** What an optimizer moves: the adapters' factors, or every parameter. */
  get trainable(): Map<string, tf.Variable> {
    return this.adapter?.parameters ?? this.parameters;
  }

  /** A copy with weights of its own, the adapters' changes in them. */
  clone(): LanguageModel {
    const parameters = new Map<string, tf.Variable>();
    for (const name of this.parameters.keys()) parameters.set(name, this.#copy(name));
    return new LanguageModel(this.config, parameters);
  }

  /** A copy without an output layer of its own: the trunk of a model with another head. */
  cloneTrunk(): LanguageModel {
    const config = trunkConfig(this.config);
    const parameters = new Map<string, tf.Variable>();
    for (const name of parameterSpecs(config).keys()) parameters.set(name, this.#copy(name));
    return new LanguageModel(config, parameters);
  }

  /** A parameter as the passes see it, to be read: the adapters' change in it. Inside a tidy, which takes what is made. */
  effective(name: string): tf.Tensor {
    return this.#merged(name) ?? this.parameter(name);
  }

  /** Frees the weights; of an adapted model the adapters alone. */
  dispose(): void {
    for (const variable of this.trainable.values()) variable.dispose();
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
      const attending = (): Attend => {
        const segments = needsSegments(batch)
          ? tf.tensor2d(batch.segments, [batch.rows, batch.columns], 'int32')
          : null;
        const { heads } = this.config;
        return (qkv) => causalAttention(qkv, heads, segments, keyValueHeadsOf(this.config));
      };
      return this.#forward(batch, attending, options.dropout);
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
      return this.#forward(batch, () => attend, undefined);
    });
  }

  /** Logits [...,V] of hidden states [...,D]. */
  logits(hidden: tf.Tensor): tf.Tensor {
    return linear(hidden, this.#head(), null, { transposeWeight: true, frozen: this.adapter !== null });
  }

  /** log softmax(logits / temperature) of hidden states [N,D] at int32 targets [N], float32 [N]; logits never exist whole. */
  logProbs(hidden: tf.Tensor2D, targets: Int32Array, temperature = 1): tf.Tensor1D {
    const frozen = this.adapter !== null;
    return tf.tidy(() => {
      const ids = tf.tensor1d(targets, 'int32');
      return headLogProbs(hidden, this.#head(), ids, temperature, undefined, frozen);
    });
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

  #through(adapter: LoraAdapter): LanguageModel {
    const model = new LanguageModel(this.config, this.parameters, adapter);
    model.gradientCheckpointing = this.gradientCheckpointing;
    return model;
  }

  /** @param attending makes what the cells see each other by; anew for a block that is computed again */
  #forward(batch: TokenBatch, attending: () => Attend, drop: Dropout | undefined): tf.Tensor3D {
    this.#checkRange(batch);
    const start = (): Pass => this.#pass(batch, attending(), drop);
    const whole = start();
    const family = this.#family;
    let x = family.embed(whole);
    for (let layer = 0; layer < this.config.layers; layer++) {
      // A pass of its own for each block that is computed twice: what the first one made is gone by then.
      x = this.gradientCheckpointing
        ? recomputed(x, this.#trainableOf(layer), (again) => family.block(start(), again, layer))
        : family.block(whole, x, layer);
    }
    return family.finish(whole, x) as tf.Tensor3D;
  }

  #pass(batch: TokenBatch, attend: Attend, drop: Dropout | undefined): Pass {
    return {
      batch,
      project: (x, name, options = {}) => this.#project(x, name, options, drop),
      projectTogether: (x, names) =>
        this.adapter
          ? tf.concat(
              names.map((name) => this.#project(x, name, {}, drop)),
              -1,
            )
          : linearTogether(
              x,
              names.map((name) => this.#layer(name)),
            ),
      matrix: (name) => this.parameter(name) as tf.Variable<tf.Rank.R2>,
      vector: (name) => this.parameter(name) as tf.Variable<tf.Rank.R1>,
      attend,
      dropout: (at) => drop && { rate: drop.rate, seed: drop.seed * 1009 + at },
    };
  }

  #project(x: tf.Tensor, name: string, own: LinearOptions, drop: Dropout | undefined): tf.Tensor {
    const { weight, bias } = this.#layer(name);
    const options = { transposeWeight: this.#family.outputsFirst, ...own };
    const change = this.adapter?.change(name, drop);
    return change
      ? lowRankLinear(x, weight, bias, change, options)
      : linear(x, weight, bias, { ...options, frozen: this.adapter !== null });
  }

  /** A linear layer's weight, and its bias where the family has one. */
  #layer(name: string): LinearPart {
    const weight = this.parameter(`${name}.weight`) as tf.Variable<tf.Rank.R2>;
    const bias = this.parameters.get(`${name}.bias`) as tf.Variable<tf.Rank.R1> | undefined;
    return { weight, bias: bias ?? null };
  }

  /** A parameter with the adapters' change in it, a variable of its own. */
  #copy(name: string): tf.Variable {
    const merged = this.#merged(name);
    if (!merged) return copyVariable(this.parameter(name));
    const copy = tf.variable(merged) as tf.Variable;
    merged.dispose();
    return copy;
  }

  /** What learns in one block. */
  #trainableOf(layer: number): tf.Variable[] {
    return [...this.trainable].flatMap(([name, variable]) => (blockOf(name) === layer ? [variable] : []));
  }

  #merged(name: string): tf.Tensor2D | null {
    if (!this.adapter || !name.endsWith('.weight')) return null;
    return this.adapter.merged(
      name.slice(0, -'.weight'.length),
      this.parameter(name) as tf.Variable<tf.Rank.R2>,
    );
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

/** The block that a parameter belongs to: the first number in its name. */
function blockOf(name: string): number | null {
  const number = /(?:^|\.)(\d+)\./.exec(name)?.[1];
  return number === undefined ? null : Number(number);
}

/** Numbers in the adapters of a model of this shape. @throws TrainerError for a target that is not there */
export function adapterSize(config: ModelConfig, { rank, targets }: LoraSettings): number {
  const layers = linearLayers(config);
  return targetLayers([...layers.keys()], targets).reduce((sum, name) => {
    const layer = layers.get(name);
    return sum + rank * ((layer?.inputs ?? 0) + (layer?.outputs ?? 0));
  }, 0);
}

/** The linear layers of the blocks, by name, without those of embeddings and head. */
function linearLayers(config: ModelConfig): Map<string, LinearLayer> {
  const layers = new Map<string, LinearLayer>();
  const transposed = familyOf(config).outputsFirst;
  for (const [name, { shape }] of parameterSpecs(config)) {
    const [first, second] = shape;
    if (blockOf(name) === null || first === undefined || second === undefined) continue;
    const [inputs, outputs] = transposed ? [second, first] : [first, second];
    layers.set(name.replace(/\.weight$/, ''), { inputs, outputs, transposed });
  }
  return layers;
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
