import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { encodeExample, type LengthReport, newLengthReport } from './demonstrations.ts';
import type { Ranking } from './json-lines.ts';

/** A ranking as a reward model learns from it. */
export interface Comparison {
  /** K sequences: prompt, response, end-of-text */
  sequences: number[][];
  /** [better, worse] as indices of `sequences`, all pairs that the ranking orders; ties give none */
  pairs: [number, number][];
  ranks: number[];
  labeler?: string | undefined;
  split?: string | undefined;
}

/** All pairs (i, j) in which i is ranked above j (a smaller number is better). Equal ranks give no pair. */
export function orderedPairs(ranks: readonly number[]): [number, number][] {
  const pairs: [number, number][] = [];
  for (const [i, better] of ranks.entries()) {
    for (const [j, worse] of ranks.entries()) if (better < worse) pairs.push([i, j]);
  }
  return pairs;
}

/** Rankings as token sequences, and what did not fit. */
export interface EncodedComparisons {
  comparisons: Comparison[];
  lengths: LengthReport;
  /** rankings without an ordered pair: everything tied, or too few completions fit the context */
  withoutPairs: number;
}

/**
 * Encodes rankings. Lengths are fitted to the context as in `encodeDemonstrations`; a completion that does not fit is
 * left out of its ranking, and a ranking that orders nothing is counted and left out.
 * @param context the most tokens of prompt, response and end-of-text together
 */
export function encodeComparisons(
  rankings: Iterable<Ranking>,
  tokenizer: Tokenizer,
  context: number,
): EncodedComparisons {
  const lengths = newLengthReport();
  const comparisons: Comparison[] = [];
  let withoutPairs = 0;
  for (const ranking of rankings) {
    const sequences: number[][] = [];
    const ranks: number[] = [];
    for (const [index, completion] of ranking.completions.entries()) {
      // The end-of-text token is read here, so it needs a cell of its own.
      const example = encodeExample(ranking.prompt, completion, tokenizer, context, lengths);
      const rank = ranking.ranks[index];
      if (!example || rank === undefined) continue;
      sequences.push([...example.prompt, ...example.response]);
      ranks.push(rank);
    }
    const pairs = orderedPairs(ranks);
    if (pairs.length === 0) withoutPairs++;
    else comparisons.push({ sequences, pairs, ranks, labeler: ranking.labeler, split: ranking.split });
  }
  return { comparisons, lengths, withoutPairs };
}
