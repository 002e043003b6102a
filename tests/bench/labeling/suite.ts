/** Labeling under load: hundreds of labelers, up to a million tasks, a real Postgres that writes to the disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@/db/client.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@/db/embedded.ts';
import { migrateDatabase } from '@/db/migrate.ts';
import { startTestWebApp, TEST_SECRET } from '../../support/web-app.ts';
import { pageRows } from '../pages/rows.ts';
import { type Measurement, measurement } from '../row.ts';
import type { BenchOptions, Suite } from '../suite.ts';
import { measureCycles } from './cycle.ts';
import { type Latency, measureNextTask } from './next-task.ts';
import { fillWorld, type World } from './world.ts';

const LABELERS = 500;
const FEW = 10_000;
const MANY = 1_000_000;
/** PERFORMANCE.md's: what is to be reached. */
const CYCLES_PER_SECOND = 200;
const NEXT_TASK_MILLISECONDS = 50;

/** `labeling-cycle`, `next-task-10k` and `next-task-1m`, then the pages' rows. */
async function run({ say }: BenchOptions): Promise<Measurement[]> {
  return [...(await serverRows(say)), ...(await pageRows({ say }))];
}

async function serverRows(say: BenchOptions['say']): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
  const server = await startEmbeddedPostgres({ folder });
  try {
    const few = await withDatabase(server, 'few', FEW, say, ({ next }) => next());
    const many = await withDatabase(server, 'many', MANY, say, async ({ url, world, next }) => {
      const latency = await next();
      say(`${LABELERS} labelers over HTTP, load ${load()}.`);
      const web = await startTestWebApp(url);
      try {
        const { address, pid } = web;
        const figures = await measureCycles(world, {
          address,
          secret: TEST_SECRET,
          web: pid,
          postgres: server.pid,
        });
        const { cost, waited } = figures;
        say(
          `${figures.cycles} cycles, ${figures.perSecond.toFixed(1)} a second. Processor time of one: web ${cost.web.toFixed(2)} ms, Postgres ${cost.postgres.toFixed(2)} ms, the labelers ${cost.labelers.toFixed(2)} ms. Load ${load()}.`,
        );
        say(
          `With two cores to itself and the labelers: ${(2000 / (cost.web + cost.postgres + cost.labelers)).toFixed(0)} a second; without the labelers: ${(2000 / (cost.web + cost.postgres)).toFixed(0)}, the web server alone on one core: ${(1000 / cost.web).toFixed(0)}.`,
        );
        for (const [path, { median, p99 }] of Object.entries(waited)) {
          say(`${path}: answered in ${median.toFixed(0)} ms (median), ${p99.toFixed(0)} ms (99 %).`);
        }
        return { latency, cycles: figures.perSecond };
      } finally {
        await web.stop();
      }
    });
    return [
      measurement('labeling-cycle', 'cycles/s', 'higher', { ours: many.cycles, limit: CYCLES_PER_SECOND }),
      measurement('next-task-10k', 'ms, p99', 'lower', { ours: few.p99, limit: NEXT_TASK_MILLISECONDS }),
      measurement('next-task-1m', 'ms, p99', 'lower', {
        ours: many.latency.p99,
        limit: NEXT_TASK_MILLISECONDS,
      }),
    ];
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fills a database of its own with so many tasks, and measures in it. */
async function withDatabase<T>(
  server: EmbeddedPostgres,
  name: string,
  tasks: number,
  say: (line: string) => void,
  measure: (filled: { url: string; world: World; next(): Promise<Latency> }) => Promise<T>,
): Promise<T> {
  const url = server.urlOf(name);
  const maintenance = openDatabase(server.url, { connections: 1 });
  await maintenance.client.unsafe(`create database "${name}"`).finally(() => maintenance.close());
  await migrateDatabase(url);
  const { db, client, close } = openDatabase(url);
  try {
    const start = Date.now();
    const world = await fillWorld(db, client, { tasks, labelers: LABELERS });
    say(`${tasks.toLocaleString('en')} tasks made in ${((Date.now() - start) / 1000).toFixed(0)} s.`);
    const next = async () => {
      const latency = await measureNextTask(db, world, server.pid);
      say(
        `Next task of ${tasks.toLocaleString('en')}: ${latency.median.toFixed(1)} ms (median), ${latency.p99.toFixed(1)} ms (99 %), ${latency.samples} samples; a cycle costs Postgres ${latency.postgres.toFixed(2)} ms of processor time; load ${load()}.`,
      );
      return latency;
    };
    return await measure({ url, world, next });
  } finally {
    await close();
  }
}

const load = () => (loadavg()[0] ?? 0).toFixed(1);

export const suite: Suite = { run };
