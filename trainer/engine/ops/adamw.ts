import { TrainerError } from '../../errors.ts';
import { type NativeBackend, nativeBackend } from '../native/backend.ts';
import { tf } from '../tf.ts';

export interface AdamWOptions {
  /** decay of the mean of gradients */
  beta1?: number | undefined;
  /** decay of the mean of their squares */
  beta2?: number | undefined;
  /** keeps the division finite */
  epsilon?: number | undefined;
  /** fraction of a parameter taken off in a step, times the learning rate */
  weightDecay?: number | undefined;
  /** which parameters decay, by name; all if left out */
  decay?: ((name: string) => boolean) | undefined;
  /**
   * where epsilon is added: 'pytorch' after the second moment's bias correction (Kingma and Ba 2015, algorithm 1),
   * 'tensorflow' before it (their "epsilon hat"), which openai/lm-human-preferences trained with
   */
  epsilonForm?: 'pytorch' | 'tensorflow' | undefined;
}

/** What a checkpoint keeps of an optimizer. */
export interface AdamWState {
  /** steps taken */
  step: number;
  /** for each parameter the running means of its gradient and of the gradient's square */
  moments: Map<string, { first: Float32Array; second: Float32Array }>;
}

/** The numbers of one step, the same for every parameter. */
export interface AdamWStep {
  learningRate: number;
  beta1: number;
  beta2: number;
  /** 1 - beta1^step */
  correction1: number;
  /** 1 - beta2^step */
  correction2: number;
  /** as added to √(second / correction2) */
  epsilon: number;
}

interface Moments {
  first: tf.Tensor;
  second: tf.Tensor;
}

/** What a step means for one parameter, in tfjs ops. */
export function adamWComposition(
  variable: tf.Variable,
  gradient: tf.Tensor,
  moments: Moments,
  step: AdamWStep,
  weightDecay: number,
): Moments {
  return tf.tidy(() => {
    const first = moments.first.mul(step.beta1).add(gradient.mul(1 - step.beta1));
    const second = moments.second.mul(step.beta2).add(gradient.square().mul(1 - step.beta2));
    const scale = second.div(step.correction2).sqrt().add(step.epsilon);
    const update = first.div(step.correction1).div(scale).mul(step.learningRate);
    variable.assign(variable.mul(1 - step.learningRate * weightDecay).sub(update));
    return { first, second };
  });
}

/** What a device's own kernel named "AdamW" is told beside x, gradient, first and second; it gives x, first, second. */
export interface AdamWKernelAttributes extends AdamWStep {
  weightDecay: number;
}

/** The same step by the device's own kernel. */
function adamWKernel(
  variable: tf.Variable,
  gradient: tf.Tensor,
  { first, second }: Moments,
  step: AdamWStep,
  weightDecay: number,
): Moments {
  const inputs = { x: variable, gradient, first, second };
  const attributes: AdamWKernelAttributes = { ...step, weightDecay };
  const outputs: tf.Tensor[] = tf.engine().runKernel('AdamW', inputs, { ...attributes });
  const [x, nextFirst, nextSecond] = outputs;
  if (!x || !nextFirst || !nextSecond) throw new Error('The kernel AdamW gave fewer than three tensors.');
  variable.assign(x);
  x.dispose();
  return { first: nextFirst, second: nextSecond };
}

/** The same step by the compiled kernel, in place. */
function adamWNative(
  native: NativeBackend,
  variable: tf.Variable,
  gradient: tf.Tensor,
  moments: Moments,
  step: AdamWStep,
  weightDecay: number,
): void {
  native.addon.adamw(
    variable.size,
    native.writable(variable),
    native.floats(gradient),
    native.writable(moments.first),
    native.writable(moments.second),
    step.learningRate,
    step.beta1,
    step.beta2,
    step.correction1,
    step.correction2,
    step.epsilon,
    weightDecay,
  );
}

/** The Euclidean norm of all gradients together. */
export async function globalNorm(gradients: ReadonlyMap<string, tf.Tensor>): Promise<number> {
  if (gradients.size === 0) return 0;
  const native = nativeBackend();
  if (native) {
    let sum = 0;
    for (const gradient of gradients.values()) {
      sum += native.addon.sumOfSquares(gradient.size, native.floats(gradient));
    }
    return Math.sqrt(sum);
  }
  const total = tf.tidy(() => {
    let sum: tf.Tensor = tf.scalar(0);
    for (const gradient of gradients.values()) sum = sum.add(gradient.square().sum());
    return sum;
  });
  const squared = (await total.data())[0] ?? Number.NaN;
  total.dispose();
  return Math.sqrt(squared);
}

/**
 * Scales all gradients so that their norm together is at most `maxNorm` (Pascanu et al. 2013), in place.
 * @param maxNorm above 0; Infinity clips nothing
 * @returns the norm before clipping
 */
export async function clipByGlobalNorm(gradients: Map<string, tf.Tensor>, maxNorm: number): Promise<number> {
  if (!(maxNorm > 0)) throw new TrainerError(`The gradient norm to clip at is ${maxNorm}: expected above 0.`);
  const norm = await globalNorm(gradients);
  if (norm > maxNorm) {
    const native = nativeBackend();
    for (const [name, gradient] of gradients) {
      if (native?.scaleInPlace(gradient, maxNorm / norm)) continue;
      gradients.set(name, gradient.mul(maxNorm / norm));
      gradient.dispose();
    }
  }
  return norm;
}

/** AdamW: Adam with the weight decay apart from the gradient (Loshchilov and Hutter 2019). */
export class AdamW {
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;
  private readonly weightDecay: number;
  private readonly decays: (name: string) => boolean;
  private readonly epsilonForm: 'pytorch' | 'tensorflow';
  private readonly moments = new Map<string, Moments>();
  private steps = 0;

  constructor(options: AdamWOptions = {}) {
    this.beta1 = options.beta1 ?? 0.9;
    this.beta2 = options.beta2 ?? 0.999;
    this.epsilon = options.epsilon ?? 1e-8;
    this.weightDecay = options.weightDecay ?? 0;
    this.decays = options.decay ?? (() => true);
    this.epsilonForm = options.epsilonForm ?? 'pytorch';
  }

  /** Steps taken so far. */
  get stepCount(): number {
    return this.steps;
  }

  /**
   * Moves every parameter that has a gradient; a parameter without one is left alone, its decay included.
   * @param gradients under the same names; they are read, not disposed
   * @throws TrainerError when a gradient has no parameter or another shape
   */
  step(
    parameters: ReadonlyMap<string, tf.Variable>,
    gradients: ReadonlyMap<string, tf.Tensor>,
    learningRate: number,
  ): void {
    this.steps++;
    const correction2 = 1 - this.beta2 ** this.steps;
    const step: AdamWStep = {
      learningRate,
      beta1: this.beta1,
      beta2: this.beta2,
      correction1: 1 - this.beta1 ** this.steps,
      correction2,
      epsilon: this.epsilonForm === 'tensorflow' ? this.epsilon / Math.sqrt(correction2) : this.epsilon,
    };
    const native = nativeBackend();
    const compose = tf.getKernel('AdamW', tf.getBackend()) ? adamWKernel : adamWComposition;
    for (const [name, gradient] of gradients) {
      const variable = parameters.get(name);
      if (!variable)
        throw new TrainerError(`AdamW: there is a gradient for "${name}" but no such parameter.`);
      if (!tf.util.arraysEqual(variable.shape, gradient.shape)) {
        throw new TrainerError(
          `AdamW: the gradient of "${name}" has shape [${gradient.shape}], the parameter [${variable.shape}].`,
        );
      }
      const held = this.moments.get(name) ?? this.createMoments(name, variable.shape);
      const weightDecay = this.decays(name) ? this.weightDecay : 0;
      if (native) {
        adamWNative(native, variable, gradient, held, step, weightDecay);
        continue;
      }
      const next = compose(variable, gradient, held, step, weightDecay);
      held.first.dispose();
      held.second.dispose();
      this.moments.set(name, { first: tf.keep(next.first), second: tf.keep(next.second) });
    }
  }

  /** A copy of the state, for a checkpoint. */
  async state(): Promise<AdamWState> {
    const moments: AdamWState['moments'] = new Map();
    for (const [name, { first, second }] of this.moments) {
      moments.set(name, {
        first: (await first.data<'float32'>()).slice(),
        second: (await second.data<'float32'>()).slice(),
      });
    }
    return { step: this.steps, moments };
  }

  /**
   * Continues from a saved state.
   * @param parameters give the shapes of the moments
   * @throws TrainerError that names the parameter whose moments do not fit
   */
  restore(state: AdamWState, parameters: ReadonlyMap<string, tf.Variable>): void {
    for (const [name, { first, second }] of state.moments) {
      const size = parameters.get(name)?.size;
      if (size !== first.length || size !== second.length) {
        throw new TrainerError(
          `The optimizer's state holds ${first.length} numbers for "${name}": expected ${size ?? 'no such parameter'}.`,
        );
      }
    }
    this.dispose();
    this.steps = state.step;
    for (const [name, { first, second }] of state.moments) {
      const shape = parameters.get(name)?.shape ?? [];
      this.moments.set(name, {
        first: tf.keep(tf.tensor(first.slice(), shape)),
        second: tf.keep(tf.tensor(second.slice(), shape)),
      });
    }
  }

  dispose(): void {
    for (const { first, second } of this.moments.values()) {
      first.dispose();
      second.dispose();
    }
    this.moments.clear();
    this.steps = 0;
  }

  private createMoments(name: string, shape: number[]): Moments {
    const moments = { first: tf.keep(tf.zeros(shape)), second: tf.keep(tf.zeros(shape)) };
    this.moments.set(name, moments);
    return moments;
  }
}
