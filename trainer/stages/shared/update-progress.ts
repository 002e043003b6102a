import { z } from 'zod';

const count = z.int().nonnegative();

/** How far an iteration's update has come, and its sums so far; JSON, so that it can go on after an interruption. */
export const updateProgress = z.strictObject({
  /** Minibatches done. */
  minibatches: count,
  /** Optimizer steps of the policy, and sums over them. */
  policySteps: count,
  policyLoss: z.number(),
  gradientNorm: z.number(),
  ptxLoss: z.number(),
  /** Whether the approximate KL went beyond earlyStopKl: the policy takes no further step in this iteration. */
  stopped: z.boolean(),
  /** Optimizer steps of the value model, and sums over them. */
  valueSteps: count,
  valueLoss: z.number(),
  valueGradientNorm: z.number(),
  /** Values seen, one for each response token of each minibatch, and those beyond the clip. */
  valuesSeen: count,
  valuesClipped: count,
  ratios: z.strictObject({
    tokens: count,
    clipped: count,
    kl: z.number(),
    ratio: z.number(),
    ratioSquared: z.number(),
  }),
});

export type UpdateProgress = z.infer<typeof updateProgress>;

export function newProgress(): UpdateProgress {
  return {
    minibatches: 0,
    policySteps: 0,
    policyLoss: 0,
    gradientNorm: 0,
    ptxLoss: 0,
    stopped: false,
    valueSteps: 0,
    valueLoss: 0,
    valueGradientNorm: 0,
    valuesSeen: 0,
    valuesClipped: 0,
    ratios: { tokens: 0, clipped: 0, kl: 0, ratio: 0, ratioSquared: 0 },
  };
}

/** Which parts of PPO are switched on, for what is reported of them. */
interface ReportedParts {
  ptx: boolean;
  earlyStop: boolean;
}

/**
 * What an update did. As means over its minibatches, each before that minibatch's step: `policyLoss` (without the
 * pretraining term), `ptxLoss` (nats per pretraining token, before γ), `valueLoss` (before its coefficient),
 * `gradientNorm` (of all that moves the policy) and `valueGradientNorm`, both before clipping. Over all response tokens
 * seen: `approxKl` (old to new policy, k3), `clipFraction`, `ratioMean`, `ratioVariance`, `valueClipFraction`. With early
 * stopping `policySteps`, the steps that the policy took. Figures of the policy are absent while only the value model learns.
 */
export function measureUpdate(progress: UpdateProgress, parts: ReportedParts): Record<string, number> {
  const { ratios, policySteps, valueSteps } = progress;
  const values: Record<string, number> = {
    valueLoss: progress.valueLoss / valueSteps,
    valueGradientNorm: progress.valueGradientNorm / valueSteps,
    valueClipFraction: progress.valuesClipped / progress.valuesSeen,
  };
  if (policySteps === 0) return values;
  const ratioMean = ratios.ratio / ratios.tokens;
  return {
    ...values,
    policyLoss: progress.policyLoss / policySteps,
    ...(parts.ptx ? { ptxLoss: progress.ptxLoss / policySteps } : {}),
    gradientNorm: progress.gradientNorm / policySteps,
    approxKl: ratios.kl / ratios.tokens,
    clipFraction: ratios.clipped / ratios.tokens,
    ratioMean,
    ratioVariance: Math.max(0, ratios.ratioSquared / ratios.tokens - ratioMean ** 2),
    ...(parts.earlyStop ? { policySteps } : {}),
  };
}
