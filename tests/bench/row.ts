/** One measured figure, as `--json` prints it. */
export interface Row {
  name: string;
  unit: string;
  ours: number;
  /** the same by the peer; null where there is none */
  peer: number | null;
  /** how many times better than the peer */
  ratio: number | null;
  /** the machine's own limit, in the same unit */
  limit: number | null;
  /** fraction of that limit which was reached, 1 at best */
  ofLimit: number | null;
}

/** A row, and which way is better. */
export interface Measurement extends Row {
  better: 'higher' | 'lower';
}

/** Completes a row: ratio and fraction of the limit follow from the figures. */
export function measurement(
  name: string,
  unit: string,
  better: 'higher' | 'lower',
  figures: { ours: number; peer?: number | null; limit?: number | null },
): Measurement {
  const { ours, peer = null, limit = null } = figures;
  const times = (good: number, bad: number): number => (better === 'higher' ? good / bad : bad / good);
  return {
    name,
    unit,
    better,
    ours,
    peer,
    ratio: peer === null ? null : times(ours, peer),
    limit,
    ofLimit: limit === null ? null : times(ours, limit),
  };
}

/** The row alone, its keys in the order of the contract. */
export function plainRow({ name, unit, ours, peer, ratio, limit, ofLimit }: Measurement): Row {
  return { name, unit, ours, peer, ratio, limit, ofLimit };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
