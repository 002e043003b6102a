import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asc, eq } from 'drizzle-orm';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { jobs, models, runMetrics, runSamples, runs } from '@/db/schema.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { followRun, type RunEvent } from '../models/live.ts';
import { cancelRun, retryRun, startPretrain } from '../models/runs.ts';
import { type Child, startChild } from '../stack/child.ts';

const { db, url } = await openTestDatabase();
const home = mkdtempSync(join(tmpdir(), 'touchstone-worker-'));
const children: Child[] = [];
// A test that failed leaves a worker behind, which would take the next one's run.
afterEach(async () => {
  for (const child of children) child.process.kill('SIGKILL');
  await Promise.all(children.splice(0).map((child) => child.exited));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const lines = Array.from({ length: 60 }, (_, i) =>
  JSON.stringify({ text: `The ${i} of ${i % 7} is ${i * 3}.` }),
);
writeFileSync(join(home, 'documents.jsonl'), lines.join('\n'));

const STEPS = 60;
const settings = {
  seed: 3,
  sources: [{ path: 'documents.jsonl' }],
  vocabularySize: 262,
  context: 16,
  width: 16,
  layers: 1,
  heads: 2,
  steps: STEPS,
  batchSize: 4,
  warmupSteps: 2,
  checkpointEvery: 5,
  validateEvery: 20,
  validationRows: 4,
  samplePrompts: ['The 1'],
  sampleEvery: 20,
  sampleTokens: 4,
};

/** A worker process, as `npm start` starts it, with a short lease. */
function startWorker(): Child {
  const child = startChild({
    args: ['--import', 'tsx', 'server/worker/main.ts'],
    env: {
      ...process.env,
      DATABASE_URL: url,
      TOUCHSTONE_HOME: home,
      TOUCHSTONE_THREADS: '1',
      TOUCHSTONE_JOB_LEASE_SECONDS: '2',
      NODE_OPTIONS: '',
    },
    onLine: () => {},
    watchesParent: true,
  });
  children.push(child);
  return child;
}

const start = (steps = STEPS) =>
  startPretrain(db, { name: 'tiny', settings: { ...settings, steps }, projectId: null, createdBy: null });
const runOf = async (id: string) => {
  const [run] = await db.select().from(runs).where(eq(runs.id, id));
  if (!run) throw new Error('no run');
  return run;
};
const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 50_000, interval: 20 });
const lossesOf = async (id: string) => {
  const rows = await db
    .select({ step: runMetrics.step, values: runMetrics.values })
    .from(runMetrics)
    .where(eq(runMetrics.runId, id))
    .orderBy(asc(runMetrics.step));
  return rows.map(({ step, values }) => [step, values.loss, values.gradientNorm]);
};

test('a run survives SIGKILL: another worker takes it up from its checkpoint, and the curve is the unbroken one', async () => {
  const killed = await start();
  const first = startWorker();
  await until(async () => expect((await runOf(killed)).step).toBeGreaterThan(6));
  first.process.kill('SIGKILL');
  await first.exited;
  const second = startWorker();
  await until(async () => expect((await runOf(killed)).status).toBe('completed'));
  const run = await runOf(killed);
  expect(run).toMatchObject({ step: STEPS, totalSteps: STEPS, resumeCount: 1, error: null });
  expect(run.resumedFrom).toBeGreaterThanOrEqual(5);
  expect((run.resumedFrom ?? 1) % 5).toBe(0);

  const whole = await start();
  await until(async () => expect((await runOf(whole)).status).toBe('completed'));
  expect(await runOf(whole)).toMatchObject({ resumeCount: 0, resumedFrom: null });
  const losses = await lossesOf(killed);
  expect(losses.map(([step]) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  expect(losses).toEqual(await lossesOf(whole));
  const samples = (id: string) =>
    db
      .select({ step: runSamples.step, completion: runSamples.completion })
      .from(runSamples)
      .where(eq(runSamples.runId, id))
      .orderBy(asc(runSamples.step));
  expect((await samples(killed)).map(({ step }) => step)).toEqual([0, 20, 40, 60]);
  expect(await samples(killed)).toEqual(await samples(whole));
  const made = await db.select().from(models).where(eq(models.runId, killed));
  expect(made).toMatchObject([{ kind: 'base', folder: `runs/${killed}/model` }]);

  // A page that had seen nothing but the first steps of the first attempt gets the rest, with a rewind before it.
  const events: RunEvent[] = [];
  for await (const { event } of followRun(db, killed, '0.59.-1', undefined)) events.push(event);
  expect(events[0]).toEqual({ kind: 'rewind', step: run.resumedFrom, resumeCount: 1 });
  const steps = events.flatMap((event) =>
    event.kind === 'metrics' ? event.rows.map(({ step }) => step) : [],
  );
  expect(steps).toEqual(
    Array.from({ length: STEPS - (run.resumedFrom ?? 0) }, (_, i) => (run.resumedFrom ?? 0) + 1 + i),
  );
  expect(events.at(-1)).toMatchObject({ kind: 'status', status: 'completed' });
  await second.stop(20_000);
});

test('SIGTERM gives the job back with a checkpoint; a cancelled run stops and a retry goes on from it', async () => {
  const runId = await start(100_000);
  const polite = startWorker();
  await until(async () => expect((await runOf(runId)).step).toBeGreaterThan(3));
  polite.process.kill('SIGTERM');
  expect(await polite.exited).toEqual({ code: 0, signal: null });
  const stopped = await runOf(runId);
  expect(stopped.status).toBe('queued');
  const [job] = await db.select().from(jobs).where(eq(jobs.runId, runId));
  expect(job).toMatchObject({ state: 'queued', worker: null, attempts: 0 });

  const worker = startWorker();
  await until(async () => expect((await runOf(runId)).step).toBeGreaterThan(stopped.step + 3));
  expect((await runOf(runId)).resumedFrom).toBe(stopped.step);
  await cancelRun(db, runId, null);
  await until(async () => expect((await runOf(runId)).status).toBe('cancelled'));
  const cancelled = await runOf(runId);
  await expect(cancelRun(db, runId, null)).rejects.toThrow('is cancelled already');
  await retryRun(db, runId, null);
  await until(async () => expect((await runOf(runId)).step).toBeGreaterThan(cancelled.step + 3));
  expect(await runOf(runId)).toMatchObject({ resumedFrom: cancelled.step, resumeCount: 2 });
  await cancelRun(db, runId, null);
  await until(async () => expect((await runOf(runId)).status).toBe('cancelled'));
  await worker.stop(20_000);
});

test('a run that cannot be done fails with a sentence, and the worker goes on to the next', async () => {
  const broken = await startPretrain(db, {
    name: 'broken',
    settings: { ...settings, sources: [{ path: 'absent.jsonl' }] },
    projectId: null,
    createdBy: null,
  });
  const good = await start(3);
  const worker = startWorker();
  await until(async () => expect((await runOf(good)).status).toBe('completed'));
  const run = await runOf(broken);
  expect(run.status).toBe('failed');
  expect(run.error).toContain('absent.jsonl');
  expect(run.error).not.toContain('\n');
  await worker.stop(20_000);
});

test('a worker without DATABASE_URL says so in one sentence', async () => {
  const said: string[] = [];
  const child = startChild({
    args: ['--import', 'tsx', 'server/worker/main.ts'],
    env: { ...process.env, DATABASE_URL: '', NODE_OPTIONS: '' },
    onLine: (line) => said.push(line),
  });
  expect(await child.exited).toMatchObject({ code: 1 });
  expect(said).toEqual([expect.stringMatching(/^DATABASE_URL is not set: expected a Postgres address/)]);
});
