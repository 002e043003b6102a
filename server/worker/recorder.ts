import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MetricsReport, SamplesReport } from '@touchstone/trainer/stages/types.ts';
import { and, eq, gte, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { runMetrics, runSamples, runs } from '@/db/schema.ts';
import { storable } from '../labeling/schemas.ts';
import { type Claim, fenced, noteProgress } from './jobs.ts';

/** Reports wait at most so long before they are written, so that a page shows them live and a step stays quick. */
const FLUSH_MILLISECONDS = 400;
const FLUSH_ROWS = 200;

/**
 * Streams what a stage reports into the database, in small batches, each a fenced write. When a run is picked up again,
 * the rows beyond the step that it goes on from are removed first: the curve is the one of the weights.
 */
export class RunRecorder {
  readonly #db: Database;
  readonly #claim: Claim;
  readonly #runId: string;
  readonly #pickedUp: boolean;
  #metrics: MetricsReport[] = [];
  #samples: SamplesReport[] = [];
  #lastFlush = performance.now();
  #message: string | null = null;
  #began = false;

  constructor(db: Database, claim: Claim, runId: string, pickedUp: boolean) {
    this.#db = db;
    this.#claim = claim;
    this.#runId = runId;
    this.#pickedUp = pickedUp;
  }

  async metrics(report: MetricsReport): Promise<void> {
    await this.#begin(report.step - 1);
    this.#metrics.push(report);
    await this.#flushWhenDue();
  }

  async samples(report: SamplesReport): Promise<void> {
    // Samples before the first update carry step 0 and come before any metric.
    if (report.step === 0) await this.#begin(0);
    this.#samples.push(report);
    await this.#flushWhenDue();
  }

  message(line: string): void {
    this.#message = storable(line);
  }

  /** Notes where the run begins, once; of a run that was picked up, removes what lies beyond. */
  async #begin(fromStep: number): Promise<void> {
    if (this.#began) return;
    this.#began = true;
    await fenced(this.#db, this.#claim, async (tx) => {
      const own = eq(runMetrics.runId, this.#runId);
      await tx.delete(runMetrics).where(and(own, gte(runMetrics.step, fromStep + 1)));
      await tx
        .delete(runSamples)
        .where(
          and(eq(runSamples.runId, this.#runId), gte(runSamples.step, fromStep === 0 ? 0 : fromStep + 1)),
        );
      await tx
        .update(runs)
        .set({
          step: fromStep,
          ...(this.#pickedUp ? { resumedFrom: fromStep, resumeCount: sql`${runs.resumeCount} + 1` } : {}),
        })
        .where(eq(runs.id, this.#runId));
    });
  }

  async #flushWhenDue(): Promise<void> {
    const waited = performance.now() - this.#lastFlush;
    if (waited >= FLUSH_MILLISECONDS || this.#metrics.length >= FLUSH_ROWS) await this.flush();
    // Training computes without a pause: give timers, signals and messages their turn once a step.
    else await nextTurn();
  }

  /** Writes everything reported so far. */
  async flush(): Promise<void> {
    const [metrics, samples, message] = [this.#metrics, this.#samples, this.#message];
    this.#lastFlush = performance.now();
    if (metrics.length === 0 && samples.length === 0 && message === null) return;
    this.#metrics = [];
    this.#samples = [];
    this.#message = null;
    const last = metrics.at(-1);
    await fenced(this.#db, this.#claim, async (tx) => {
      if (metrics.length > 0) {
        await tx
          .insert(runMetrics)
          .values(
            metrics.map(({ step, values }) => ({ runId: this.#runId, step, values: finiteOnly(values) })),
          )
          .onConflictDoUpdate({
            target: [runMetrics.runId, runMetrics.step],
            set: { values: sql`excluded.values` },
          });
      }
      const rows = samples.flatMap(({ step, samples: written }) =>
        written.map((sample, position) => ({
          runId: this.#runId,
          step,
          position,
          prompt: storable(sample.prompt),
          completion: storable(sample.completion),
          reward: sample.reward ?? null,
        })),
      );
      if (rows.length > 0) await tx.insert(runSamples).values(rows).onConflictDoNothing();
      await tx
        .update(runs)
        .set({
          ...(last ? { step: last.step, totalSteps: last.totalSteps } : {}),
          ...(message === null ? {} : { message }),
          id: this.#runId,
        })
        .where(eq(runs.id, this.#runId));
      if (last) await noteProgress(tx, this.#claim, last.step);
    });
  }
}

/** JSON has no NaN or infinity; a value that is neither is left out of its row. */
function finiteOnly(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
}
