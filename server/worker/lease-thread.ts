/**
 * The thread that keeps a worker's lease. Training holds the main thread for seconds at a time, so a timer there would
 * beat too late; this thread has its own connection and beats whatever the main one computes.
 */
import { parentPort, workerData } from 'node:worker_threads';
import postgres from 'postgres';
import { z } from 'zod';

/** What the main thread tells this one: which claim to keep, or that there is none. */
export type LeaseOrder = { jobId: string; fence: number } | null;
/** What this thread tells the main one. */
export type LeaseNews =
  | { kind: 'lost'; jobId: string; fence: number }
  | { kind: 'cancelled'; jobId: string; fence: number };

const settings = z
  .strictObject({ databaseUrl: z.string(), leaseSeconds: z.number(), heartbeatSeconds: z.number() })
  .parse(workerData);
const sql = postgres(settings.databaseUrl, {
  max: 1,
  onnotice: () => {},
  connection: { application_name: 'touchstone-lease' },
});

let order: LeaseOrder = null;
let beating = false;

async function beat(): Promise<void> {
  const claim = order;
  if (claim === null || beating) return;
  beating = true;
  try {
    const rows = await sql`
      update jobs set lease_until = now() + make_interval(secs => ${settings.leaseSeconds})
      where id = ${claim.jobId} and fence = ${claim.fence} and state = 'running'
      returning
        exists (select 1 from runs where runs.id = jobs.run_id and runs.cancel_requested_at is not null)
        or exists (select 1 from rounds where rounds.id = jobs.round_id and rounds.status = 'cancelled') as cancelled`;
    if (rows.length === 0) tell({ kind: 'lost', ...claim });
    else if (rows[0]?.cancelled === true) tell({ kind: 'cancelled', ...claim });
  } catch {
    // The database is away. While it is, nobody else can take the job either: the next beat tries again, and a claim
    // that was taken meanwhile is then found lost.
  } finally {
    beating = false;
  }
}

function tell(news: LeaseNews): void {
  parentPort?.postMessage(news);
}

parentPort?.on('message', (next: LeaseOrder) => {
  order = next;
});
setInterval(() => void beat(), settings.heartbeatSeconds * 1000);
