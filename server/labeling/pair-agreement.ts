/**
 * On how many pairs of completions two rankings agree.
 *
 * @param first groups of completion ids, best first; of a known answer, the answer
 * @param options.ties `skip`: only pairs that neither ranking ties are counted (InstructGPT's agreement of labelers).
 * `half`: every pair that `first` puts in an order is counted, and a tie in `second` is half right
 */
export function pairAgreement(
  first: string[][],
  second: string[][],
  options: { ties: 'skip' | 'half' } = { ties: 'skip' },
): { pairs: number; agreed: number } {
  const ranks = new Map(second.flatMap((group, rank) => group.map((id) => [id, rank] as const)));
  let pairs = 0;
  let agreed = 0;
  for (let better = 0; better < first.length; better++) {
    for (const a of first[better] ?? []) {
      for (const b of first.slice(better + 1).flat()) {
        const rankA = ranks.get(a);
        const rankB = ranks.get(b);
        if (rankA === undefined || rankB === undefined) continue;
        if (rankA === rankB) {
          if (options.ties === 'skip') continue;
          agreed += 0.5;
        } else if (rankA < rankB) agreed++;
        pairs++;
      }
    }
  }
  return { pairs, agreed };
}
