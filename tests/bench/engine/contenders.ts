import { fileURLToPath } from 'node:url';
import { Contender, type Request } from '../contender.ts';
import { startPeer, startPeerAsFound } from '../peers/peer.ts';
import type { BenchOptions } from '../suite.ts';
import { referenceShape } from './flops.ts';

export const trainStepSettings = { shape: referenceShape, rows: 16, columns: 128 };

/** Both sides, warm; the peer is null where there is no PyTorch. */
export interface Contenders {
  ours: Contender;
  peer: Contender | null;
  /** the environment with which the peer was fastest */
  peerVariant: Record<string, string>;
  /** PyTorch without that environment, as one finds it on this machine */
  peerAsFound: Contender | null;
}

/** Starts both sides. @throws Error when ours does not start */
export async function startContenders({ threads, say }: BenchOptions): Promise<Contenders> {
  const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
  const ours = await Contender.start(process.execPath, ['--import', 'tsx', worker], process.env);
  if (!ours) throw new Error('The process that measures the engine did not start.');
  say(`Ours: ${ours.greeting}.`);
  const trial: Request = { task: 'train-step', settings: trainStepSettings, repeats: 2, threads };
  const started = await startPeer(threads, trial, say);
  return {
    ours,
    peer: started?.peer ?? null,
    peerVariant: started?.variant ?? {},
    peerAsFound: started && (await startPeerAsFound(threads)),
  };
}
