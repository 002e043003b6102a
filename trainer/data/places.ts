/** More lines than this are counted, not named. */
const MOST_LINES = 100;

/**
 * Places in data files for an error: "lines 3, 17 and 20 of rankings.jsonl". Each is "file:line", or names a place in words.
 * Places that are not known are passed over.
 */
export function describePlaces(places: Iterable<string | undefined>): string {
  const lines = new Map<string, Set<number>>();
  const others = new Set<string>();
  for (const place of places) {
    if (place === undefined) continue;
    const [, file, line] = /^(.+):(\d+)$/.exec(place) ?? [];
    if (file === undefined) others.add(place);
    else lines.set(file, (lines.get(file) ?? new Set<number>()).add(Number(line)));
  }
  const named = [...lines].map(([file, own]) => {
    const sorted = [...own].sort((a, b) => a - b);
    const shown = sorted.slice(0, MOST_LINES).map(String);
    if (sorted.length > MOST_LINES) shown.push(`${sorted.length - MOST_LINES} more`);
    return `line${sorted.length > 1 ? 's' : ''} ${enumerate(shown)} of ${file}`;
  });
  return [...named, ...others].join(', ') || 'rows of unknown origin';
}

function enumerate(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
