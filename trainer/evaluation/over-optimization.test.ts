import { describe, expect, it } from 'vitest';
import { Random } from '../engine/random.ts';
import { bestOfNKl, bestOfNValues, fitGoldReward, goldAt } from './over-optimization.ts';

const distances = [0, 0.5, 1, 2, 3, 5, 7, 9];

describe('gold reward over √KL (Gao et al. 2022)', () => {
  it.each(['rl', 'best-of-n'] as const)(
    'recovers known α and β of the form %s, exactly and under noise',
    (form) => {
      const known = { form, alpha: 0.9, beta: form === 'rl' ? 0.35 : 0.06 };
      const exact = distances.map((distance) => ({ distance, gold: goldAt(known, distance) }));
      const fit = fitGoldReward(exact, form);
      expect(fit.alpha).toBeCloseTo(known.alpha, 10);
      expect(fit.beta).toBeCloseTo(known.beta, 10);
      expect(fit.r2).toBeCloseTo(1, 10);

      const random = new Random(4);
      const noisy = Array.from({ length: 400 }, () => {
        const distance = 0.2 + 9 * random.next();
        return { distance, gold: goldAt(known, distance) + 0.1 * random.normal() };
      });
      const found = fitGoldReward(noisy, form);
      expect(Math.abs(found.alpha - known.alpha)).toBeLessThan(0.02);
      expect(Math.abs(found.beta - known.beta)).toBeLessThan(0.01);
      expect(found.r2).toBeGreaterThan(0.9);
      expect(found.r2).toBeLessThan(1);
    },
  );

  it('has its peak where the slope is 0: e^(α/β − 1) for RL, α/2β for best-of-n', () => {
    const at = (form: 'rl' | 'best-of-n', alpha: number, beta: number) =>
      fitGoldReward(
        distances.map((distance) => ({ distance, gold: goldAt({ form, alpha, beta }, distance) })),
        form,
      ).peak;
    expect(at('best-of-n', 0.8, 0.1)).toMatchObject({
      distance: expect.closeTo(4, 8),
      gold: expect.closeTo(1.6, 8),
    });
    expect(at('rl', 0.8, 0.4)).toMatchObject({
      distance: expect.closeTo(Math.E, 8),
      kl: expect.closeTo(Math.E ** 2, 7),
      gold: expect.closeTo(0.4 * Math.E, 8),
    });
    expect(at('best-of-n', 0.8, -0.1)).toBeNull();
  });

  it('asks for three points at different distances', () => {
    expect(() => fitGoldReward([{ distance: 1, gold: 1 }], 'rl')).toThrow('at least 3 policies');
    const same = Array.from({ length: 4 }, () => ({ distance: 2, gold: 1 }));
    expect(() => fitGoldReward(same, 'rl')).toThrow('equally far');
  });
});

describe('best of n', () => {
  it('is the mean over all subsets, chosen by the proxy, for every k', () => {
    const proxy = [0.3, -1, 2, 0.7, 0.1];
    const gold = [5, 1, -2, 3, 4];
    const subsets = (k: number): number[][] =>
      Array.from({ length: 2 ** 5 }, (_, bits) => [0, 1, 2, 3, 4].filter((i) => (bits >> i) & 1)).filter(
        (subset) => subset.length === k,
      );
    for (const values of [proxy, gold]) {
      const plain = [1, 2, 3, 4, 5].map((k) => {
        const best = subsets(k).map((subset) =>
          subset.reduce((a, b) => ((proxy[b] ?? 0) > (proxy[a] ?? 0) ? b : a)),
        );
        return best.reduce((sum, i) => sum + (values[i] ?? 0), 0) / best.length;
      });
      for (const [k, value] of bestOfNValues(proxy, values).entries())
        expect(value).toBeCloseTo(plain[k] ?? 0, 12);
    }
    expect(bestOfNKl(1)).toBe(0);
    expect(bestOfNKl(4)).toBeCloseTo(Math.log(4) - 0.75, 12);
  });
});
