import { TrainerError } from '../errors.ts';

/** How rotary frequencies are stretched so that a model reads further than it was first trained to. */
export type RotaryScaling =
  /** every frequency / factor: position interpolation (Chen et al. 2023) */
  | { type: 'linear'; factor: number }
  /** Llama 3.1: long wavelengths / factor, short ones as they are, a ramp between them */
  | {
      type: 'llama3';
      factor: number;
      lowFrequencyFactor: number;
      highFrequencyFactor: number;
      /** cells of the context before stretching */
      originalContext: number;
    }
  /** YaRN (Peng et al. 2023, section 3): as llama3, the ramp by turns within the context; queries and keys grow */
  | {
      type: 'yarn';
      factor: number;
      originalContext: number;
      /** turns within the context above which a frequency stays, 32; below which it is divided, 1 */
      betaFast: number;
      betaSlow: number;
      /** what queries and keys are multiplied by; 0.1 ln(factor) + 1 if null */
      attentionFactor: number | null;
      /** whether the ramp starts and ends at whole pairs */
      truncate: boolean;
    };

/** Rotary position embedding: base of the frequencies, and how they are stretched. */
export interface Rotary {
  theta: number;
  scaling: RotaryScaling | null;
}

/** Angles a position adds, radians, for each pair of a head; and what cosines and sines are multiplied by. */
export interface RotaryFrequencies {
  perPosition: Float64Array;
  magnitude: number;
}

/**
 * θ^(−2i / S) for the pairs i of a head of size S (Su et al. 2021, section 3.2.2), stretched as `scaling` says; the
 * formulas are those of transformers' modeling_rope_utils.
 */
export function rotaryFrequencies({ theta, scaling }: Rotary, headSize: number): RotaryFrequencies {
  const plain = Float64Array.from({ length: headSize / 2 }, (_, i) => theta ** ((-2 * i) / headSize));
  switch (scaling?.type) {
    case undefined:
      return { perPosition: plain, magnitude: 1 };
    case 'linear':
      return { perPosition: plain.map((frequency) => frequency / scaling.factor), magnitude: 1 };
    case 'llama3':
      return { perPosition: plain.map((frequency) => llama3(frequency, scaling)), magnitude: 1 };
    case 'yarn':
      return {
        perPosition: yarn(plain, theta, headSize, scaling),
        magnitude: scaling.attentionFactor ?? (scaling.factor <= 1 ? 1 : 0.1 * Math.log(scaling.factor) + 1),
      };
  }
}

/** The share of a frequency that stays is 1 at `highFrequencyFactor` turns within the context and 0 at the low one. */
function llama3(
  frequency: number,
  {
    factor,
    lowFrequencyFactor,
    highFrequencyFactor,
    originalContext,
  }: Extract<RotaryScaling, { type: 'llama3' }>,
): number {
  const turns = (originalContext * frequency) / (2 * Math.PI);
  if (turns > highFrequencyFactor) return frequency;
  if (turns < lowFrequencyFactor) return frequency / factor;
  const stays = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return ((1 - stays) * frequency) / factor + stays * frequency;
}

function yarn(
  plain: Float64Array,
  theta: number,
  headSize: number,
  { factor, originalContext, betaFast, betaSlow, truncate }: Extract<RotaryScaling, { type: 'yarn' }>,
): Float64Array {
  /** the pair, counted as a real number, that makes so many turns within the context */
  const pairOf = (turns: number): number =>
    (headSize * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const round = (up: boolean, pair: number): number =>
    truncate ? (up ? Math.ceil(pair) : Math.floor(pair)) : pair;
  const low = Math.max(round(false, pairOf(betaFast)), 0);
  const high = Math.min(round(true, pairOf(betaSlow)), headSize - 1);
  const width = high === low ? 0.001 : high - low;
  return plain.map((frequency, i) => {
    const ramp = Math.min(Math.max((i - low) / width, 0), 1);
    return (frequency / factor) * ramp + frequency * (1 - ramp);
  });
}

/** @throws TrainerError when the numbers of a scaling make no frequency */
export function checkRotary({ theta, scaling }: Rotary, headSize: number): void {
  if (headSize % 2 !== 0) {
    throw new TrainerError(
      `A head of size ${headSize} cannot be turned in pairs: rotary positions need an even one.`,
    );
  }
  if (!(theta > 1)) throw new TrainerError(`Rotary theta is ${theta}: expected a number above 1.`);
  if (scaling?.type === 'llama3' && !(scaling.highFrequencyFactor > scaling.lowFrequencyFactor)) {
    throw new TrainerError(
      `Rotary scaling has a high frequency factor of ${scaling.highFrequencyFactor} and a low one of ${scaling.lowFrequencyFactor}: expected the high one to be larger.`,
    );
  }
}

/**
 * Cosines, then sines, of the angles by which the positions [0, count) turn a head's pairs, float32 [count, S]. In
 * float64 up to the rounding, so that long contexts keep their angles.
 */
export function rotaryTable({ perPosition, magnitude }: RotaryFrequencies, count: number): Float32Array {
  const pairs = perPosition.length;
  const table = new Float32Array(count * 2 * pairs);
  for (let position = 0; position < count; position++) {
    for (let i = 0; i < pairs; i++) {
      const angle = position * (perPosition[i] ?? 0);
      table[position * 2 * pairs + i] = magnitude * Math.cos(angle);
      table[(position * 2 + 1) * pairs + i] = magnitude * Math.sin(angle);
    }
  }
  return table;
}
