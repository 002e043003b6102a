/**
 * A seeded source of randomness for the demo world. It is separate from the trainer's own generators so that
 * a change in a stage never changes the world that a seed makes.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One item, uniformly; throws on an empty list. */
  pick<T>(items: readonly T[]): T;
  /** One key, with probability proportional to its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K;
  /** A new list in random order. */
  shuffled<T>(items: readonly T[]): T[];
  /** Standard Gumbel noise: utilities plus this, compared, follow the Bradley–Terry (logistic) model. */
  gumbel(): number;
}

/** FNV-1a over UTF-16 code units: a 32-bit state from any text. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * A generator whose stream depends on every part of the key and on nothing else.
 * The core is splitmix32 (Weyl sequence, then a 32-bit finaliser).
 */
export function createRandom(...key: readonly (string | number)[]): Random {
  let state = hashText(key.join('\u0000'));
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 4294967296;
  };
  const integer = (bound: number): number => Math.floor(next() * bound);
  const shuffled = <T>(items: readonly T[]): T[] => {
    const keyed = items.map((item) => ({ item, order: next() }));
    keyed.sort((a, b) => a.order - b.order);
    return keyed.map(({ item }) => item);
  };
  return {
    next,
    integer,
    shuffled,
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[integer(items.length)];
      if (item === undefined) throw new Error('pick: the list is empty; expected at least one item');
      return item;
    },
    weighted: (weights) => {
      const entries = Object.entries(weights) as [keyof typeof weights, number][];
      const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
      let left = next() * total;
      for (const [name, weight] of entries) {
        left -= weight;
        if (left < 0) return name;
      }
      const last = entries.at(-1);
      if (last === undefined) throw new Error('weighted: there are no weights; expected at least one');
      return last[0];
    },
    gumbel: () => -Math.log(-Math.log(Math.max(next(), 1e-12))),
  };
}
