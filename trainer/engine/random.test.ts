import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

const draws = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.next());

describe('Random', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    expect(draws(new Random(5), 20)).toEqual(draws(new Random(5), 20));
    expect(draws(new Random(5), 20)).not.toEqual(draws(new Random(6), 20));
    expect(draws(new Random(5), 3)).not.toEqual(draws(new Random(5 + 2 ** 32), 3));
  });

  it('is xoshiro128**: the first numbers of the state 1, 2, 3, 4 are those of its definition', () => {
    const random = new Random(0);
    random.restore([1, 2, 3, 4]);
    // By hand: rotl(2·5, 7)·9 = 11520; the next state has b = 1^2^3 = 0, so 0; then b = 7 ^ 512's words.
    expect([random.bits(), random.bits()]).toEqual([11520, 0]);
    expect(random.state()).not.toEqual([1, 2, 3, 4]);
  });

  it('continues from a saved state', () => {
    const random = new Random(9);
    draws(random, 7);
    const state = random.state();
    const ahead = draws(random, 10);
    const other = new Random(1);
    other.restore(state);
    expect(draws(other, 10)).toEqual(ahead);
    expect(() => other.restore([0, 0, 0, 0])).toThrow(/not all zero/);
  });

  it('is uniform: mean, variance and the counts of 16 bins', () => {
    const values = draws(new Random(3), 32_000);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / values.length));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
    const bins = new Array<number>(16).fill(0);
    for (const x of values) bins[Math.floor(x * 16)] = (bins[Math.floor(x * 16)] ?? 0) + 1;
    const chiSquare = bins.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(37.7); // the 99.9 % quantile for 15 degrees of freedom
  });

  it('draws standard normals', () => {
    const random = new Random(4);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const moment = (power: number): number => values.reduce((sum, x) => sum + x ** power, 0) / values.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.03);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.04);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.3);
  });

  it('draws integers below the bound only, and refuses other bounds', () => {
    const random = new Random(2);
    const seen = new Set(Array.from({ length: 200 }, () => random.integer(3)));
    expect([...seen].sort()).toEqual([0, 1, 2]);
    expect(() => random.integer(0)).toThrow(/positive integer/);
    expect(() => random.integer(2.5)).toThrow(/positive integer/);
  });

  it('shuffles in place: every order of three about equally often', () => {
    const random = new Random(8);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = random.shuffle([1, 2, 3]).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130);
  });

  it('forks without moving, by label', () => {
    const random = new Random(11);
    const state = random.state();
    const a = draws(random.fork('a'), 5);
    expect(random.state()).toEqual(state);
    expect(draws(random.fork('a'), 5)).toEqual(a);
    expect(draws(random.fork('b'), 5)).not.toEqual(a);
    expect(draws(random, 5)).not.toEqual(a);
    // Neighbouring labels are unrelated: their first numbers are uniform, and each says nothing of the next.
    const firsts = Array.from({ length: 8000 }, (_, i) => random.fork(i).next() - 0.5);
    const mean = (values: number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
    expect(Math.abs(mean(firsts))).toBeLessThan(0.013);
    expect(Math.abs(mean(firsts.slice(1).map((x, i) => x * (firsts[i] ?? 0))))).toBeLessThan(0.004);
  });
});
