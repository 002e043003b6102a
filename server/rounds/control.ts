import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/db/client.ts';
import { jobs, type RoundState, rounds, runs } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { cancelRun, retryRun } from '../models/runs.ts';
import { record } from '../people/audit.ts';
import { enqueueJob } from '../worker/jobs.ts';
import { advanceRound } from './advance.ts';
import { lockRound, type Round } from './rounds.ts';
import { setRoundTasks } from './tasks.ts';

/** States whose gate an admin may open before the target is met. */
const WAITS_FOR_LABELS: readonly RoundState[] = ['demonstrations', 'ranking', 'evaluation'];

/**
 * Lets a round go on from the state in which it waits for labels, with those that there are.
 * @throws CONFLICT when it is in another state by now, or there is nothing to go on with
 */
export async function goOn(db: Database, roundId: string, state: RoundState, actorId: string): Promise<void> {
  await db.transaction(async (tx) => {
    const round = await lockRound(tx, roundId);
    if (round.status !== 'active' || round.state !== state) {
      throw new AppError(
        'CONFLICT',
        `The round is ${round.status}, in ${round.state}, and no longer waits in ${state}.`,
      );
    }
    if (!WAITS_FOR_LABELS.includes(state)) {
      throw new AppError('CONFLICT', `In ${state} the round waits for a run, not for an admin.`);
    }
    const go = [...new Set([...round.inputs.go, state])];
    await tx
      .update(rounds)
      .set({ inputs: { ...round.inputs, go } })
      .where(eq(rounds.id, roundId));
    await record(tx, actorId, 'round.go', { kind: 'round', id: roundId }, { state });
    // In the same transaction: when there is no label to freeze, the admin reads why and the go is not kept.
    await advanceRound(tx, roundId, actorId);
  });
}

/** The run that a state waits for. */
function runOf(round: Round): string | null {
  const { pretrainRunId, parentModelId, sftRunId, rewardRunId, ppoRunId } = round.inputs;
  if (round.state === 'demonstrations') return parentModelId === null ? pretrainRunId : null;
  if (round.state === 'sft') return sftRunId;
  if (round.state === 'reward') return rewardRunId;
  return round.state === 'ppo' ? ppoRunId : null;
}

async function runStatus(tx: Transaction, runId: string): Promise<string | undefined> {
  const [run] = await tx.select({ status: runs.status }).from(runs).where(eq(runs.id, runId));
  return run?.status;
}

/**
 * Cancels a round: its run writes a checkpoint and stops, its tasks are handed out no more. Nothing that people wrote is
 * touched, and `retryRound` goes on from here.
 * @throws CONFLICT when it has ended already
 */
export async function cancelRound(db: Database, roundId: string, actorId: string): Promise<void> {
  await db.transaction(async (tx) => {
    const round = await lockRound(tx, roundId);
    if (round.status !== 'active' && round.status !== 'failed') {
      throw new AppError('CONFLICT', `The round is ${round.status} already: there is nothing to cancel.`);
    }
    // Before its jobs: the worker that holds one learns of it at its next heartbeat.
    await tx.update(rounds).set({ status: 'cancelled' }).where(eq(rounds.id, roundId));
    const runId = runOf(round);
    const status = runId === null ? undefined : await runStatus(tx, runId);
    if (runId !== null && (status === 'queued' || status === 'running')) await cancelRun(tx, runId, actorId);
    await tx
      .update(jobs)
      .set({ state: 'cancelled', finishedAt: sql`now()` })
      .where(and(eq(jobs.roundId, roundId), eq(jobs.state, 'queued')));
    await setRoundTasks(tx, roundId, 'closed');
    await record(tx, actorId, 'round.cancelled', { kind: 'round', id: roundId }, { state: round.state });
  });
}

/**
 * Takes a failed or cancelled round up again where it stopped: its run goes on from its last checkpoint, its sampling or
 * evaluation is done anew, its tasks are handed out again.
 * @throws CONFLICT when it neither failed nor was cancelled, or its last worker has not let go of it yet
 */
export async function retryRound(db: Database, roundId: string, actorId: string): Promise<void> {
  await db.transaction(async (tx) => {
    const round = await lockRound(tx, roundId);
    if (round.status !== 'failed' && round.status !== 'cancelled') {
      throw new AppError(
        'CONFLICT',
        `The round is ${round.status}: only a failed or cancelled one is retried.`,
      );
    }
    const [held] = await tx
      .select({ worker: jobs.worker })
      .from(jobs)
      .where(and(eq(jobs.roundId, roundId), inArray(jobs.state, ['queued', 'running'])));
    if (held) {
      throw new AppError(
        'CONFLICT',
        `The worker ${held.worker ?? ''} is still stopping this round’s job: try again in a few seconds.`,
      );
    }
    const inputs = { ...round.inputs };
    const runId = runOf(round);
    const status = runId === null ? undefined : await runStatus(tx, runId);
    if (runId !== null && (status === 'failed' || status === 'cancelled')) await retryRun(tx, runId, actorId);
    if (round.state === 'sampling' && !(await completed(tx, inputs.samplingJobId))) {
      inputs.samplingJobId = await enqueueJob(tx, { kind: 'sampling', payload: {}, roundId });
    }
    if (round.state === 'evaluation' && !(await completed(tx, inputs.evaluationJobId))) {
      inputs.evaluationJobId = await enqueueJob(tx, { kind: 'evaluation', payload: {}, roundId });
    }
    if (WAITS_FOR_LABELS.includes(round.state)) {
      await setRoundTasks(tx, roundId, 'open', {
        kind: round.state === 'demonstrations' ? 'demonstration' : 'ranking',
        purpose: round.state === 'evaluation' ? 'evaluation' : 'training',
      });
    }
    await tx
      .update(rounds)
      .set({ status: 'active', error: null, attempt: round.attempt + 1, inputs })
      .where(eq(rounds.id, roundId));
    await record(tx, actorId, 'round.retried', { kind: 'round', id: roundId }, { state: round.state });
  });
}

async function completed(tx: Transaction, jobId: string | null): Promise<boolean> {
  if (jobId === null) return false;
  const [job] = await tx.select({ state: jobs.state }).from(jobs).where(eq(jobs.id, jobId));
  return job?.state === 'completed';
}
