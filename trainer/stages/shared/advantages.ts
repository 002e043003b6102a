/** Settings of generalized advantage estimation. */
export interface AdvantageSettings {
  gamma: number;
  lambda: number;
}

/**
 * Generalized advantage estimation (Schulman et al. 2015) of one episode, in float64:
 * δ_t = r_t + γ V_{t+1} − V_t, with V after the last token 0, and A_t = δ_t + γ λ A_{t+1}.
 *
 * @param rewards one per response token
 * @param values V_t, read before token t
 * @returns advantages, and returns A_t + V_t
 */
export function estimateAdvantages(
  rewards: ArrayLike<number>,
  values: ArrayLike<number>,
  { gamma, lambda }: AdvantageSettings,
): { advantages: Float64Array; returns: Float64Array } {
  const length = rewards.length;
  const advantages = new Float64Array(length);
  const returns = new Float64Array(length);
  let next = 0;
  let nextValue = 0;
  for (let t = length - 1; t >= 0; t--) {
    const value = values[t] ?? 0;
    const delta = (rewards[t] ?? 0) + gamma * nextValue - value;
    next = delta + gamma * lambda * next;
    advantages[t] = next;
    returns[t] = next + value;
    nextValue = value;
  }
  return { advantages, returns };
}

/** Mean and biased variance. */
export function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += ((values[i] ?? 0) - mean) ** 2;
  return { mean, variance: squares / values.length };
}

/**
 * (x − mean) / √(variance + 1e-8), with the biased variance (lm-human-preferences; "N implementation details").
 * The values are those of real tokens only.
 *
 * @param keepMean adds the mean again: for rewards, whose mean says something
 */
export function whiten(values: ArrayLike<number>, keepMean = false): Float64Array {
  const { mean, variance } = moments(values);
  const scale = 1 / Math.sqrt(variance + 1e-8);
  return Float64Array.from(values, (value) => (value - mean) * scale + (keepMean ? mean : 0));
}

/** Whitens values of several episodes together. */
export function whitenEach(parts: readonly Float64Array[], keepMean = false): Float64Array[] {
  const whitened = whiten(concatenate(parts), keepMean);
  let offset = 0;
  return parts.map((part) => {
    offset += part.length;
    return whitened.slice(offset - part.length, offset);
  });
}

/** The values of all parts, one after another. */
export function concatenate(parts: readonly ArrayLike<number>[]): Float64Array {
  const whole = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
