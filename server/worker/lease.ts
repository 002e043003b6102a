import { Worker } from 'node:worker_threads';
import type { Claim } from './jobs.ts';
import type { LeaseNews, LeaseOrder } from './lease-thread.ts';

/** Keeps the lease of the job in hand, from a thread of its own. */
export interface LeaseKeeper {
  /** Beats for this claim until `release`; `onCancel` and `onLost` are called at most once each. */
  keep(claim: Pick<Claim, 'id' | 'fence'>, listener: { onCancel(): void; onLost(): void }): void;
  release(): void;
  close(): Promise<void>;
}

/** Starts the thread. */
export function startLeaseKeeper(settings: {
  databaseUrl: string;
  leaseSeconds: number;
  heartbeatSeconds: number;
}): LeaseKeeper {
  const thread = new Worker(new URL('./lease-thread.mjs', import.meta.url), {
    workerData: settings,
    execArgv: [],
  });
  let current: { order: NonNullable<LeaseOrder>; listener: { onCancel(): void; onLost(): void } } | null =
    null;
  const told = new Set<string>();

  thread.on('message', (news: LeaseNews) => {
    if (current === null || current.order.jobId !== news.jobId || current.order.fence !== news.fence) return;
    if (told.has(news.kind)) return;
    told.add(news.kind);
    if (news.kind === 'lost') current.listener.onLost();
    else current.listener.onCancel();
  });
  thread.on('error', (error) => {
    // Without its heart the worker must not go on: its lease runs out and another worker takes the job.
    throw error;
  });
  thread.unref();

  const send = (order: LeaseOrder) => thread.postMessage(order);
  return {
    keep(claim, listener) {
      told.clear();
      current = { order: { jobId: claim.id, fence: claim.fence }, listener };
      send(current.order);
    },
    release() {
      current = null;
      send(null);
    },
    async close() {
      await thread.terminate();
    },
  };
}
