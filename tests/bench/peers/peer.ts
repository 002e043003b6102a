import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Contender, type Request } from '../contender.ts';

const script = fileURLToPath(new URL('./serve.py', import.meta.url));

/** The Python that has PyTorch: Debian's, unless PYTHON names another. */
export const python = process.env.PYTHON ?? '/usr/bin/python3';

/**
 * Ways to run PyTorch that may or may not be faster on a machine: which vector kernels it takes, and whether its idle
 * threads spin in the way of the BLAS library's.
 */
const variants: Record<string, string>[] = [
  {},
  { OMP_WAIT_POLICY: 'PASSIVE' },
  { ATEN_CPU_CAPABILITY: 'avx512' },
  { ATEN_CPU_CAPABILITY: 'avx512', OMP_WAIT_POLICY: 'PASSIVE' },
];

const withThreads = (env: NodeJS.ProcessEnv, threads: number): NodeJS.ProcessEnv => ({
  ...env,
  OPENBLAS_NUM_THREADS: String(threads),
  OMP_NUM_THREADS: String(threads),
});

/** The environment of the peer: so many threads, and the BLAS library free to take the processor's best kernels. */
export function peerEnvironment(threads: number, variant: Record<string, string> = {}): NodeJS.ProcessEnv {
  const env = { ...process.env, ...variant };
  delete env.OPENBLAS_CORETYPE;
  delete env.OPENBLAS_L2_SIZE;
  return withThreads(env, threads);
}

/** PyTorch as a person here finds it: in this very environment, of which only the number of threads is set. */
export function startPeerAsFound(threads: number): Promise<Contender | null> {
  return Contender.start(python, [script], withThreads(process.env, threads));
}

/**
 * Starts PyTorch in every variant, lets each do `trial` twice in turns, and keeps the fastest.
 * @returns null where Python or PyTorch is missing, which is said
 */
export async function startPeer(
  threads: number,
  trial: Request,
  say: (line: string) => void,
): Promise<{ peer: Contender; variant: Record<string, string> } | null> {
  const found = spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' });
  if (found.status !== 0) {
    say(
      `No peer: ${python} has no PyTorch (Debian: apt-get install python3-torch; PYTHON names another Python).`,
    );
    return null;
  }
  const running: { peer: Contender; variant: Record<string, string>; best: number }[] = [];
  for (const variant of variants) {
    const peer = await Contender.start(python, [script], peerEnvironment(threads, variant));
    if (peer) running.push({ peer, variant, best: Number.POSITIVE_INFINITY });
  }
  for (let round = 0; round < 2; round++) {
    for (const each of running) each.best = Math.min(each.best, ...(await each.peer.measure(trial)));
  }
  running.sort((a, b) => a.best - b.best);
  const [fastest, ...others] = running;
  for (const { peer } of others) await peer.stop();
  if (!fastest) return null;
  const settings = Object.entries(fastest.variant).map(([name, value]) => `${name}=${value}`);
  say(`Peer: PyTorch, ${fastest.peer.greeting}, fastest with ${settings.join(' ') || 'its defaults'}.`);
  return fastest;
}
