import { and, eq, sql } from 'drizzle-orm';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import { jobs } from '@/db/schema.ts';

/** What a worker can be asked to do. */
export const JOB_KINDS = ['run', 'sampling', 'evaluation'] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/** A job in the hands of one worker. `fence` is raised by every claim: whoever names an older one holds it no more. */
export interface Claim {
  id: string;
  kind: string;
  payload: Record<string, unknown>;
  fence: number;
  attempts: number;
  runId: string | null;
  roundId: string | null;
}

/** Thrown by a write of a worker whose lease another worker has taken over. Nothing was written. */
export class LeaseLostError extends Error {
  constructor(jobId: string) {
    super(`The lease of job ${jobId} was lost: another worker holds it now, so nothing was written.`);
    this.name = 'LeaseLostError';
  }
}

/** Puts a job in the queue and returns its id. Higher priorities are claimed first, then older jobs. */
export async function enqueueJob(
  db: Executor,
  job: {
    kind: JobKind;
    payload: Record<string, unknown>;
    runId?: string | null;
    roundId?: string | null;
    priority?: number;
  },
): Promise<string> {
  const [row] = await db
    .insert(jobs)
    .values({
      kind: job.kind,
      payload: job.payload,
      runId: job.runId ?? null,
      roundId: job.roundId ?? null,
      priority: job.priority ?? 0,
    })
    .returning({ id: jobs.id });
  if (!row) throw new Error('The job was not written.');
  return row.id;
}

const leaseEnd = (leaseSeconds: number) => sql`now() + make_interval(secs => ${leaseSeconds})`;

/**
 * Takes the next job: one that waits, or one whose worker let the lease run out. Workers that ask at once get different
 * jobs, since each skips the rows that another has locked.
 *
 * @param worker names the worker for people, for example `host:pid`
 * @returns the claim, or null when there is nothing to do
 */
export async function claimJob(
  db: Database,
  { worker, leaseSeconds }: { worker: string; leaseSeconds: number },
): Promise<Claim | null> {
  const free = sql`(${jobs.state} = 'queued' or (${jobs.state} = 'running' and ${jobs.leaseUntil} < now()))`;
  const next = db
    .select({ id: jobs.id })
    .from(jobs)
    .where(and(free, sql`${jobs.attempts} < ${jobs.maxAttempts}`))
    .orderBy(sql`${jobs.priority} desc, ${jobs.id}`)
    .limit(1)
    .for('update', { skipLocked: true });
  const [row] = await db
    .update(jobs)
    .set({
      state: 'running',
      worker,
      fence: sql`${jobs.fence} + 1`,
      attempts: sql`${jobs.attempts} + 1`,
      leaseUntil: leaseEnd(leaseSeconds),
      startedAt: sql`coalesce(${jobs.startedAt}, now())`,
    })
    .where(eq(jobs.id, next))
    .returning({
      id: jobs.id,
      kind: jobs.kind,
      payload: jobs.payload,
      fence: jobs.fence,
      attempts: jobs.attempts,
      runId: jobs.runId,
      roundId: jobs.roundId,
    });
  return row ?? null;
}

/** Jobs that were dropped by their worker as often as they may be: taken out of the queue, to be failed by the caller. */
export async function giveUpJobs(db: Executor): Promise<Claim[]> {
  return db
    .update(jobs)
    .set({
      state: 'failed',
      leaseUntil: null,
      finishedAt: sql`now()`,
      error: sql`'Given up: ' || ${jobs.attempts} || ' workers died on it one after the other.'`,
    })
    .where(
      and(
        eq(jobs.state, 'running'),
        sql`${jobs.leaseUntil} < now()`,
        sql`${jobs.attempts} >= ${jobs.maxAttempts}`,
      ),
    )
    .returning({
      id: jobs.id,
      kind: jobs.kind,
      payload: jobs.payload,
      fence: jobs.fence,
      attempts: jobs.attempts,
      runId: jobs.runId,
      roundId: jobs.roundId,
    });
}

/**
 * Runs a write in a transaction that holds only while the claim does: the job's row is locked, so no other worker can
 * take the job between the check and the write.
 *
 * @throws LeaseLostError when the job has been claimed anew, or ended
 */
export async function fenced<T>(
  db: Database,
  claim: Pick<Claim, 'id' | 'fence'>,
  write: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    const [held] = await tx
      .select({ id: jobs.id })
      .from(jobs)
      .where(and(eq(jobs.id, claim.id), eq(jobs.fence, claim.fence), eq(jobs.state, 'running')))
      .for('update');
    if (!held) throw new LeaseLostError(claim.id);
    return write(tx);
  });
}

/** Renews a lease. False when the job is no longer this claim's. A lease that ran out unclaimed is simply renewed. */
export async function renewLease(
  db: Executor,
  claim: Pick<Claim, 'id' | 'fence'>,
  leaseSeconds: number,
): Promise<boolean> {
  const rows = await db
    .update(jobs)
    .set({ leaseUntil: leaseEnd(leaseSeconds) })
    .where(and(eq(jobs.id, claim.id), eq(jobs.fence, claim.fence), eq(jobs.state, 'running')))
    .returning({ id: jobs.id });
  return rows.length === 1;
}

/** Ends a job inside a fenced write. */
export async function endJob(
  tx: Transaction,
  claim: Pick<Claim, 'id'>,
  outcome:
    | { state: 'completed'; result: Record<string, unknown> }
    | { state: 'failed'; error: string }
    | { state: 'cancelled' },
): Promise<void> {
  await tx
    .update(jobs)
    .set({ ...outcome, leaseUntil: null, finishedAt: sql`now()` })
    .where(eq(jobs.id, claim.id));
}

/** Gives a job back to the queue inside a fenced write, as a worker does that is asked to stop: no failed attempt. */
export async function giveBackJob(tx: Transaction, claim: Pick<Claim, 'id'>): Promise<void> {
  await tx
    .update(jobs)
    .set({
      state: 'queued',
      leaseUntil: null,
      worker: null,
      attempts: sql`greatest(${jobs.attempts} - 1, 0)`,
    })
    .where(eq(jobs.id, claim.id));
}

/** Notes how far a job has come, inside a fenced write. Getting further than ever before forgives earlier deaths. */
export async function noteProgress(tx: Transaction, claim: Pick<Claim, 'id'>, step: number): Promise<void> {
  await tx
    .update(jobs)
    .set({
      attempts: sql`case when ${step} > coalesce((${jobs.progress} ->> 'furthest')::int, 0) then 1 else ${jobs.attempts} end`,
      progress: sql`jsonb_build_object('step', ${step}::int, 'furthest',
        greatest(${step}::int, coalesce((${jobs.progress} ->> 'furthest')::int, 0)))`,
    })
    .where(eq(jobs.id, claim.id));
}
