import type { Contender, Request } from './contender.ts';

/** Seconds of every repeat, of both sides. */
export interface Duel {
  ours: number[];
  peer: number[] | null;
}

/** Lets both sides do the same in turns, ours first, `rounds` times: what disturbs the machine disturbs both. */
export async function duel(
  ours: Contender,
  peer: Contender | null,
  request: Request,
  rounds: number,
): Promise<Duel> {
  const result: Duel = { ours: [], peer: peer && [] };
  for (let round = 0; round < rounds; round++) {
    result.ours.push(...(await ours.measure(request)));
    if (peer) result.peer?.push(...(await peer.measure(request)));
  }
  return result;
}
