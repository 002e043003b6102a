/**
 * The order that a labeler builds: groups of completion ids, best first, ties together. Completions not yet placed are
 * in no group, so an untouched order is the empty one. Every function returns a new order and leaves the old one be.
 */
export type Order = string[][];

/** The order without one completion; a group that it leaves empty goes with it. */
export function without(order: Order, id: string): Order {
  return order.map((group) => group.filter((other) => other !== id)).filter((group) => group.length > 0);
}

/** The index of the group that holds a completion; -1 when it is not placed. */
export function rankOf(order: Order, id: string): number {
  return order.findIndex((group) => group.includes(id));
}

/**
 * Puts a completion at a rank by itself, the ones from there on one lower.
 * @param rank counted from 0 in the order without the completion; past the end means last
 */
export function placeAt(order: Order, id: string, rank: number): Order {
  const rest = without(order, id);
  const index = Math.max(0, Math.min(rank, rest.length));
  return [...rest.slice(0, index), [id], ...rest.slice(index)];
}

/** Ties a completion with the group that holds `other`. */
export function tieWith(order: Order, id: string, other: string): Order {
  if (id === other) return order;
  return without(order, id).map((group) => (group.includes(other) ? [...group, id] : group));
}

/** Ties a completion with the group above it; one that is not placed joins the last group. */
export function tieAbove(order: Order, id: string): Order {
  const rank = rankOf(order, id);
  const above = rank === -1 ? order.at(-1) : order[rank - 1];
  const other = above?.[0];
  return other === undefined ? order : tieWith(order, id, other);
}

/** Takes a completion out of its tie, to a rank of its own right below. */
export function untie(order: Order, id: string): Order {
  const rank = rankOf(order, id);
  if (rank === -1 || (order[rank]?.length ?? 0) < 2) return order;
  return placeAt(order, id, rank + 1);
}

/** Moves a completion one rank up (-1) or down (1). Out of a tie it steps to the nearer side of its group. */
export function move(order: Order, id: string, by: -1 | 1): Order {
  const rank = rankOf(order, id);
  if (rank === -1) return by === -1 ? placeAt(order, id, order.length) : order;
  const tied = (order[rank]?.length ?? 0) > 1;
  if (tied) return placeAt(order, id, by === -1 ? rank : rank + 1);
  return placeAt(order, id, Math.max(0, rank + by));
}

/**
 * The order after a completion was let go over a place: `gap-1` is the space above the second rank, `group-1` that rank
 * itself (a tie), `waiting` takes it out. Over itself, nothing changes.
 */
export function dropOn(order: Order, id: string, place: string): Order {
  if (place === 'waiting') return without(order, id);
  const [, what, digits] = /^(gap|group)-(\d+)$/.exec(place) ?? [];
  const index = Number(digits);
  const from = rankOf(order, id);
  const alone = from !== -1 && order[from]?.length === 1;
  // Taking a rank of its own out of the order shifts the gaps below it.
  if (what === 'gap') return placeAt(order, id, index - (alone && from < index ? 1 : 0));
  const other = what === 'group' ? order[index]?.find((one) => one !== id) : undefined;
  return other === undefined ? order : tieWith(order, id, other);
}

/** A key for what stands at one border between two neighbouring groups. */
function border(upper: string[], lower: string[]): string {
  return `${[...upper].sort().join(' ')}>${[...lower].sort().join(' ')}`;
}

/** The strengths of a new order: kept where the very same two groups are still neighbours, unset elsewhere. */
export function carryStrengths<S>(before: Order, strengths: (S | null)[], after: Order): (S | null)[] {
  const known = new Map<string, S>();
  before.slice(1).forEach((lower, index) => {
    const strength = strengths[index];
    const upper = before[index];
    if (strength !== null && strength !== undefined && upper) known.set(border(upper, lower), strength);
  });
  return after.slice(1).map((lower, index) => known.get(border(after[index] ?? [], lower)) ?? null);
}

/** The order in letters, as it is read out: `1 C, 2 A = D, 3 B`. */
export function spell(order: Order, letter: (id: string) => string): string {
  return order.map((group, rank) => `${rank + 1} ${group.map(letter).join(' = ')}`).join(', ');
}
