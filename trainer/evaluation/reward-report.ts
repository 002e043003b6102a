import { z } from 'zod';
import { calibrate } from './calibration.ts';
import type { LabelerAgreement } from './labeler-agreement.ts';
import { accuracyInterval, groupByPrompt, pairDifferences, type ScoredRanking } from './pair-accuracy.ts';

/** A rate from 0 to 1 with its 95 % interval, bootstrapped over prompts. */
const rate = z.strictObject({ mean: z.number(), low: z.number(), high: z.number() });

const accuracy = z.strictObject({
  accuracy: rate,
  pairs: z.int().describe('Ordered pairs behind it.'),
  rankings: z.int(),
  prompts: z.int(),
});

/**
 * `reward-report.json` in the folder of a reward run: how the finished model does on held-out prompts. Tables that do not
 * fit among a run's metrics, which are single numbers.
 */
export const rewardReportSchema = z.strictObject({
  version: z.literal(1),
  heldOut: accuracy
    .nullable()
    .describe('On held-out prompts, by labelers who were learned from; null when none are held out.'),
  heldOutLabelers: accuracy
    .nullable()
    .describe('On held-out prompts, by labelers of whom no ranking was learned from.'),
  labelerAgreement: z
    .strictObject({ rate, pairs: z.int(), tied: z.int() })
    .nullable()
    .describe('How often two people order the same two texts alike; null when no pair was ordered twice.'),
  byLabeler: z
    .array(accuracy.extend({ labeler: z.string().nullable(), heldOut: z.boolean() }))
    .describe('On held-out prompts, most pairs first; null is a ranking that names nobody.'),
  byStrength: z
    .array(accuracy.extend({ strength: z.number().nullable() }))
    .describe('By how much better people found it: 1 (negligibly) to 4 (significantly), null not asked.'),
  calibration: z
    .strictObject({
      bins: z.array(
        z.strictObject({
          from: z.number(),
          to: z.number(),
          pairs: z.int(),
          predicted: z.number().nullable(),
          observed: z.number().nullable(),
        }),
      ),
      expectedCalibrationError: z.number(),
      brier: z.number(),
    })
    .nullable()
    .describe('Predicted σ(|Δ|) of the raw scores against the share of pairs that people order that way.'),
});

export type RewardReport = z.output<typeof rewardReportSchema>;

/** A held-out ranking with the raw scores that the model gives. */
export interface JudgedRanking extends ScoredRanking {
  /** of each pair; null where nobody said */
  strengths: readonly (number | null)[];
  labeler?: string | undefined;
}

/** Puts together what is known of a reward model from held-out rankings. */
export function rewardReport(
  heldOut: readonly JudgedRanking[],
  byHeldOutLabelers: readonly JudgedRanking[],
  labelerAgreement: LabelerAgreement | null,
  { seed }: { seed: number },
): RewardReport {
  const measure = (rankings: readonly JudgedRanking[]): z.output<typeof accuracy> => ({
    accuracy: accuracyInterval(rankings, { seed }),
    pairs: rankings.reduce((sum, { pairs }) => sum + pairs.length, 0),
    rankings: rankings.length,
    prompts: groupByPrompt(rankings).length,
  });
  const all = [
    ...heldOut.map((ranking) => ({ ...ranking, heldOut: false })),
    ...byHeldOutLabelers.map((ranking) => ({ ...ranking, heldOut: true })),
  ];
  const labelers = [...new Set(all.map(({ labeler }) => labeler))];
  const byLabeler = labelers.map((labeler) => {
    const own = all.filter((ranking) => ranking.labeler === labeler);
    return { labeler: labeler ?? null, heldOut: own.some((ranking) => ranking.heldOut), ...measure(own) };
  });
  const strengths = [...new Set(heldOut.flatMap((ranking) => ranking.strengths))];
  return {
    version: 1,
    heldOut: heldOut.length > 0 ? measure(heldOut) : null,
    heldOutLabelers: byHeldOutLabelers.length > 0 ? measure(byHeldOutLabelers) : null,
    labelerAgreement,
    byLabeler: byLabeler.sort((a, b) => b.pairs - a.pairs),
    byStrength: strengths
      .sort((a, b) => (a ?? 0) - (b ?? 0))
      .map((strength) => ({ strength, ...measure(ofStrength(heldOut, strength)) })),
    calibration: heldOut.length > 0 ? calibrate(heldOut.flatMap(pairDifferences)) : null,
  };
}

/** The rankings with the pairs of one strength only. */
function ofStrength(rankings: readonly JudgedRanking[], strength: number | null): JudgedRanking[] {
  return rankings
    .map((ranking) => ({
      ...ranking,
      pairs: ranking.pairs.filter((_, i) => (ranking.strengths[i] ?? null) === strength),
    }))
    .filter(({ pairs }) => pairs.length > 0);
}
