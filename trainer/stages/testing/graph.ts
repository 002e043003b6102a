import type { Random } from '../../engine/random.ts';

/** Walks end here: the end-of-text token stands for it. */
const GOAL = 'end';

/** A directed graph of single-letter nodes; every node reaches the goal. */
const EDGES: Record<string, readonly string[]> = {
  a: ['b', 'c'],
  b: ['a', 'c', 'd'],
  c: ['a', 'd', 'e'],
  d: ['b', 'e', 'g'],
  e: ['c', 'f'],
  f: ['e', 'g', 'h'],
  g: ['d', 'f', GOAL],
  h: ['f', GOAL],
};

/** Nodes from which the goal is at least two steps away, so that every walk has a node to write. */
export const STARTS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

/** Longest walk in the data, in nodes after the start. */
export const LONGEST_WALK = 9;

/** The nodes of a random walk after its start, up to the goal; walks that are too long are drawn again. */
export function randomWalk(start: string, random: Random): string {
  for (;;) {
    let walk = '';
    let node = start;
    while (node !== GOAL && walk.length <= LONGEST_WALK) {
      const next = EDGES[node] ?? [];
      node = next[random.integer(next.length)] ?? GOAL;
      if (node !== GOAL) walk += node;
    }
    if (walk.length <= LONGEST_WALK) return walk;
  }
}

/** Whether each step of a walk, the last one to the goal included, is an edge. */
export function isWalk(start: string, walk: string): boolean {
  const nodes = [start, ...walk, GOAL];
  return nodes.every((node, i) => i === 0 || EDGES[nodes[i - 1] ?? '']?.includes(node) === true);
}

/** Nodes after the start of the shortest walk, by breadth-first search. */
export function shortestWalk(start: string): number {
  let reached = new Set([start]);
  for (let nodes = 0; ; nodes++) {
    const next = new Set([...reached].flatMap((node) => EDGES[node] ?? []));
    if (next.has(GOAL)) return nodes;
    reached = next;
  }
}
