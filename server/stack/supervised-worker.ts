import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './child.ts';

/** A worker that died is started again after this long, doubled each time that it dies at once, up to the longest. */
const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 10_000;
/** Who lived so long did not die at once. */
const LIVED = 10_000;
/** Time for the step in hand and its checkpoint. */
const GRACE = 20_000;

export interface SupervisedWorker {
  /** The process now; null between a death and the restart. */
  pid(): number | null;
  stop(): Promise<void>;
}

/** Keeps one worker running: started again whenever it dies, however it died. */
export function superviseWorker(options: {
  env: NodeJS.ProcessEnv;
  onLine(line: string): void;
  onStart(pid: number, restarts: number): void;
  onDeath(pid: number, how: string): void;
}): SupervisedWorker {
  const stopping = new AbortController();
  let child: Child | null = null;
  let pause = FIRST_PAUSE;

  async function keep(): Promise<void> {
    for (let restarts = 0; !stopping.signal.aborted; restarts++) {
      const began = performance.now();
      child = startChild({
        args: ['--import', 'tsx', 'server/worker/main.ts'],
        env: options.env,
        onLine: options.onLine,
        watchesParent: true,
      });
      options.onStart(child.pid, restarts);
      const { pid } = child;
      const { code, signal } = await child.exited;
      child = null;
      if (stopping.signal.aborted) return;
      options.onDeath(pid, signal ?? `exit code ${code}`);
      pause = performance.now() - began > LIVED ? FIRST_PAUSE : Math.min(LONGEST_PAUSE, pause * 2);
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }
  const kept = keep();

  return {
    pid: () => child?.pid ?? null,
    async stop() {
      stopping.abort();
      await child?.stop(GRACE);
      await kept;
    },
  };
}
