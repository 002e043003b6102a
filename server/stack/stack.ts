import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DatabaseConnection, openDatabase } from '@/db/client.ts';
import { startEmbeddedPostgres } from '@/db/embedded.ts';
import { migrateDatabase } from '@/db/migrate.ts';
import { AppError } from '../errors.ts';
import { buildIsCurrent, buildWebApp, startWebApp } from './build.ts';
import type { Child } from './child.ts';
import { authSecret, requireFreePort } from './settings.ts';
import { type SupervisedWorker, superviseWorker } from './supervised-worker.ts';

const WEB_GRACE = 3000;
const WEB_START_MILLISECONDS = 60_000;

export type Part = 'database' | 'build' | 'web' | 'worker';

export interface StackOptions {
  home: string;
  port: number;
  /** A Postgres of one's own; the embedded one when absent. */
  databaseUrl?: string | undefined;
  authSecret?: string | undefined;
  authUrl?: string | undefined;
  /** What the parts print. */
  onLine(part: Part, line: string): void;
  /** What a person should know: one sentence each. */
  onNews(line: string): void;
  onWorkerStart?(pid: number, restarts: number): void;
  onWorkerDeath?(pid: number, how: string): void;
}

/** The whole product on this machine: database, worker, web app. */
export interface Stack {
  connection: DatabaseConnection;
  /** The address of the web app. */
  address: string;
  /** Starts the worker, and keeps it running. */
  startWorker(): SupervisedWorker;
  /** Builds the web app if its build is not current, starts it, and waits until it answers. */
  startWeb(): Promise<void>;
  /** Resolves with a sentence when a part without which nothing works has ended unasked. */
  broken: Promise<string>;
  /** Stops everything that was started, the database last. */
  stop(): Promise<void>;
}

/**
 * Checks the port, starts the database and brings it to the current schema.
 * @throws AppError, one sentence, when the port is taken or the database cannot be had; nothing is left running
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  await requireFreePort(options.port);
  mkdirSync(options.home, { recursive: true });
  const embedded =
    options.databaseUrl === undefined
      ? await startEmbeddedPostgres({ folder: join(options.home, 'postgres') })
      : null;
  const databaseUrl = embedded?.url ?? options.databaseUrl ?? '';
  try {
    await migrateDatabase(databaseUrl);
  } catch (cause) {
    await embedded?.stop();
    throw new AppError(
      'UNAVAILABLE',
      `The database ${placeOf(databaseUrl)} cannot be used: ${whyOf(cause)}.`,
      {
        cause,
      },
    );
  }
  const connection = openDatabase(databaseUrl, { connections: 4 });
  const address = options.authUrl ?? `http://localhost:${options.port}`;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    TOUCHSTONE_HOME: options.home,
    PORT: String(options.port),
    NEXTAUTH_SECRET: authSecret(options.home, options.authSecret),
    NEXTAUTH_URL: address,
  };

  let worker: SupervisedWorker | null = null;
  let web: Child | null = null;
  let build: Child | null = null;
  let stopping = false;
  let fail: (sentence: string) => void = () => {};
  const broken = new Promise<string>((resolve) => {
    fail = (sentence) => {
      if (!stopping) resolve(sentence);
    };
  });
  void embedded?.exited.then(() => fail('The embedded database has stopped.'));

  return {
    connection,
    address,
    broken,
    startWorker() {
      worker ??= superviseWorker({
        env,
        onLine: (line) => options.onLine('worker', line),
        onStart: (pid, restarts) => options.onWorkerStart?.(pid, restarts),
        onDeath: (pid, how) => options.onWorkerDeath?.(pid, how),
      });
      return worker;
    },
    async startWeb() {
      if (!buildIsCurrent()) {
        options.onNews('There is no current build of the web app: building it, which takes half a minute.');
        await buildWebApp(
          env,
          (line) => options.onLine('build', line),
          (child) => {
            build = child;
          },
        );
        build = null;
      }
      if (stopping) return;
      const said: string[] = [];
      const started = startWebApp(options.port, env, (line) => {
        said.push(line);
        if (said.length > 20) said.shift();
        options.onLine('web', line);
      });
      web = started;
      void started.exited.then(({ code, signal }) =>
        fail(`The web app has stopped (${signal ?? `exit code ${code}`}): ${said.slice(-3).join(' ')}`),
      );
      await untilAnswers(`http://localhost:${options.port}/api/auth/csrf`, started, said);
    },
    async stop() {
      if (stopping) return;
      stopping = true;
      await Promise.all([worker?.stop(), web?.stop(WEB_GRACE), build?.stop(WEB_GRACE)]);
      await connection.close();
      await embedded?.stop();
    },
  };
}

async function untilAnswers(url: string, web: Child, said: string[]): Promise<void> {
  const end = Date.now() + WEB_START_MILLISECONDS;
  let gone = false;
  void web.exited.then(() => {
    gone = true;
  });
  while (!gone && Date.now() < end) {
    try {
      const response = await fetch(url);
      if (response.ok) return;
      said.push(`${url} answered ${response.status}.`);
    } catch {
      // It does not listen yet.
    }
    await sleep(100);
  }
  throw new AppError('UNAVAILABLE', `The web app did not start: ${said.slice(-5).join(' ')}`);
}

/** Where a database is, for people: without the password. */
function placeOf(databaseUrl: string): string {
  return URL.canParse(databaseUrl) ? new URL(databaseUrl).host : 'of DATABASE_URL';
}

/** What the database itself or the network said; the query around it is of no use to the person who set the address. */
function whyOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message.replace(/\.$/, '') : whyOf(thrown.cause);
}
