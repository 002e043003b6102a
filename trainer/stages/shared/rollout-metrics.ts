import { concatenate, moments } from './advantages.ts';
import type { ScoredEpisode } from './episode-rewards.ts';

/**
 * What a rollout shows, before the update, over response tokens only: `rewardMean` and `rewardStd` (normalised
 * reward-model score of an episode), `scoreMean` (the same after the rule for missing ends), `klToReference` (k1: Σ log π −
 * log π_ref of an episode, mean) and `klToReferenceK3` (Σ exp(−d) − 1 + d with d = log π − log π_ref; never negative;
 * Schulman 2020), `entropy` (nats per token), `totalReward` (score and KL of an episode), `returnMean`, `valueMean`,
 * `explainedVariance` (1 − var(return − value) / var(return); 0 where all returns are equal), `eotRate` (share of episodes
 * that ended), `responseLength` (tokens).
 */
export function measureRollout(episodes: readonly ScoredEpisode[]) {
  let klToReference = 0;
  let klToReferenceK3 = 0;
  let totalReward = 0;
  let tokens = 0;
  for (const { logProbs, referenceLogProbs, rewards } of episodes) {
    tokens += logProbs.length;
    for (let t = 0; t < logProbs.length; t++) {
      const difference = (logProbs[t] ?? 0) - (referenceLogProbs[t] ?? 0);
      klToReference += difference;
      klToReferenceK3 += Math.expm1(-difference) + difference;
      totalReward += rewards[t] ?? 0;
    }
  }
  const count = episodes.length;
  const score = moments(episodes.map((episode) => episode.score));
  const returns = concatenate(episodes.map((episode) => episode.returns));
  const values = concatenate(episodes.map((episode) => episode.values));
  const errors = returns.map((value, i) => value - (values[i] ?? 0));
  const spread = moments(returns).variance;
  return {
    rewardMean: score.mean,
    rewardStd: Math.sqrt(score.variance),
    scoreMean: moments(episodes.map((episode) => episode.given)).mean,
    klToReference: klToReference / count,
    klToReferenceK3: klToReferenceK3 / count,
    entropy: moments(concatenate(episodes.map((episode) => episode.entropies))).mean,
    totalReward: totalReward / count,
    returnMean: moments(returns).mean,
    valueMean: moments(values).mean,
    explainedVariance: spread > 0 ? 1 - moments(errors).variance / spread : 0,
    eotRate: episodes.filter((episode) => episode.finished).length / count,
    responseLength: tokens / count,
  };
}

/** One iteration's figures of a rollout. */
export type RolloutMetrics = ReturnType<typeof measureRollout>;
