import { describe, expect, it } from 'vitest';
import { checkRotary, type RotaryScaling, rotaryFrequencies, rotaryTable } from './rotary-frequencies.ts';

const frequencies = (scaling: RotaryScaling | null, theta = 10_000, size = 8): number[] => [
  ...rotaryFrequencies({ theta, scaling }, size).perPosition,
];

const close = (a: number[], b: number[]): void => {
  expect(a).toHaveLength(b.length);
  for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i] ?? Number.NaN, 12);
};

describe('rotary frequencies', () => {
  it('are θ^(−2i/S), and with linear scaling those over the factor', () => {
    close(frequencies(null), [1, 0.1, 0.01, 0.001]);
    close(frequencies({ type: 'linear', factor: 4 }), [0.25, 0.025, 0.0025, 0.00025]);
  });

  it("are Llama 3.1's by hand: short wavelengths stay, long ones are divided, one between is mixed", () => {
    // A context of 8192 holds 8192 f / 2π turns: 1303.8, 130.38, 13.038, 1.3038 for f = 1, 0.1, 0.01, 0.001.
    const scaling = {
      type: 'llama3',
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalContext: 8192,
    } as const;
    // The last stays by (1.30379729380 − 1) / (4 − 1) = 0.10126576460: 0.001 (0.89873423540 / 8 + 0.10126576460).
    close(frequencies(scaling), [1, 0.1, 0.01, 0.000213607544025]);
    // One turn fewer than the low factor is divided whole: 0.1304 turns of f = 0.0001.
    close(frequencies(scaling, 1e8), [1, 0.01, 0.0001 / 8, 0.000001 / 8]);
  });

  it("are YaRN's by hand: a ramp over pairs, and queries and keys longer by 0.1 ln(factor) + 1", () => {
    const scaling = {
      type: 'yarn',
      factor: 4,
      originalContext: 4096,
      betaFast: 32,
      betaSlow: 1,
      attentionFactor: null,
      truncate: true,
    } as const;
    // Pair of 32 turns: 8 ln(4096 / 64π) / (2 ln 10000) = 1.309, down to 1; of one turn: 2.814, up to 3. The ramp at the
    // pairs 0 to 3 is 0, 0, 1/2, 1: f, f, (f / 4 + f) / 2, f / 4.
    close(frequencies(scaling), [1, 0.1, 0.00625, 0.00025]);
    expect(rotaryFrequencies({ theta: 10_000, scaling }, 8).magnitude).toBeCloseTo(1.1386294361, 9);
    const fixed = { ...scaling, attentionFactor: 1.5 };
    expect(rotaryFrequencies({ theta: 10_000, scaling: fixed }, 8).magnitude).toBe(1.5);
    // Not rounded, the ramp at pair 2 is (2 − 1.30871) / (2.81386 − 1.30871).
    const ramp = frequencies({ ...scaling, truncate: false })[2] ?? 0;
    const [low, high] = [32, 1].map((turns) => Math.log(4096 / (turns * 2 * Math.PI)) / Math.log(10));
    expect(ramp).toBeCloseTo(0.01 * (1 - (0.75 * (2 - (low ?? 0))) / ((high ?? 0) - (low ?? 0))), 12);
  });

  it('make a table of cosines, then sines, whose angles hold at the end of a context of 131,072', () => {
    const one = rotaryFrequencies({ theta: 500_000, scaling: null }, 4);
    const table = rotaryTable(one, 131_072);
    const last = [...table.subarray(-4)];
    const angles = [131_071, 131_071 / Math.sqrt(500_000)];
    const expected = [...angles.map(Math.cos), ...angles.map(Math.sin)];
    for (const [i, value] of last.entries()) expect(value).toBeCloseTo(expected[i] ?? 0, 6);
    expect([...table.subarray(0, 4)]).toEqual([1, 1, 0, 0]);
  });

  it('name what makes none: odd heads, theta, factors the wrong way round', () => {
    expect(() => checkRotary({ theta: 10_000, scaling: null }, 5)).toThrow(
      'A head of size 5 cannot be turned',
    );
    expect(() => checkRotary({ theta: 1, scaling: null }, 4)).toThrow('Rotary theta is 1');
    const scaling = {
      type: 'llama3',
      factor: 8,
      lowFrequencyFactor: 4,
      highFrequencyFactor: 4,
      originalContext: 8192,
    } as const;
    expect(() => checkRotary({ theta: 10_000, scaling }, 4)).toThrow('expected the high one to be larger');
  });
});
