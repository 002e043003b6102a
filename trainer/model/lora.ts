import type { LowRank } from '../engine/ops/low-rank-linear.ts';
import { Random } from '../engine/random.ts';
import { tf } from '../engine/tf.ts';
import { TrainerError } from '../errors.ts';
import type { Dropout } from './family.ts';

/** How a model is adapted. */
export interface LoraSettings {
  /** r, the width of the change between A and B */
  rank: number;
  /** α: the change counts α / r */
  alpha: number;
  /** share of A's inputs set to 0 while training; 0 if left out */
  dropout?: number | undefined;
  /** which linear layers of the blocks: all, those of attention, or by the ends of their names ("attn.c_attn", "q_proj") */
  targets: 'all-linear' | 'attention' | readonly string[];
}

/** A linear layer that can be adapted. */
export interface LinearLayer {
  inputs: number;
  outputs: number;
  /** the weight is [out, in] */
  transposed: boolean;
}

const ATTENTION = /(^|\.)(self_)?attn\./;

/**
 * The layers that `targets` names, in the order given. A name of one's own fits a layer whose name ends with it, as in PEFT.
 * @throws TrainerError for a name that fits no layer
 */
export function targetLayers(names: readonly string[], targets: LoraSettings['targets']): string[] {
  if (targets === 'all-linear') return [...names];
  if (targets === 'attention') return names.filter((name) => ATTENTION.test(name));
  const fits = (name: string, target: string): boolean => name === target || name.endsWith(`.${target}`);
  const unknown = targets.find((target) => !names.some((name) => fits(name, target)));
  if (unknown !== undefined) {
    throw new TrainerError(
      `lora.targets names "${unknown}", which is no linear layer of this model: expected some of ${layerKinds(names).join(', ')}.`,
    );
  }
  return names.filter((name) => targets.some((target) => fits(name, target)));
}

/** The names of layers inside their block, each once: "attn.c_attn", "mlp.c_proj". */
export function layerKinds(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.replace(/^.*?\.\d+\./, '')))];
}

/** The name of a layer's factor among an adapter's parameters. */
export function factorName(layer: string, factor: 'A' | 'B'): string {
  return `${layer}.lora_${factor}.weight`;
}

/**
 * Low-rank adapters of a model's linear layers (Hu et al. 2021): h = x W + (α / r) · (x Aᵀ) Bᵀ with W frozen. A starts
 * uniform in ±1/√inputs, as in the authors' code (Kaiming with a = √5), and B at 0, so that the start is the base model.
 */
export class LoraAdapter {
  readonly settings: LoraSettings;
  /** α / r */
  readonly scale: number;
  /** "h.0.attn.c_attn.lora_A.weight" [r,I] and "….lora_B.weight" [O,r], as PEFT lays them out */
  readonly parameters: Map<string, tf.Variable>;
  readonly #layers: ReadonlyMap<string, LinearLayer>;
  readonly #places: ReadonlyMap<string, number>;

  private constructor(
    settings: LoraSettings,
    layers: ReadonlyMap<string, LinearLayer>,
    parameters: Map<string, tf.Variable>,
    scale = settings.alpha / settings.rank,
  ) {
    this.settings = settings;
    this.scale = scale;
    this.parameters = parameters;
    this.#layers = layers;
    this.#places = new Map([...layers.keys()].map((name, index) => [name, index]));
  }

  /** @param layers those to adapt, by name */
  static create(layers: ReadonlyMap<string, LinearLayer>, settings: LoraSettings, seed: number): LoraAdapter {
    const random = new Random(seed);
    const parameters = new Map<string, tf.Variable>();
    for (const [name, { inputs, outputs }] of layers) {
      const bound = 1 / Math.sqrt(inputs);
      const a = Float32Array.from({ length: settings.rank * inputs }, () => bound * (2 * random.next() - 1));
      parameters.set(factorName(name, 'A'), variable(a, [settings.rank, inputs]));
      parameters.set(
        factorName(name, 'B'),
        variable(new Float32Array(outputs * settings.rank), [outputs, settings.rank]),
      );
    }
    return new LoraAdapter(settings, layers, parameters);
  }

  /**
   * An adapter of these factors. @param scale what the change counts, where it is not α / r
   * @throws TrainerError for a factor that is missing
   */
  static fromValues(
    layers: ReadonlyMap<string, LinearLayer>,
    settings: LoraSettings,
    values: ReadonlyMap<string, Float32Array>,
    scale?: number,
  ): LoraAdapter {
    const parameters = new Map<string, tf.Variable>();
    const take = (name: string, shape: [number, number]): void => {
      const data = values.get(name);
      if (data?.length !== shape[0] * shape[1])
        throw new TrainerError(`The adapter's tensor ${name} is missing or not [${shape}].`);
      parameters.set(name, variable(data, shape));
    };
    for (const [name, { inputs, outputs }] of layers) {
      take(factorName(name, 'A'), [settings.rank, inputs]);
      take(factorName(name, 'B'), [outputs, settings.rank]);
    }
    return new LoraAdapter(settings, layers, parameters, scale);
  }

  /** The names of the adapted layers. */
  get layers(): string[] {
    return [...this.#layers.keys()];
  }

  /** The change of a layer; null where it is not adapted. @param drop of a training pass: its seed decides what A misses */
  change(layer: string, drop: Dropout | undefined): LowRank | null {
    const place = this.#places.get(layer);
    if (place === undefined) return null;
    const rate = this.settings.dropout ?? 0;
    return {
      a: this.#factor(layer, 'A'),
      b: this.#factor(layer, 'B'),
      scale: this.scale,
      // Seeds apart from those of the residual dropout, which count from the pass's seed upwards.
      dropout: drop && rate > 0 ? { rate, seed: drop.seed * 2003 + 1_000_003 * (place + 1) } : undefined,
    };
  }

  /** A layer's weight with its change in it, W + (α / r) B A in the weight's own layout, a new tensor; null where it is not adapted. */
  merged(layer: string, weight: tf.Tensor2D): tf.Tensor2D | null {
    const shape = this.#layers.get(layer);
    if (!shape) return null;
    return tf.tidy(() => {
      const [a, b] = [this.#factor(layer, 'A'), this.#factor(layer, 'B')];
      const change = shape.transposed ? tf.matMul(b, a) : tf.matMul(a, b, true, true);
      return weight.add<tf.Tensor2D>(change.mul(this.scale));
    });
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
  }

  #factor(layer: string, factor: 'A' | 'B'): tf.Tensor2D {
    const parameter = this.parameters.get(factorName(layer, factor));
    if (!parameter) throw new TrainerError(`The adapter has no factor ${factor} of ${layer}.`);
    return parameter as tf.Variable<tf.Rank.R2>;
  }
}

function variable(values: Float32Array, shape: number[]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor(values, shape, 'float32')));
}
