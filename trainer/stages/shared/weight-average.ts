import { tf } from '../../engine/tf.ts';
import { TrainerError } from '../../errors.ts';
import type { LanguageModel } from '../../model/language-model.ts';
import type { StoredTensor } from '../../model/safetensors.ts';

/**
 * The exponential moving average of a model's weights, as InstructGPT takes it of its policies (appendix C.4; decay
 * 0.992). It starts as the weights are, and after each optimizer step becomes decay · average + (1 − decay) · weights.
 */
export class WeightAverage {
  readonly name = 'average';
  /** A model of the averaged weights. */
  readonly model: LanguageModel;
  readonly #source: LanguageModel;
  readonly #decay: number;
  #updates = 0;

  constructor(source: LanguageModel, decay: number) {
    this.#source = source;
    this.#decay = decay;
    this.model = source.clone();
  }

  /** Takes the weights of a finished optimizer step in. */
  update(): void {
    this.#updates += 1;
    for (const [name, average] of this.model.parameters) {
      const weights = this.#source.parameter(name);
      tf.tidy(() => average.assign(tf.add(tf.mul(average, this.#decay), tf.mul(weights, 1 - this.#decay))));
    }
  }

  /** The averages, for the run's state, and how many steps are in them. */
  async state(): Promise<{ steps: number; tensors: Map<string, StoredTensor> }> {
    const tensors = new Map<string, StoredTensor>();
    for (const [name, average] of this.model.parameters) {
      const data = Float32Array.from(await average.data());
      tensors.set(`${this.name}.${name}`, { shape: average.shape, data });
    }
    return { steps: this.#updates, tensors };
  }

  /** Goes on from a saved state. @throws TrainerError that names the tensor that is missing or has another size */
  restore(steps: number, tensors: ReadonlyMap<string, StoredTensor>): void {
    this.#updates = steps;
    for (const [name, average] of this.model.parameters) {
      const saved = tensors.get(`${this.name}.${name}`);
      if (saved?.data.length !== average.size) {
        throw new TrainerError(
          `The saved state holds ${saved?.data.length ?? 'no'} numbers for ${this.name}.${name}: expected ${average.size}.`,
        );
      }
      tf.tidy(() => average.assign(tf.tensor(saved.data, average.shape)));
    }
  }

  dispose(): void {
    this.model.dispose();
  }
}
