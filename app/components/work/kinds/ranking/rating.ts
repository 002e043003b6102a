import { FLAGS, type Flag, STRENGTHS } from '@/server/labeling/kinds/ranking/vocabulary.ts';

/** What a labeler thinks of one completion by itself. */
export interface Rating {
  completionId: string;
  /** 1 to 7; null while it is not rated. */
  overall: number | null;
  flags: Flag[];
}

export type Strength = keyof typeof STRENGTHS;

export const GRADES = [1, 2, 3, 4, 5, 6, 7] as const;
export const FLAG_NAMES = Object.entries(FLAGS) as [Flag, string][];
/** The four grades, from least to most; the digits 1 to 4 stand for them. */
export const STRENGTH_NAMES = Object.entries(STRENGTHS) as [Strength, string][];

/** Whether a stored word is a flag of today's vocabulary. */
export function isFlag(value: string): value is Flag {
  return value in FLAGS;
}

/** The key that stands for a flag while flagging: 1 to 9, then 0. */
export const flagKey = (index: number) => String((index + 1) % 10);

interface Drafted {
  completionId: string;
  overall: number | null;
  flags: string[];
}

/** What was said of a completion so far. */
export function ratingOf(ratings: Drafted[], id: string): Rating {
  const found = ratings.find((rating) => rating.completionId === id);
  return { completionId: id, overall: found?.overall ?? null, flags: (found?.flags ?? []).filter(isFlag) };
}

/** Ratings that say something, in the order in which the completions are shown: these are stored. */
export function saidRatings(ratings: Drafted[], ids: string[]): Rating[] {
  return ids
    .map((id) => ratingOf(ratings, id))
    .filter((rating) => rating.overall !== null || rating.flags.length > 0);
}
