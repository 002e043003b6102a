import { setTimeout as sleep } from 'node:timers/promises';
import { eq } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { runs } from '@/db/schema.ts';
import { metricsAfter, samplesAfter } from './runs.ts';

const POLL_MILLISECONDS = 400;
const BATCH = 500;
const ENDED = new Set(['completed', 'failed', 'cancelled']);

/** Where a listener is: all steps up to these have been sent, of the run as it was picked up `resumeCount` times. */
interface Cursor {
  resumeCount: number;
  metricsStep: number;
  samplesStep: number;
}

/** What a live listener of a run receives. */
export type RunEvent =
  /** The run goes on from an earlier step: what is shown beyond it no longer holds. */
  | { kind: 'rewind'; step: number; resumeCount: number }
  | { kind: 'metrics'; rows: { step: number; values: Record<string, number> }[] }
  | {
      kind: 'samples';
      rows: { step: number; position: number; prompt: string; completion: string; reward: number | null }[];
    }
  | {
      kind: 'status';
      status: string;
      step: number;
      totalSteps: number | null;
      message: string;
      error: string | null;
      resumedFrom: number | null;
      resumeCount: number;
    };

const START: Cursor = { resumeCount: 0, metricsStep: -1, samplesStep: -1 };

function parseCursor(id: string | undefined): Cursor {
  const match = /^(\d+)\.(-?\d+)\.(-?\d+)$/.exec(id ?? '');
  if (!match) return { ...START };
  return { resumeCount: Number(match[1]), metricsStep: Number(match[2]), samplesStep: Number(match[3]) };
}

/**
 * Everything of a run from `lastEventId` on, and then whatever comes, until it has ended. Each event has an id with which
 * a listener that lost its connection goes on without a gap. A resume that takes the run back is told as a `rewind`.
 */
export async function* followRun(
  db: Database,
  runId: string,
  lastEventId: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ id: string; event: RunEvent }> {
  const cursor = parseCursor(lastEventId);
  const send = (event: RunEvent) => ({
    id: `${cursor.resumeCount}.${cursor.metricsStep}.${cursor.samplesStep}`,
    event,
  });
  let lastStatus = '';
  while (!signal?.aborted) {
    const [run] = await db
      .select({
        status: runs.status,
        step: runs.step,
        totalSteps: runs.totalSteps,
        message: runs.message,
        error: runs.error,
        resumedFrom: runs.resumedFrom,
        resumeCount: runs.resumeCount,
      })
      .from(runs)
      .where(eq(runs.id, runId));
    if (!run) return;
    if (run.resumeCount !== cursor.resumeCount) {
      const step = run.resumedFrom ?? 0;
      cursor.resumeCount = run.resumeCount;
      cursor.metricsStep = Math.min(cursor.metricsStep, step);
      cursor.samplesStep = Math.min(cursor.samplesStep, step);
      yield send({ kind: 'rewind', step, resumeCount: run.resumeCount });
    }
    const status: RunEvent = { kind: 'status', ...run };
    const text = JSON.stringify(status);
    const ended = ENDED.has(run.status);
    const metrics = await metricsAfter(db, runId, cursor.metricsStep, BATCH);
    const samples = await samplesAfter(db, runId, cursor.samplesStep, BATCH);
    if (metrics.length > 0) {
      cursor.metricsStep = metrics.at(-1)?.step ?? cursor.metricsStep;
      yield send({ kind: 'metrics', rows: metrics.map(({ step, values }) => ({ step, values })) });
    }
    if (samples.length > 0) {
      // A step's samples are written together and a batch is larger than any step's: the last step is complete,
      // unless the batch is full.
      const last = samples.at(-1)?.step ?? cursor.samplesStep;
      const whole = samples.length < BATCH ? samples : samples.filter((row) => row.step < last);
      cursor.samplesStep = whole.at(-1)?.step ?? cursor.samplesStep;
      if (whole.length > 0) yield send({ kind: 'samples', rows: whole });
    }
    if (text !== lastStatus) {
      lastStatus = text;
      yield send(status);
    }
    if (metrics.length === BATCH || samples.length === BATCH) continue;
    if (ended) return;
    await sleep(POLL_MILLISECONDS, undefined, signal ? { signal } : {}).catch(() => {});
  }
}
