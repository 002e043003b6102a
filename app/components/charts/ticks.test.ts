import { expect, it } from 'vitest';
import { niceTicks } from './ticks.ts';

it('covers the range in round steps', () => {
  expect(niceTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(niceTicks(0.31, 0.78, 5)).toEqual([0.3, 0.4, 0.5, 0.6, 0.7, 0.8]);
  expect(niceTicks(-3, 120, 4)).toEqual([-50, 0, 50, 100, 150]);
  expect(niceTicks(2, 2, 4).length).toBeGreaterThan(0);
});
