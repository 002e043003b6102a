import { describe, expect, it } from 'vitest';
import { ago, countWords, dateTime, duration, measure, percentWithin } from './format.ts';

describe('numbers as people read them', () => {
  it('names the wider arm of an interval', () => {
    expect(percentWithin({ mean: 0.72, low: 0.68, high: 0.75 })).toBe('72 % ± 4');
    expect(percentWithin({ mean: 0.5, low: 0.497, high: 0.503 })).toBe('50 % ± 0.3');
  });
  it('keeps three digits, whatever the size', () => {
    expect([0.000012, 0.0123456, 1.2345, 12345, 0, -2.34567].map(measure)).toEqual([
      '1.2e-5',
      '0.0123',
      '1.23',
      '12,345',
      '0',
      '-2.35',
    ]);
  });
  it('says lengths of time in two units', () => {
    expect([59.4, 60, 250, 7500, 266_400].map(duration)).toEqual([
      '59 s',
      '1 min',
      '4 min 10 s',
      '2 h 5 min',
      '3 d 2 h',
    ]);
  });
  it('says how long ago, and never in the future', () => {
    const now = Date.UTC(2026, 10, 24, 12);
    expect(ago(new Date(now - 42_000), now)).toBe('42 s ago');
    expect(ago(new Date(now + 9000), now)).toBe('just now');
    expect(dateTime(new Date(now))).toBe('2026-11-24 12:00');
  });
  it('counts words in any script that parts them', () => {
    expect(countWords('  one\ntwo\u00a0three — ')).toBe(4);
    expect(countWords('')).toBe(0);
  });
});
