/**
 * The one PostgreSQL server of all tests on this machine: started by the first test that needs it (database.ts), and
 * gone by itself when no test has been connected for a while. Not durable, and emptied at each start.
 */
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import postgres from 'postgres';
import { startEmbeddedPostgres } from '@/db/embedded.ts';
import { serverFolder, TEST_PREFIX } from './server-folder.ts';

const IDLE_MILLISECONDS = 30_000;

const folder = serverFolder();
const server = await startEmbeddedPostgres({ folder, durable: false });
const url = server.urlOf('postgres');
const sql = postgres(url, { max: 1, onnotice: () => {} });

const leftovers = await sql<{ datname: string }[]>`
  select datname from pg_database where starts_with(datname, ${TEST_PREFIX})`;
for (const { datname } of leftovers) await sql.unsafe(`drop database "${datname}" with (force)`);

const file = join(folder, 'server.json');
writeFileSync(`${file}.new`, JSON.stringify({ url }));
chmodSync(`${file}.new`, 0o600);
renameSync(`${file}.new`, file);

let idleSince = Date.now();
while (Date.now() - idleSince < IDLE_MILLISECONDS) {
  await wait(1000);
  const [others] = await sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()`;
  if (others && others.count > 0) idleSince = Date.now();
}
rmSync(file, { force: true });
await sql.end();
await server.stop();
