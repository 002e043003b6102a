import { and, asc, desc, eq, gt, inArray, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Database, Executor } from '@/db/client.ts';
import {
  datasetVersions,
  jobs,
  models,
  type RunStage,
  type RunStatus,
  rounds,
  runMetrics,
  runSamples,
  runs,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { SessionUser } from '../people/access.ts';
import { record } from '../people/audit.ts';
import { enqueueJob } from '../worker/jobs.ts';
import { requireRow, visibleTo } from './access.ts';
import { checkStageSettings, type StageSettings } from './stage-config.ts';

export type Run = typeof runs.$inferSelect;

const parents = alias(models, 'parents');
const rewardModels = alias(models, 'reward_models');

const summary = {
  id: runs.id,
  projectId: runs.projectId,
  roundId: runs.roundId,
  roundNumber: rounds.number,
  name: runs.name,
  stage: runs.stage,
  status: runs.status,
  step: runs.step,
  totalSteps: runs.totalSteps,
  resumedFrom: runs.resumedFrom,
  resumeCount: runs.resumeCount,
  message: runs.message,
  error: runs.error,
  cancelRequested: sql<boolean>`${runs.cancelRequestedAt} is not null`,
  createdAt: runs.createdAt,
  startedAt: runs.startedAt,
  finishedAt: runs.finishedAt,
};

/** Runs that the person may see, newest first. */
export async function listRuns(
  db: Database,
  user: SessionUser,
  filter: { projectId?: string | undefined; roundId?: string | undefined; limit: number },
) {
  return db
    .select(summary)
    .from(runs)
    .leftJoin(rounds, eq(rounds.id, runs.roundId))
    .where(
      and(
        visibleTo(db, user, runs.projectId),
        filter.projectId === undefined ? undefined : eq(runs.projectId, filter.projectId),
        filter.roundId === undefined ? undefined : eq(runs.roundId, filter.roundId),
      ),
    )
    .orderBy(desc(runs.id))
    .limit(filter.limit);
}

/** One run with its config, where it came from, the model that it made, and who works on it now. */
export async function getRun(db: Database, user: SessionUser, runId: string) {
  const [row] = await db
    .select({
      ...summary,
      config: runs.config,
      parent: { id: parents.id, name: parents.name, kind: parents.kind },
      rewardModel: { id: rewardModels.id, name: rewardModels.name },
      datasetVersion: { id: datasetVersions.id, name: datasetVersions.name, kind: datasetVersions.kind },
      model: { id: models.id, name: models.name, kind: models.kind },
    })
    .from(runs)
    .leftJoin(rounds, eq(rounds.id, runs.roundId))
    .leftJoin(parents, eq(parents.id, runs.parentModelId))
    .leftJoin(rewardModels, eq(rewardModels.id, runs.rewardModelId))
    .leftJoin(datasetVersions, eq(datasetVersions.id, runs.datasetVersionId))
    .leftJoin(models, eq(models.runId, runs.id))
    .where(eq(runs.id, runId));
  const run = await requireRow(db, user, row, 'run', 'researcher');
  const [job] = await db
    .select({ state: jobs.state, worker: jobs.worker, attempts: jobs.attempts, leaseUntil: jobs.leaseUntil })
    .from(jobs)
    .where(eq(jobs.runId, runId))
    .orderBy(desc(jobs.id))
    .limit(1);
  return { ...run, job: job ?? null };
}

/** The run's metrics after a step, in order of steps. */
export async function metricsAfter(db: Executor, runId: string, step: number, limit: number) {
  return db
    .select({ step: runMetrics.step, values: runMetrics.values, at: runMetrics.createdAt })
    .from(runMetrics)
    .where(and(eq(runMetrics.runId, runId), gt(runMetrics.step, step)))
    .orderBy(asc(runMetrics.step))
    .limit(limit);
}

/** The run's samples after a step, in order of steps and of the fixed prompts. */
export async function samplesAfter(db: Executor, runId: string, step: number, limit: number) {
  return db
    .select({
      step: runSamples.step,
      position: runSamples.position,
      prompt: runSamples.prompt,
      completion: runSamples.completion,
      reward: runSamples.reward,
    })
    .from(runSamples)
    .where(and(eq(runSamples.runId, runId), gt(runSamples.step, step)))
    .orderBy(asc(runSamples.step), asc(runSamples.position))
    .limit(limit);
}

/** Writes a run and the job that does it. The settings are checked here, so that a typo fails now and not in an hour. */
export async function createRun(
  db: Executor,
  input: {
    stage: RunStage;
    name: string;
    settings: StageSettings;
    projectId: string | null;
    roundId?: string | null;
    parentModelId?: string | null;
    rewardModelId?: string | null;
    datasetVersionId?: string | null;
    createdBy: string | null;
  },
): Promise<string> {
  const { settings, ...rest } = input;
  const config = checkStageSettings(input.stage, settings, `The ${input.stage} settings`);
  const [run] = await db
    .insert(runs)
    .values({ ...rest, config })
    .returning({ id: runs.id });
  if (!run) throw new AppError('INTERNAL', 'The run was not written.');
  await enqueueJob(db, { kind: 'run', payload: {}, runId: run.id, roundId: input.roundId ?? null });
  return run.id;
}

/** Starts pretraining a base model. Paths of its sources are absolute, or relative to TOUCHSTONE_HOME. */
export async function startPretrain(
  db: Database,
  input: { name: string; settings: StageSettings; projectId: string | null; createdBy: string | null },
): Promise<string> {
  return db.transaction(async (tx) => {
    const runId = await createRun(tx, { ...input, stage: 'pretrain' });
    await record(tx, input.createdBy, 'run.started', { kind: 'run', id: runId }, { stage: 'pretrain' });
    return runId;
  });
}

const CANCELLABLE: readonly RunStatus[] = ['queued', 'running'];
const RETRYABLE: readonly RunStatus[] = ['failed', 'cancelled'];

/**
 * Asks a run to stop. One that waits is cancelled at once; one that runs writes a checkpoint first, so that a retry goes
 * on from where it was.
 *
 * @throws CONFLICT when the run has ended already
 */
export async function cancelRun(db: Executor, runId: string, actorId: string | null): Promise<RunStatus> {
  return db.transaction(async (tx) => {
    // The jobs first, then the run: the same order in which a worker's fenced write locks them.
    const [job] = await tx
      .select({ id: jobs.id, state: jobs.state })
      .from(jobs)
      .where(and(eq(jobs.runId, runId), inArray(jobs.state, ['queued', 'running'])))
      .orderBy(asc(jobs.id))
      .for('update');
    const [run] = await tx.select().from(runs).where(eq(runs.id, runId)).for('update');
    if (!run) throw new AppError('NOT_FOUND', 'There is no such run.');
    if (!CANCELLABLE.includes(run.status)) {
      throw new AppError('CONFLICT', `This run is ${run.status} already: there is nothing to cancel.`);
    }
    const now = sql`now()`;
    if (job?.state === 'running') {
      await tx.update(runs).set({ cancelRequestedAt: now }).where(eq(runs.id, runId));
    } else {
      if (job) await tx.update(jobs).set({ state: 'cancelled', finishedAt: now }).where(eq(jobs.id, job.id));
      await tx
        .update(runs)
        .set({ status: 'cancelled', cancelRequestedAt: now, finishedAt: now })
        .where(eq(runs.id, runId));
    }
    await record(tx, actorId, 'run.cancelled', { kind: 'run', id: runId });
    return job?.state === 'running' ? 'running' : 'cancelled';
  });
}

/**
 * Queues a failed or cancelled run again. It goes on from its last checkpoint, if it wrote one.
 * @throws CONFLICT when the run neither failed nor was cancelled
 */
export async function retryRun(db: Executor, runId: string, actorId: string | null): Promise<void> {
  await db.transaction(async (tx) => {
    const [run] = await tx.select().from(runs).where(eq(runs.id, runId)).for('update');
    if (!run) throw new AppError('NOT_FOUND', 'There is no such run.');
    if (!RETRYABLE.includes(run.status)) {
      throw new AppError('CONFLICT', `This run is ${run.status}: only a failed or cancelled one is retried.`);
    }
    await tx
      .update(runs)
      .set({ status: 'queued', error: null, cancelRequestedAt: null, finishedAt: null })
      .where(eq(runs.id, runId));
    await enqueueJob(tx, { kind: 'run', payload: {}, runId, roundId: run.roundId });
    await record(tx, actorId, 'run.retried', { kind: 'run', id: runId });
  });
}
