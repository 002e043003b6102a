/**
 * distinct-n (Li et al. 2016): different n-grams over all n-grams of the texts, from 0 to 1; NaN when no text is long
 * enough. Tokens may be anything that has a text form: ids or words.
 */
export function distinctN(texts: readonly (readonly (number | string)[])[], n: number): number {
  const seen = new Set<string>();
  let total = 0;
  for (const tokens of texts) {
    for (let start = 0; start + n <= tokens.length; start++) {
      seen.add(tokens.slice(start, start + n).join(' '));
      total += 1;
    }
  }
  return seen.size / total;
}

/** Words of a text for distinct-n: lower case, split at what is neither letter nor digit. */
export function words(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}
