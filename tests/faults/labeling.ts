/**
 * Hundreds of labelers over HTTP on two web servers and one durable Postgres, which are killed and come back meanwhile.
 * What the labelers were promised is counted from the database afterwards.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { openDatabase } from '@/db/client.ts';
import { migrateDatabase } from '@/db/migrate.ts';
import { buildWebAppOnce } from '../support/build-once.ts';
import { freePort } from '../support/free-port.ts';
import { sessionCookie } from '../support/session-cookie.ts';
import { work } from './labeler.ts';
import { Ledger } from './ledger.ts';
import { Random } from './random.ts';
import { type Mortal, MortalPostgres, MortalWebServer } from './servers.ts';
import { type Finding, judge } from './verdict.ts';
import { LEASE_SECONDS, makeWorld } from './world.ts';

const SECRET = 'a secret of the fault runs alone';
const WEB_SERVERS = 2;

export interface FaultOptions {
  labelers: number;
  tasks: number;
  /** How long new work is begun. */
  seconds: number;
  /** Seconds between two kills, drawn anew each time. */
  killEvery: [low: number, high: number];
  seed: number;
  say(line: string): void;
}

export interface FaultReport {
  findings: Finding[];
  counts: Ledger['counts'];
  /** Labels acknowledged. */
  labels: number;
  kills: { database: number; web: number };
  /** Seconds from the end of the last kill's revival to the last answer that was waited for. */
  settled: number;
}

export async function runFaults(options: FaultOptions): Promise<FaultReport> {
  const { labelers, seconds, seed, say } = options;
  const home = mkdtempSync(join(tmpdir(), 'touchstone-faults-'));
  const database = await MortalPostgres.start(home);
  const servers: MortalWebServer[] = [];
  try {
    await migrateDatabase(database.url);
    const first = openDatabase(database.url);
    const world = await makeWorld(first.db, options);
    await first.close();
    const env = (port: number): NodeJS.ProcessEnv => ({
      ...process.env,
      DATABASE_URL: database.url,
      TOUCHSTONE_HOME: home,
      PORT: String(port),
      NEXTAUTH_SECRET: SECRET,
      NEXTAUTH_URL: `http://localhost:${port}`,
    });
    await buildWebAppOnce(database.url, env(0), () => {});
    for (let i = 0; i < WEB_SERVERS; i++) {
      const port = await freePort();
      servers.push(new MortalWebServer(port, env(port)));
    }
    await Promise.all(servers.map((server) => server.revive()));
    say(`${labelers} labelers, ${options.tasks} tasks, ${seconds} s, seed ${seed}.`);

    const ledger = new Ledger();
    const stopping = AbortSignal.timeout(seconds * 1000);
    const working = Promise.all(
      world.labelerIds.map(async (labelerId, index) =>
        work({
          labelerId,
          projectId: world.projectId,
          addresses: servers.map((server) => server.address),
          cookie: await sessionCookie(labelerId, SECRET),
          awayMilliseconds: (LEASE_SECONDS + 3) * 1000,
          random: new Random(seed * 100_003 + index),
          ledger,
          stopping,
        }),
      ),
    );
    // A labeler that fails ends the run at once, rather than after the last kill.
    await Promise.race([killAtRandom([database, ...servers], options, stopping), working.then(() => {})]);
    const from = Date.now();
    await working;
    const settled = (Date.now() - from) / 1000;

    const last = openDatabase(database.url);
    const findings = await judge(last.db, world.projectId, ledger);
    await last.close();
    return {
      findings,
      counts: ledger.counts,
      labels: ledger.labels.size,
      kills: { database: database.kills, web: servers.reduce((sum, server) => sum + server.kills, 0) },
      settled,
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    await database.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Kills one after the other, each at a random moment, and lets it come back; all are alive when it ends. */
async function killAtRandom(victims: Mortal[], options: FaultOptions, stopping: AbortSignal): Promise<void> {
  const random = new Random(options.seed);
  const [low, high] = options.killEvery;
  for (let turn = 0; !stopping.aborted; turn++) {
    await wait(random.between(low, high) * 1000, undefined, { signal: stopping }).catch(() => {});
    // One of each first, then whoever comes.
    const victim = turn < 2 ? victims[turn] : random.shuffled(victims)[0];
    if (stopping.aborted || !victim) return;
    await victim.kill();
    await wait(random.between(0, 1500));
    await victim.revive();
    options.say(`Killed the ${victim.name} and brought it back.`);
  }
}
