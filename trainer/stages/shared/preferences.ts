import { type Comparison, type EncodedComparisons, encodeComparisons } from '../../data/comparisons.ts';
import { type Ranking, readRankings } from '../../data/json-lines.ts';
import { TrainerError } from '../../errors.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { seedFor } from './seeds.ts';
import { splitByPrompt } from './splits.ts';

/** The part of a config that says which rankings to learn from and which to measure on. */
export interface PreferenceSettings {
  rankings: string;
  validation: string | null;
  validationFraction: number;
  /** Share of labelers who are not learned from; 0 if left out. */
  heldOutLabelerFraction?: number;
}

export interface Preferences {
  training: Comparison[];
  /** On held-out prompts, by labelers who are learned from (or by nobody named). */
  heldOut: Comparison[];
  /** On held-out prompts, by labelers who are not. */
  byHeldOutLabelers: Comparison[];
  /** Every ranking as it was read. */
  read: Ranking[];
  /** What was cut or left out, in sentences. */
  notes: string[];
}

/**
 * Reads rankings and splits them by prompt, and by labeler where some are held out.
 * @param context the most tokens of prompt, response and end-of-text together
 * @throws TrainerError that names file, line and field, or says why nothing is left to train on
 */
export function loadPreferences(
  { rankings, validation, validationFraction, heldOutLabelerFraction = 0 }: PreferenceSettings,
  tokenizer: Tokenizer,
  context: number,
): Preferences {
  const all = [...readRankings(rankings)];
  const split =
    validation === null
      ? splitByPrompt(all, validationFraction)
      : { training: all, heldOut: [...readRankings(validation)] };
  const isHeldOut = ({ labeler }: Ranking): boolean =>
    labeler !== undefined && seedFor(0, `labeler ${labeler}`) / 2 ** 32 < heldOutLabelerFraction;
  const encode = (side: Ranking[]): EncodedComparisons => encodeComparisons(side, tokenizer, context);
  const training = encode(split.training.filter((ranking) => !isHeldOut(ranking)));
  const heldOut = encode(split.heldOut.filter((ranking) => !isHeldOut(ranking)));
  const others = encode(split.heldOut.filter(isHeldOut));
  const unused = split.training.filter(isHeldOut).length;
  if (training.comparisons.length === 0) {
    const byOthers = unused > 0 ? `, ${unused} by held-out labelers` : '';
    const dropped = training.firstDropped
      ? `, ${training.lengths.dropped} completions that alone fill the context of ${context} tokens (the first: ${training.firstDropped})`
      : '';
    throw new TrainerError(
      `${rankings} has no ranking to train on: ${all.length} lines, ${split.heldOut.length} held out, ${training.withoutPairs} without a pair that is not tied${byOthers}${dropped}.`,
    );
  }
  return {
    training: training.comparisons,
    heldOut: heldOut.comparisons,
    byHeldOutLabelers: others.comparisons,
    read: validation === null ? all : [...split.training, ...split.heldOut],
    notes: describe(training, heldOut, others, unused),
  };
}

function describe(
  training: EncodedComparisons,
  heldOut: EncodedComparisons,
  others: EncodedComparisons,
  unused: number,
): string[] {
  const sides = [training, heldOut, others];
  const sum = (count: (side: EncodedComparisons) => number): number =>
    sides.reduce((total, side) => total + count(side), 0);
  const first = (place: (side: EncodedComparisons) => string | undefined): string => {
    const found = sides.map(place).find((where) => where !== undefined);
    return found === undefined ? '' : ` (the first: ${found})`;
  };
  const withoutPairs = sum((side) => side.withoutPairs);
  const dropped = sum((side) => side.lengths.dropped);
  const truncated = sum((side) => side.lengths.truncatedPrompts);
  const notes = [
    `${training.comparisons.length} rankings to train on, ${heldOut.comparisons.length} held out.`,
  ];
  if (unused + others.comparisons.length > 0) {
    notes.push(
      `${unused} rankings by held-out labelers are not learned from; ${others.comparisons.length} of theirs on held-out prompts are measured on.`,
    );
  }
  if (withoutPairs > 0) {
    notes.push(
      `${withoutPairs} rankings were left out: they order nothing (all tied, or too few completions that fit)${first((side) => side.firstWithoutPairs)}.`,
    );
  }
  if (dropped > 0) {
    notes.push(
      `${dropped} completions were left out: they fill the context alone${first((side) => side.firstDropped)}.`,
    );
  }
  if (truncated > 0)
    notes.push(`${truncated} prompts were longer than the context and lost their beginning.`);
  return notes;
}
