import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { runs } from '@/db/schema.ts';
import { advanceRounds } from '../rounds/advance.ts';
import { claimJob, giveUpJobs } from './jobs.ts';
import type { LeaseKeeper } from './lease.ts';
import { type JobHandler, workOn } from './work.ts';

const IDLE_MILLISECONDS = 250;
const ADVANCE_MILLISECONDS = 500;

export interface WorkerOptions {
  db: Database;
  /** TOUCHSTONE_HOME: where run folders lie. */
  home: string;
  handlers: Record<string, JobHandler>;
  lease: LeaseKeeper;
  leaseSeconds: number;
  /** Aborted to stop: the job in hand writes a checkpoint and is given back. */
  stopping: AbortSignal;
  log(line: string): void;
  /** Called when another worker took the job in hand; this process must write nothing more. */
  onLost(): void;
}

/** The name under which this process claims jobs. */
export function workerName(): string {
  return `${hostname()}:${process.pid}`;
}

/** Claims jobs and does them, one at a time, and keeps the rounds going, until it is asked to stop. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { db, stopping } = options;
  const rounds = keepRoundsGoing(options);
  try {
    while (!stopping.aborted) {
      await buryAbandoned(db);
      const claim = await claimJob(db, { worker: workerName(), leaseSeconds: options.leaseSeconds });
      if (claim === null) {
        await sleep(IDLE_MILLISECONDS, undefined, { signal: stopping }).catch(() => {});
        continue;
      }
      await workOn(claim, options);
      await rounds.now();
    }
  } finally {
    await rounds.stop();
  }
}

/** Jobs on which worker after worker died are failed, and their runs with them. */
async function buryAbandoned(db: Database): Promise<void> {
  await db.transaction(async (tx) => {
    for (const { runId } of await giveUpJobs(tx)) {
      if (runId === null) continue;
      const error = 'Several workers died on this run one after the other; see the log of the last one.';
      await tx
        .update(runs)
        .set({ status: 'failed', error, finishedAt: new Date() })
        .where(eq(runs.id, runId));
    }
  });
}

/** Rounds go on by a timer, so that one is not held up by the run of another; never twice at the same time. */
function keepRoundsGoing({ db, log }: WorkerOptions): { now(): Promise<void>; stop(): Promise<void> } {
  let going: Promise<void> | null = null;
  let lastComplaint = '';
  const now = (): Promise<void> => {
    going ??= advanceRounds(db)
      .then(
        () => {
          lastComplaint = '';
        },
        (error: unknown) => {
          const complaint = error instanceof Error ? (error.stack ?? error.message) : String(error);
          if (complaint !== lastComplaint) log(`A round could not go on: ${complaint}`);
          lastComplaint = complaint;
        },
      )
      .finally(() => {
        going = null;
      });
    return going;
  };
  const timer = setInterval(() => void now(), ADVANCE_MILLISECONDS);
  return {
    now,
    async stop() {
      clearInterval(timer);
      await going;
    },
  };
}
