/** Settings of the KL coefficient. */
export interface KlSettings {
  betaMode: 'fixed' | 'adaptive';
  klTarget: number;
  klHorizon: number;
}

/**
 * The next β: as it is when fixed, otherwise β (1 + clip(KL / target − 1, ±0.2) n / horizon) (lm-human-preferences).
 *
 * @param kl mean KL to the reference of an episode, in nats
 * @param episodes n, how many episodes that mean is over
 */
export function nextBeta(beta: number, kl: number, episodes: number, settings: KlSettings): number {
  if (settings.betaMode === 'fixed') return beta;
  const error = Math.min(0.2, Math.max(-0.2, kl / settings.klTarget - 1));
  return beta * (1 + (error * episodes) / settings.klHorizon);
}
