import { createHash } from 'node:crypto';
import type { ProjectSettings, ReviewFinding, ReviewReason } from '@/db/schema.ts';
import { pairAgreement } from './pair-agreement.ts';

type ReviewSettings = ProjectSettings['review'];

/** A task that has its labels, as far as the question goes whether they need review. */
export interface LabelledTask {
  id: string;
  /** The orders that its labelers gave, best first; empty for a demonstration. */
  rankings: string[][][];
  /** Scores of its completions by the reward model that scored the most of them, in its normalised units. */
  rewards: Map<string, number>;
}

/** Whether a project puts anything in review by itself. */
export function reviewsAnything({ agreementBelow, rewardMargin, sampled }: ReviewSettings): boolean {
  return agreementBelow !== null || rewardMargin !== null || sampled > 0;
}

/** Why the labels of a task need review: the first reason that applies, with its number; null when none does. */
export function whyReview(
  task: LabelledTask,
  settings: ReviewSettings,
): { reason: ReviewReason; finding: ReviewFinding | null } | null {
  const agreement = meanAgreement(task.rankings);
  if (settings.agreementBelow !== null && agreement && agreement.agreement < settings.agreementBelow) {
    return { reason: 'low_agreement', finding: agreement };
  }
  const contradiction = strongestContradiction(task);
  if (settings.rewardMargin !== null && contradiction && contradiction.margin > settings.rewardMargin) {
    return { reason: 'reward_disagreement', finding: contradiction };
  }
  return isSampled(task.id, settings.sampled) ? { reason: 'sampled', finding: null } : null;
}

/** On which share of the pairs of completions rankings agree, over every two of them; pairs that either ties are not counted. */
function meanAgreement(orders: string[][][]): { agreement: number; pairs: number } | null {
  let pairs = 0;
  let agreed = 0;
  for (const [index, first] of orders.entries()) {
    for (const second of orders.slice(index + 1)) {
      const counted = pairAgreement(first, second);
      pairs += counted.pairs;
      agreed += counted.agreed;
    }
  }
  return pairs === 0 ? null : { agreement: agreed / pairs, pairs };
}

/** The pair that a labeler put in an order and that the reward model puts in the opposite one by the most. */
function strongestContradiction({ rankings, rewards }: LabelledTask) {
  let strongest: { margin: number; preferred: string; over: string } | null = null;
  for (const groups of rankings) {
    for (const [rank, group] of groups.entries()) {
      for (const over of group) {
        for (const preferred of groups.slice(rank + 1).flat()) {
          const [high, low] = [rewards.get(preferred), rewards.get(over)];
          if (high === undefined || low === undefined || high <= low) continue;
          const margin = high - low;
          if (strongest === null || margin > strongest.margin) strongest = { margin, preferred, over };
        }
      }
    }
  }
  return strongest;
}

/** Whether a task is in a sample of a share: fixed by its id, and a larger share holds every smaller one. */
function isSampled(taskId: string, share: number): boolean {
  return createHash('sha256').update(taskId).digest().readUInt32BE(0) / 2 ** 32 < share;
}
