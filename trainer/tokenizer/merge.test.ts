import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countWords } from './count.ts';
import { MergeTable, mergeLongWord, mergeShortWord, mergeWord, NO_MERGE } from './merge.ts';
import { WORD_PATTERN } from './split.ts';
import { trainMerges } from './train.ts';

const words = countWords([`${'abcabcaabbcc'.repeat(3)} aaaa bab caab `.repeat(5)], WORD_PATTERN);
const bytes = Array.from({ length: 256 }, (_, i) => i);
const merges = trainMerges(words, bytes, 256, 18).map(([left, right], rank): [number, number, number] => [
  left,
  right,
  256 + rank,
]);
const table = new MergeTable(merges);
const letters = (most: number): fc.Arbitrary<number[]> =>
  fc.array(fc.constantFrom(97, 98, 99), { maxLength: most });

type Merge = (ids: Int32Array, count: number, table: MergeTable) => number;
const merged = (ids: number[], merge: Merge): number[] => {
  const word = Int32Array.from(ids);
  return [...word.subarray(0, merge(word, ids.length, table))];
};

/** Looks through the whole list of merges for the best pair, merges it, looks again. */
function slowly(ids: number[]): number[] {
  for (const word = [...ids]; ; ) {
    const found = merges
      .map(([left, right, made]) => {
        const at = word.findIndex((id, i) => id === left && word[i + 1] === right);
        return { at, made };
      })
      .find(({ at }) => at >= 0);
    if (!found) return word;
    word.splice(found.at, 2, found.made);
  }
}

it('merges a word as the plain rule says: the pair of the lowest rank, the leftmost first', () => {
  expect(merges).toHaveLength(18);
  fc.assert(
    fc.property(letters(60), (ids) => {
      expect(merged(ids, mergeShortWord)).toEqual(slowly(ids));
    }),
    { numRuns: 1000 },
  );
});

it('merges a long word as it merges a short one', () => {
  fc.assert(
    fc.property(letters(64), (ids) => {
      expect(merged(ids, mergeLongWord)).toEqual(merged(ids, mergeShortWord));
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(letters(200), (ids) => {
      expect(merged(ids, mergeWord)).toEqual(slowly(ids));
    }),
  );
});

it('finds the rank of every merge, and of no other pair', () => {
  const many = Array.from({ length: 5000 }, (_, i): [number, number, number] => [i % 71, i, 5000 + i]);
  const large = new MergeTable(many);
  expect(many.map(([left, right]) => large.rankOf(left, right))).toEqual(many.map((_, rank) => rank));
  expect(new Set(many.map(([left, right]) => large.rankOf(left + 71, right)))).toEqual(new Set([NO_MERGE]));
});
