import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { encodeExample, type LengthReport, newLengthReport } from './demonstrations.ts';
import type { Ranking } from './json-lines.ts';
import type { Prompt } from './template.ts';

/** A ranking as tokens: what a reward model, or DPO, learns from. */
export interface Comparison {
  prompt: Prompt;
  /** K sequences: prompt, response, end-of-text */
  sequences: number[][];
  /** of each sequence, its tokens before the response */
  promptLengths: number[];
  /** [better, worse] as indices of `sequences`, all pairs that the ranking orders; ties give none */
  pairs: [number, number][];
  /** of each pair, how much better people found the better one: 1 (negligibly) to 4 (significantly), or null */
  strengths: (number | null)[];
  /** of each pair, by how much the scores should differ; 0 where nothing says */
  margins: number[];
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

/**
 * How much better a pair's first completion was found than its second, out of the strengths of the steps between the
 * groups of equal ranks: the strongest step between the two. Not their sum, which would leave the scale, and which an
 * export of the same pair without the completions between does not know.
 * @returns 1 (negligibly) to 4 (significantly), or null when no step between them says
 */
export function pairStrength(
  ranks: readonly number[],
  strength: readonly (number | null)[],
  [better, worse]: readonly [number, number],
): number | null {
  const groups = [...new Set(ranks)].sort((a, b) => a - b);
  const between = strength.slice(groups.indexOf(ranks[better] ?? 0), groups.indexOf(ranks[worse] ?? 0));
  const named = between.filter((step) => step !== null);
  return named.length === 0 ? null : Math.max(...named);
}

/** The margin of a strength: Llama 2's four grades 0, 1/3, 2/3, 1 for 1 to 4 (Touvron et al. 2023, table 27, "small"). */
export function marginOfStrength(strength: number | null): number {
  return strength === null ? 0 : (strength - 1) / 3;
}

/** Rankings as token sequences, and what did not fit. */
export interface EncodedComparisons {
  comparisons: Comparison[];
  lengths: LengthReport;
  /** rankings without an ordered pair: everything tied, or too few completions fit the context */
  withoutPairs: number;
  /** file and line of the first such ranking, and of the first completion that was left out */
  firstWithoutPairs: string | undefined;
  firstDropped: string | undefined;
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
  const encoded: EncodedComparisons = {
    comparisons: [],
    lengths,
    withoutPairs: 0,
    firstWithoutPairs: undefined,
    firstDropped: undefined,
  };
  for (const ranking of rankings) {
    const { prompt, labeler, split, where } = ranking;
    const sequences: number[][] = [];
    const promptLengths: number[] = [];
    const kept: number[] = [];
    for (const [index, completion] of ranking.completions.entries()) {
      const example = encodeExample(prompt, completion, tokenizer, context, lengths);
      if (!example) {
        encoded.firstDropped ??= where && `${where}, completions[${index}]`;
        continue;
      }
      sequences.push([...example.prompt, ...example.response]);
      promptLengths.push(example.prompt.length);
      kept.push(index);
    }
    const ranks = kept.map((index) => ranking.ranks[index] ?? 0);
    const pairs = orderedPairs(ranks);
    if (pairs.length === 0) {
      encoded.withoutPairs++;
      encoded.firstWithoutPairs ??= where;
      continue;
    }
    // Strengths lie between the ranks of the whole ranking, also of what did not fit.
    const strengths = pairs.map(([better, worse]) =>
      pairStrength(ranking.ranks, ranking.strength ?? [], [kept[better] ?? 0, kept[worse] ?? 0]),
    );
    const margins = strengths.map((strength) => ranking.margin ?? marginOfStrength(strength));
    encoded.comparisons.push({
      prompt,
      sequences,
      promptLengths,
      pairs,
      strengths,
      margins,
      ranks,
      labeler,
      split,
    });
  }
  return encoded;
}
