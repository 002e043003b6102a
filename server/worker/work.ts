import { TrainerError } from '@touchstone/trainer/errors.ts';
import { eq, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { runs } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { type Claim, endJob, fenced, giveBackJob, LeaseLostError } from './jobs.ts';
import type { LeaseKeeper } from './lease.ts';

/** What a job is done with. */
export interface JobContext {
  db: Database;
  claim: Claim;
  /** TOUCHSTONE_HOME. */
  home: string;
  /** Aborted when the job is cancelled or the worker is asked to stop. */
  signal: AbortSignal;
  log(line: string): void;
  /** Called before the write that ends the job, after which the lease needs no keeping. */
  beforeEnd(): void;
}

/** `ended`: the job's end is written; `interrupted`: it stopped because of the signal, and can go on. */
export type JobOutcome = 'ended' | 'interrupted';
export type JobHandler = (context: JobContext) => Promise<JobOutcome>;

/**
 * Does a claimed job: keeps its lease, listens for its cancellation, and writes how it ended.
 *
 * @param options.stopping aborted when the worker is asked to stop: the job is given back to the queue
 * @param options.onLost called when another worker has taken the job; nothing more may be written for it
 */
export async function workOn(
  claim: Claim,
  options: {
    db: Database;
    home: string;
    handlers: Record<string, JobHandler>;
    lease: LeaseKeeper;
    stopping: AbortSignal;
    log(line: string): void;
    onLost(): void;
  },
): Promise<'ended' | 'given back' | 'lost'> {
  const { db, lease, stopping } = options;
  const cancelled = new AbortController();
  lease.keep(claim, { onCancel: () => cancelled.abort(), onLost: options.onLost });
  const signal = AbortSignal.any([cancelled.signal, stopping]);
  try {
    const handler = options.handlers[claim.kind];
    if (!handler) throw new AppError('BAD_INPUT', `No worker knows the kind of job "${claim.kind}".`);
    const outcome = await handler({
      db,
      claim,
      home: options.home,
      signal,
      log: options.log,
      beforeEnd: () => lease.release(),
    });
    if (outcome === 'ended') return 'ended';
    lease.release();
    if (cancelled.signal.aborted) {
      await fenced(db, claim, async (tx) => {
        if (claim.runId !== null) {
          await tx
            .update(runs)
            .set({ status: 'cancelled', finishedAt: sql`clock_timestamp()` })
            .where(eq(runs.id, claim.runId));
        }
        await endJob(tx, claim, { state: 'cancelled' });
      });
      return 'ended';
    }
    await giveBack(db, claim);
    return 'given back';
  } catch (error) {
    lease.release();
    if (error instanceof LeaseLostError) {
      options.log(error.message);
      return 'lost';
    }
    options.log(`Failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    await failJob(db, claim, sentenceOf(error));
    return 'ended';
  }
}

async function giveBack(db: Database, claim: Claim): Promise<void> {
  await fenced(db, claim, async (tx) => {
    if (claim.runId !== null) await tx.update(runs).set({ status: 'queued' }).where(eq(runs.id, claim.runId));
    await giveBackJob(tx, claim);
  });
}

/** Writes that a job failed, and its run with it. The round notices at its next step. */
export async function failJob(db: Database, claim: Claim, error: string): Promise<void> {
  await fenced(db, claim, async (tx) => {
    if (claim.runId !== null) {
      await tx
        .update(runs)
        .set({ status: 'failed', error, finishedAt: sql`clock_timestamp()` })
        .where(eq(runs.id, claim.runId));
    }
    await endJob(tx, claim, { state: 'failed', error });
  });
}

/** The sentence that a person reads on the run's page; the whole stack is in the worker's log. */
function sentenceOf(error: unknown): string {
  if (error instanceof TrainerError || error instanceof AppError) return error.message;
  return `Unexpected error in the worker: ${error instanceof Error ? error.message : String(error)}`;
}
