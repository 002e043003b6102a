/** A stretch of text that is, or is not, also in the text it is compared with. */
export interface Stretch {
  text: string;
  same: boolean;
}

/** Words compared at most, beyond what two texts share at both ends: the table has a cell for each pair. */
const MOST_WORDS = 1500;

/**
 * A text in stretches, marked by whether each belongs to the longest common subsequence of words with `reference`.
 * What both begin and end with is matched first; between, longer texts than MOST_WORDS are compared up to there, and
 * what follows counts as different.
 */
export function difference(text: string, reference: string): Stretch[] {
  const words = text.match(/\S+|\s+/g) ?? [];
  const own = words.filter((word) => word.trim() !== '');
  const other = reference.match(/\S+/g) ?? [];
  const shorter = Math.min(own.length, other.length);
  let head = 0;
  while (head < shorter && own[head] === other[head]) head++;
  let tail = 0;
  while (tail < shorter - head && own[own.length - 1 - tail] === other[other.length - 1 - tail]) tail++;
  const middle = common(
    own.slice(head, own.length - tail).slice(0, MOST_WORDS),
    other.slice(head, other.length - tail).slice(0, MOST_WORDS),
  );
  const isSame = (at: number) => at < head || at >= own.length - tail || (middle[at - head] ?? false);
  const stretches: Stretch[] = [];
  let next = 0;
  for (const word of words) {
    const last = stretches.at(-1);
    const same = word.trim() === '' ? (last?.same ?? true) : isSame(next++);
    if (last && last.same === same) last.text += word;
    else stretches.push({ text: word, same });
  }
  return stretches;
}

/** For each of `own`, whether it is in the longest common subsequence. */
function common(own: string[], other: string[]): boolean[] {
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
  return same;
}
