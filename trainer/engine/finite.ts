/** The place of the first NaN or infinity, or -1. */
export function firstNotFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    // Infinity − Infinity and NaN − NaN are NaN.
    if (value - value !== 0) return i;
  }
  return -1;
}
