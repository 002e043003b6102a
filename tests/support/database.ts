import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterAll } from 'vitest';
import { z } from 'zod';
import { type Database, type DatabaseConnection, openDatabase } from '@/db/client.ts';
import { migrateDatabase } from '@/db/migrate.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { serverFolder, TEST_PREFIX } from './server-folder.ts';

const START_MILLISECONDS = 60_000;
const MOST_ATTEMPTS = 3;
const root = fileURLToPath(new URL('../..', import.meta.url));

export interface TestDatabase {
  db: Database;
  /** The driver itself. */
  client: postgres.Sql;
  /** The address, for processes that a test starts. */
  url: string;
  /** Another pool of connections to the same database, as another process would have; closed with it. */
  connect(connections?: number): DatabaseConnection;
}

/**
 * A migrated, empty database of this test file's own, on the one PostgreSQL server of the tests. Call it at the top of
 * the file; it is dropped after the file's tests.
 */
export async function openTestDatabase(): Promise<TestDatabase> {
  const { serverUrl, name, first } = await emptyDatabase();
  const url = databaseUrl(serverUrl, name);
  const { db, client } = first;
  const opened: DatabaseConnection[] = [first];
  const connect = (connections?: number) => {
    const connection = openOne(url, connections);
    opened.push(connection);
    return connection;
  };
  afterAll(async () => {
    await Promise.all(opened.map((connection) => connection.close()));
    await withServer(serverUrl, (sql) => sql.unsafe(`drop database "${name}" with (force)`));
  });
  return { db, client, url, connect };
}

const openOne = (url: string, connections = 16) => openDatabase(url, { connections });

/** A new database, and a first connection to it: from then on the server stays, which leaves when nobody is connected. */
async function emptyDatabase(): Promise<{ serverUrl: string; name: string; first: DatabaseConnection }> {
  const name = `${TEST_PREFIX}${uuidv7().replaceAll('-', '')}`;
  for (let attempt = 1; ; attempt++) {
    const serverUrl = await runningServer();
    const first = openOne(databaseUrl(serverUrl, name));
    try {
      await withServer(serverUrl, async (sql) => {
        const template = await migratedTemplate(sql, serverUrl);
        await sql.unsafe(`create database "${name}" template "${template}"`);
      });
      await first.client`select 1`;
      return { serverUrl, name, first };
    } catch (error) {
      await first.close();
      // The server was just leaving: its next start is an empty one.
      if (attempt === MOST_ATTEMPTS || !isLeaving(error)) throw error;
    }
  }
}

/** Whether a server refused because it ends: shutting down (57P01, 57P03), or gone. */
function isLeaving(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return ['57P01', '57P03', 'ECONNREFUSED', 'ECONNRESET', 'CONNECTION_CLOSED'].includes(String(code));
}

/** A database with the current schema to copy from, made once for each state of the migrations. */
async function migratedTemplate(sql: postgres.Sql, serverUrl: string): Promise<string> {
  const name = `template_${migrationsHash()}`;
  // A session's lock on this one connection: test files that start together wait for the first.
  await sql`select pg_advisory_lock(hashtextextended(${name}, 0))`;
  try {
    const found = await sql`select 1 from pg_database where datname = ${name}`;
    if (found.length > 0) return name;
    const making = `${name}_new`;
    await sql.unsafe(`drop database if exists "${making}" with (force)`);
    await sql.unsafe(`create database "${making}"`);
    await migrateDatabase(databaseUrl(serverUrl, making));
    await sql.unsafe(`alter database "${making}" rename to "${name}"`);
    return name;
  } finally {
    await sql`select pg_advisory_unlock(hashtextextended(${name}, 0))`;
  }
}

function migrationsHash(): string {
  const folder = join(root, 'db/migrations');
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) {
    if (file.endsWith('.sql')) hash.update(readFileSync(join(folder, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** The address of the tests' server, started when it does not run. */
async function runningServer(): Promise<string> {
  const folder = serverFolder();
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const end = Date.now() + START_MILLISECONDS;
  let startedAt = 0;
  while (Date.now() < end) {
    const url = readUrl(join(folder, 'server.json'));
    if (url !== null && (await answers(url))) return url;
    // Should two test files start one each, the second server finds the first's folder in use and goes.
    if (Date.now() - startedAt > 15_000) {
      startedAt = Date.now();
      startServer(folder);
    }
    await wait(100);
  }
  throw new Error(`The tests' database server did not start within 60 s (see ${join(folder, 'start.log')}).`);
}

function startServer(folder: string): void {
  const log = openSync(join(folder, 'start.log'), 'a');
  const server = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('./postgres-server.ts', import.meta.url))],
    {
      cwd: root,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, NODE_OPTIONS: '' },
    },
  );
  server.unref();
}

function readUrl(file: string): string | null {
  try {
    return z.object({ url: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).url;
  } catch {
    return null;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await withServer(url, (sql) => sql`select 1`);
    return true;
  } catch {
    return false;
  }
}

async function withServer<T>(url: string, use: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 });
  try {
    return await use(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
