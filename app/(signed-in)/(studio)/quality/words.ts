/** `0.48 to 0.56`, or why there is no interval. */
export function alphaText(alpha: { interval: { low: number; high: number } | null }): string {
  if (!alpha.interval) return 'too few prompts for an interval';
  return `${alpha.interval.low.toFixed(2)} to ${alpha.interval.high.toFixed(2)}`;
}

/** A probability as papers write it. */
export function pText(p: number | null): string {
  if (p === null) return 'too few rankings to test';
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(p < 0.1 ? 3 : 2)}`;
}

export const STANDING_NAMES = {
  good: 'in good standing',
  warned: 'warned',
  paused: 'paused',
  revoked: 'revoked',
} as const;
