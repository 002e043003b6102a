/** A token of a text that is compared: an id or a word. */
type Token = number | string;

/** The longest n-grams that count (Papineni et al. 2002: 4). */
const LONGEST = 4;
/** What stands for zero matches: smoothing 1 of Chen and Cherry (2014), as Texygen's self-BLEU takes it. */
const SMOOTHING = 0.1;

/**
 * BLEU-4 of one text against references (Papineni et al. 2002): the geometric mean of the clipped precisions of its 1- to
 * 4-grams, times exp(1 − r / c) when its length c is below r, that of the reference nearest in length (the shorter of two).
 * A precision without a match counts 0.1 matches (Chen and Cherry 2014, smoothing 1), one without an n-gram 0.1 of one.
 *
 * @returns 0 (nothing in common, not even a word) to 1; NaN without a reference
 */
export function bleu(tokens: readonly Token[], references: readonly (readonly Token[])[]): number {
  if (references.length === 0) return Number.NaN;
  const most = references.map(countNgrams).reduce((all, counts) => {
    for (const [gram, count] of counts) all.set(gram, Math.max(all.get(gram) ?? 0, count));
    return all;
  }, new Map<string, number>());
  return combine(
    tokens.length,
    countNgrams(tokens),
    (gram) => most.get(gram) ?? 0,
    nearest(
      tokens.length,
      references.map((text) => text.length),
    ),
  );
}

/**
 * Self-BLEU (Zhu et al. 2018, Texygen): the mean BLEU-4 of each text against all others. 1 where a model always writes the
 * same; lower is more diverse. It depends on how many texts there are: compare equal numbers.
 *
 * Counts every n-gram of the collection once, with the two largest counts, so that N texts cost N and not N² passes.
 *
 * @returns NaN for fewer than two texts
 */
export function selfBleu(texts: readonly (readonly Token[])[]): number {
  if (texts.length < 2) return Number.NaN;
  const counted = texts.map(countNgrams);
  const largest = new Map<string, { text: number; count: number; second: number }>();
  for (const [text, counts] of counted.entries()) {
    for (const [gram, count] of counts) {
      const held = largest.get(gram);
      if (!held) largest.set(gram, { text, count, second: 0 });
      else if (count > held.count) largest.set(gram, { text, count, second: held.count });
      else held.second = Math.max(held.second, count);
    }
  }
  const lengths = texts.map((text) => text.length).sort((a, b) => a - b);
  let sum = 0;
  for (const [text, counts] of counted.entries()) {
    const length = texts[text]?.length ?? 0;
    const inOthers = (gram: string): number => {
      const held = largest.get(gram);
      return held === undefined ? 0 : held.text === text ? held.second : held.count;
    };
    const own = lengths.indexOf(length);
    sum += combine(
      length,
      counts,
      inOthers,
      nearest(
        length,
        lengths.filter((_, index) => index !== own),
      ),
    );
  }
  return sum / texts.length;
}

/** Counts of all n-grams up to the longest, by their tokens; the first character tells n. */
function countNgrams(tokens: readonly Token[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let n = 1; n <= LONGEST; n++) {
    for (let start = 0; start + n <= tokens.length; start++) {
      const gram = `${n} ${tokens.slice(start, start + n).join(' ')}`;
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
  }
  return counts;
}

/** The geometric mean of the precisions, times the brevity penalty. */
function combine(
  length: number,
  counts: ReadonlyMap<string, number>,
  mostInReferences: (gram: string) => number,
  referenceLength: number,
): number {
  const matches = new Float64Array(LONGEST);
  for (const [gram, count] of counts) {
    const n = Number(gram[0]) - 1;
    matches[n] = (matches[n] ?? 0) + Math.min(count, mostInReferences(gram));
  }
  if (matches[0] === 0) return 0;
  let logs = 0;
  for (const [n, matched] of matches.entries()) {
    logs += Math.log((matched || SMOOTHING) / Math.max(1, length - n)) / LONGEST;
  }
  return Math.exp(logs + Math.min(0, 1 - referenceLength / length));
}

function nearest(length: number, others: readonly number[]): number {
  let best = Number.POSITIVE_INFINITY;
  for (const other of others) {
    const closer = Math.abs(other - length) - Math.abs(best - length);
    if (closer < 0 || (closer === 0 && other < best)) best = other;
  }
  return best;
}
