import { relative } from 'node:path';
import { runStage } from '@touchstone/trainer/stages/index.ts';
import type { StageResult } from '@touchstone/trainer/stages/types.ts';
import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '@/db/client.ts';
import { type ModelKind, models, type RunStage, runs } from '@/db/schema.ts';
import type { Run } from '../models/runs.ts';
import { completeConfig, runFolderOf } from './inputs.ts';
import { endJob, fenced } from './jobs.ts';
import { RunRecorder } from './recorder.ts';
import type { JobContext, JobOutcome } from './work.ts';

const MADE_BY: Record<RunStage, ModelKind> = { pretrain: 'base', sft: 'sft', reward: 'reward', ppo: 'ppo' };

/**
 * A training run: the trainer's stage, in this process, in the run's own folder. Whatever the stage reports is streamed
 * into the database; its finished checkpoint becomes a model in the very transaction that ends the job.
 */
export async function doRun(context: JobContext): Promise<JobOutcome> {
  const { db, claim, home, log, signal } = context;
  const run = await beginRun(context);
  if (run === null) return 'ended';
  const what = run.name === '' ? run.stage : run.name;
  const recorder = new RunRecorder(db, claim, run.id, run.startedAt !== null);
  const config = await completeConfig(db, home, run);
  log(`${what}: ${run.startedAt === null ? 'started' : 'picked up again'}.`);
  const result = await runStage(
    run.stage,
    config,
    {
      runFolder: runFolderOf(home, run.id),
      signal,
      onMetrics: (report) => recorder.metrics(report),
      onSamples: (report) => recorder.samples(report),
      onMessage: (line) => {
        recorder.message(line);
        log(`${what}: ${line}`);
      },
      beforeSave: () => recorder.flush(),
    },
    `The ${run.stage} settings of run ${run.id}`,
  );
  await recorder.flush();
  if (result.status === 'interrupted') return 'interrupted';
  context.beforeEnd();
  await fenced(db, claim, async (tx) => {
    const modelId = await writeModel(tx, home, run, result);
    await tx
      .update(runs)
      .set({ status: 'completed', finishedAt: sql`clock_timestamp()`, error: null })
      .where(eq(runs.id, run.id));
    await endJob(tx, claim, { state: 'completed', result: { modelId } });
  });
  log(`${what}: completed.`);
  return 'ended';
}

/** Marks the run as running; null when it was cancelled before it began. */
async function beginRun({ db, claim }: JobContext): Promise<Run | null> {
  return fenced(db, claim, async (tx) => {
    const [run] = claim.runId === null ? [] : await tx.select().from(runs).where(eq(runs.id, claim.runId));
    if (!run) throw new Error('The job names no run.');
    if (run.cancelRequestedAt !== null) {
      await cancelledRun(tx, run.id);
      await endJob(tx, claim, { state: 'cancelled' });
      return null;
    }
    await tx
      .update(runs)
      .set({ status: 'running', startedAt: sql`coalesce(${runs.startedAt}, clock_timestamp())`, error: null })
      .where(eq(runs.id, run.id));
    return run;
  });
}

/** Notes that a run was cancelled. */
export async function cancelledRun(tx: Transaction, runId: string): Promise<void> {
  await tx
    .update(runs)
    .set({ status: 'cancelled', finishedAt: sql`clock_timestamp()` })
    .where(eq(runs.id, runId));
}

async function writeModel(tx: Transaction, home: string, run: Run, result: StageResult): Promise<string> {
  const kind = MADE_BY[run.stage];
  const [model] = await tx
    .insert(models)
    .values({
      projectId: run.projectId,
      name: run.name === '' ? `${kind} ${run.id.slice(-6)}` : run.name,
      kind,
      folder: relative(home, result.checkpoint),
      metrics: Object.fromEntries(
        Object.entries(result.metrics).filter(([, value]) => Number.isFinite(value)),
      ),
      parentId: run.parentModelId,
      datasetVersionId: run.datasetVersionId,
      runId: run.id,
      roundId: run.roundId,
    })
    .returning({ id: models.id });
  if (!model) throw new Error('The model was not written.');
  return model.id;
}
