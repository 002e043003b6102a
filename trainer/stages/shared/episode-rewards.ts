import { TrainerError } from '../../errors.ts';
import { type AdvantageSettings, estimateAdvantages, whitenEach } from './advantages.ts';
import type { MeasuredEpisode } from './episodes.ts';

/** The part of PPO's config that makes rewards and advantages of what was measured. */
export interface RewardSettings extends AdvantageSettings {
  missingEndOfTextScore: number | null;
  missingEndOfTextPenalty: number;
  whitenRewards: boolean;
  whitenAdvantages: 'minibatch' | 'batch' | 'none';
}

/** One episode with everything that the update needs, per response token. */
export interface ScoredEpisode extends MeasuredEpisode {
  /** The reward model's score, normalised: gain · raw + bias. */
  score: number;
  /** The score that the episode is given: `score`, or what a missing end makes of it. */
  given: number;
  rewards: Float64Array;
  /** Whitened already where that is done over the whole batch. */
  advantages: Float64Array;
  returns: Float64Array;
}

/**
 * Rewards, advantages and returns of a rollout, in float64.
 *
 * @param normalization of the reward model: score = gain · raw + bias
 * @throws TrainerError when the reward model gave something else than a number
 */
export function scoreEpisodes(
  episodes: readonly MeasuredEpisode[],
  normalization: { gain: number; bias: number },
  beta: number,
  settings: RewardSettings,
): ScoredEpisode[] {
  const scores = episodes.map(({ rawScore }) => normalization.gain * rawScore + normalization.bias);
  const wrong = scores.findIndex((score) => !Number.isFinite(score));
  if (wrong >= 0) {
    throw new TrainerError(
      `The reward model scores completion ${wrong + 1} of ${episodes.length} as ${scores[wrong]}: expected a finite number.`,
    );
  }
  const given = episodes.map(({ finished }, i) => givenScore(scores[i] ?? 0, finished, settings));
  const plain = episodes.map(({ logProbs, referenceLogProbs }, i) =>
    tokenRewards(logProbs, referenceLogProbs, beta, given[i] ?? 0),
  );
  const rewards = settings.whitenRewards ? whitenEach(plain, true) : plain;
  const estimates = rewards.map((own, i) => estimateAdvantages(own, episodes[i]?.values ?? [], settings));
  const raw = estimates.map(({ advantages }) => advantages);
  const advantages = settings.whitenAdvantages === 'batch' ? whitenEach(raw) : raw;
  return episodes.map((episode, i) => ({
    ...episode,
    score: scores[i] ?? Number.NaN,
    given: given[i] ?? Number.NaN,
    rewards: rewards[i] ?? new Float64Array(),
    advantages: advantages[i] ?? new Float64Array(),
    returns: estimates[i]?.returns ?? new Float64Array(),
  }));
}

/** The score of an episode: a completion without an end gets a fixed one, or loses a penalty (LMHP, N+). */
export function givenScore(
  score: number,
  finished: boolean,
  settings: Pick<RewardSettings, 'missingEndOfTextScore' | 'missingEndOfTextPenalty'>,
): number {
  if (finished) return score;
  return settings.missingEndOfTextScore ?? score - settings.missingEndOfTextPenalty;
}

/**
 * reward_t = −β (log π_t − log π_ref,t), and the score at the last token: the end-of-text token where there is one (not
 * one later, as TRL has it).
 */
export function tokenRewards(
  logProbs: Float32Array,
  referenceLogProbs: Float32Array,
  beta: number,
  score: number,
): Float64Array {
  const rewards = Float64Array.from(
    logProbs,
    (logProb, t) => -beta * (logProb - (referenceLogProbs[t] ?? 0)),
  );
  const last = rewards.length - 1;
  rewards[last] = (rewards[last] ?? 0) + score;
  return rewards;
}
