import {
  accumulateGradients,
  disposeGradients,
  type Loss,
  valueAndGradients,
} from '../../engine/gradients.ts';
import { AdamW, clipByGlobalNorm } from '../../engine/ops/adamw.ts';
import { tf } from '../../engine/tf.ts';
import { TrainerError } from '../../errors.ts';
import type { StoredTensor } from '../../model/safetensors.ts';

/** The part of a config that the optimizer reads. */
export interface OptimizerSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
  epsilonForm: 'pytorch' | 'tensorflow';
  weightDecay: number;
  gradientClip: number;
}

/**
 * Weight decay is for matrices that mix features: not for biases, gains of norms, or positions (GPT-2's practice). Norms are
 * "ln_1" and "ln_f" in GPT-2, "input_layernorm", "post_attention_layernorm", "norm", "q_norm" in Llama and its kin.
 */
export function decays(name: string): boolean {
  return !name.endsWith('.bias') && !/(^|\.)(ln_\w+|\w*norm|wpe)\.weight$/.test(name);
}

/** Where an optimizer step stands, for the error of one that comes to nothing. */
export interface StepPlace {
  step: number;
  /** the rows that it learns from: "lines 3, 17 and 20 of rankings.jsonl" */
  rows(): string;
  /** what the run can go on from: "the state of step 10 is kept in runs/7" */
  kept: string;
}

/** A model that learns: its parameters, its AdamW, and how both go into a run's state. */
export class Learner {
  readonly name: string;
  readonly #parameters: Map<string, tf.Variable>;
  readonly #optimizer: AdamW;
  readonly #clip: number;

  /** @param name prefix of its tensors in the run's state: "model", "policy", "value" */
  constructor(name: string, parameters: Map<string, tf.Variable>, settings: OptimizerSettings) {
    this.name = name;
    this.#parameters = parameters;
    this.#clip = settings.gradientClip;
    this.#optimizer = new AdamW({
      beta1: settings.beta1,
      beta2: settings.beta2,
      epsilon: settings.epsilon,
      epsilonForm: settings.epsilonForm,
      weightDecay: settings.weightDecay,
      decay: decays,
    });
  }

  /**
   * One optimizer step on the sum of the parts' losses. Each part is already divided by what the whole step counts, so
   * that how a step is cut into micro-batches changes nothing.
   *
   * @param place said when the step comes to nothing
   * @returns the summed loss, and the gradient's global norm before clipping
   * @throws TrainerError when loss or gradient are not finite; the parameters are then those of before the step
   */
  async step(
    parts: Iterable<Loss>,
    learningRate: number,
    place?: StepPlace,
  ): Promise<{ loss: number; gradientNorm: number }> {
    let loss = 0;
    const total = new Map<string, tf.Tensor>();
    for (const part of parts) {
      const { value, gradients } = await valueAndGradients(this.#parameters, part);
      loss += value;
      accumulateGradients(total, gradients);
    }
    const gradientNorm = await clipByGlobalNorm(total, this.#clip);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      disposeGradients(total);
      const found = `the loss of ${this.name} is ${loss} and its gradient's norm ${gradientNorm}`;
      throw new TrainerError(
        place
          ? `Step ${place.step} was not taken: ${found} on ${place.rows()}, where finite numbers were expected; ${place.kept}: look at these rows, or begin in another folder with a learning rate below ${learningRate}.`
          : `${found}: expected finite numbers; a lower learning rate may help`,
      );
    }
    this.#optimizer.step(this.#parameters, total, learningRate);
    disposeGradients(total);
    return { loss, gradientNorm };
  }

  /** Weights and moments, for the run's state, and the optimizer's count of steps. */
  async state(): Promise<{ steps: number; tensors: Map<string, StoredTensor> }> {
    const tensors = new Map<string, StoredTensor>();
    for (const [name, variable] of this.#parameters) {
      tensors.set(`${this.name}.${name}`, {
        shape: variable.shape,
        data: Float32Array.from(await variable.data()),
      });
    }
    const { step, moments } = await this.#optimizer.state();
    for (const [name, { first, second }] of moments) {
      const shape = [first.length];
      tensors.set(`${this.name}.first.${name}`, { shape, data: first });
      tensors.set(`${this.name}.second.${name}`, { shape, data: second });
    }
    return { steps: step, tensors };
  }

  /** Goes on from a saved state. @throws TrainerError that names the tensor that is missing or has another shape */
  restore(steps: number, tensors: ReadonlyMap<string, StoredTensor>): void {
    const moments = new Map<string, { first: Float32Array; second: Float32Array }>();
    for (const [name, variable] of this.#parameters) {
      const saved = tensors.get(`${this.name}.${name}`);
      if (saved?.data.length !== variable.size) {
        throw new TrainerError(
          `The saved state holds ${saved?.data.length ?? 'no'} numbers for ${this.name}.${name}: expected ${variable.size}.`,
        );
      }
      const value = tf.tensor(saved.data, variable.shape);
      variable.assign(value);
      value.dispose();
      const first = tensors.get(`${this.name}.first.${name}`);
      const second = tensors.get(`${this.name}.second.${name}`);
      if (first && second) moments.set(name, { first: first.data, second: second.data });
    }
    this.#optimizer.restore({ step: steps, moments }, this.#parameters);
  }

  /** Frees the moments; the parameters are their model's. */
  dispose(): void {
    this.#optimizer.dispose();
  }
}
