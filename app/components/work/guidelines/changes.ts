/** A stretch of two texts laid over one another. */
export interface Piece {
  text: string;
  change: 'same' | 'added' | 'removed';
}

/** Cells of the table that two stretches are compared in at most; beyond, one is removed and the other added whole. */
const MOST_CELLS = 4_000_000;

/**
 * How one text became another, word by word: what was taken out stands before what came in its place. Lines are compared
 * first and words within the lines that differ, so that long texts with few changes are quick.
 */
export function changes(before: string, after: string): Piece[] {
  const lines = align(before.match(/[^\n]*\n|[^\n]+$/g) ?? [], after.match(/[^\n]*\n|[^\n]+$/g) ?? []);
  const pieces: Piece[] = [];
  let removed = '';
  let added = '';
  const settle = () => {
    for (const piece of align(words(removed), words(added))) append(pieces, piece);
    removed = '';
    added = '';
  };
  for (const line of lines) {
    if (line.change === 'removed') removed += line.text;
    else if (line.change === 'added') added += line.text;
    else {
      settle();
      append(pieces, line);
    }
  }
  settle();
  return pieces;
}

const words = (text: string): string[] => text.match(/\S+|\s+/g) ?? [];

function append(pieces: Piece[], { text, change }: Piece): void {
  const last = pieces.at(-1);
  if (last?.change === change) last.text += text;
  else pieces.push({ text, change });
}

/** Two sequences by their longest common subsequence; what both begin and end with is matched first. */
function align(before: string[], after: string[]): Piece[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const as = (change: Piece['change']) => (text: string) => ({ text, change });
  return [
    ...before.slice(0, head).map(as('same')),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(as('same')),
  ];
}

function middle(before: string[], after: string[]): Piece[] {
  const pieces: Piece[] = [];
  const columns = after.length + 1;
  const tooMany = (before.length + 1) * columns > MOST_CELLS;
  // lengths[i][j]: longest common subsequence of before from i on and after from j on.
  const lengths = new Uint16Array(tooMany ? 0 : (before.length + 1) * columns);
  const at = (i: number, j: number) => lengths[i * columns + j] ?? 0;
  for (let i = before.length - 1; i >= 0 && !tooMany; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      lengths[i * columns + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const old = before[i];
    const fresh = after[j];
    if (old !== undefined && old === fresh && !tooMany) {
      pieces.push({ text: old, change: 'same' });
      i++;
      j++;
    } else if (old !== undefined && (fresh === undefined || at(i + 1, j) >= at(i, j + 1))) {
      pieces.push({ text: old, change: 'removed' });
      i++;
    } else if (fresh !== undefined) {
      pieces.push({ text: fresh, change: 'added' });
      j++;
    }
  }
  return pieces;
}

/** A stretch that stays the same, shortened to what surrounds the changes: its first and last lines. */
export function folded(
  text: string,
  place: 'first' | 'between' | 'last',
  lines = 2,
): [string, number, string] {
  const all = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const head = place === 'first' ? 0 : lines;
  const tail = place === 'last' ? 0 : lines;
  const left = all.length - head - tail;
  if (left < 3) return [text, 0, ''];
  return [all.slice(0, head).join(''), left, all.slice(all.length - tail).join('')];
}
