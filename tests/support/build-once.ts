import postgres from 'postgres';
import { buildIsCurrent, buildWebApp } from '@/server/stack/build.ts';

/**
 * Builds the web app when the build is not current, one process at a time: a second build would take the first's
 * files away from under its server.
 * @param databaseUrl any database of the server whose locks the builders share
 */
export async function buildWebAppOnce(
  databaseUrl: string,
  env: NodeJS.ProcessEnv,
  onLine: (line: string) => void,
): Promise<void> {
  // A lock is of one database: the server's own is common to all tests. It goes with the connection.
  const common = new URL(databaseUrl);
  common.pathname = '/postgres';
  const sql = postgres(common.href, { max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(hashtextextended(${`build of ${process.cwd()}`}, 0))`;
    if (!buildIsCurrent()) await buildWebApp(env, onLine);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
