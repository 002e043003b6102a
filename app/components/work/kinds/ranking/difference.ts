/** A stretch of text that is, or is not, also in the text it is compared with. */
export interface Stretch {
  text: string;
  same: boolean;
}

/** Words compared at most: the table of the longest common subsequence has a cell for each pair. */
const MOST_WORDS = 1500;

/**
 * A text in stretches, marked by whether each belongs to the longest common subsequence of words with `reference`.
 * Longer texts than MOST_WORDS are compared up to there; what follows counts as different.
 */
export function difference(text: string, reference: string): Stretch[] {
  const words = text.match(/\S+|\s+/g) ?? [];
  const own = words.filter((word) => word.trim() !== '').slice(0, MOST_WORDS);
  const other = (reference.match(/\S+/g) ?? []).slice(0, MOST_WORDS);
  const columns = other.length + 1;
  // lengths[i][j]: longest common subsequence of own from i on and other from j on.
  const lengths = new Uint16Array((own.length + 1) * columns);
  const at = (i: number, j: number) => lengths[i * columns + j] ?? 0;
  for (let i = own.length - 1; i >= 0; i--) {
    for (let j = other.length - 1; j >= 0; j--) {
      lengths[i * columns + j] =
        own[i] === other[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const same: boolean[] = [];
  for (let i = 0, j = 0; i < own.length; ) {
    if (j < other.length && own[i] === other[j]) {
      same[i++] = true;
      j++;
    } else if (j < other.length && at(i, j + 1) >= at(i + 1, j)) j++;
    else same[i++] = false;
  }
  const stretches: Stretch[] = [];
  let next = 0;
  for (const word of words) {
    const last = stretches.at(-1);
    const isSame = word.trim() === '' ? (last?.same ?? true) : (same[next++] ?? false);
    if (last && last.same === isSame) last.text += word;
    else stretches.push({ text: word, same: isSame });
  }
  return stretches;
}
