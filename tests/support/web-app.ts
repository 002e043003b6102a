import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import postgres from 'postgres';
import { buildIsCurrent, buildWebApp, startWebApp } from '@/server/stack/build.ts';
import { freePort } from './free-port.ts';

const START_MILLISECONDS = 60_000;

export interface WebApp {
  address: string;
  stop(): Promise<void>;
}

/** The built web app on a free port, or the one that is named, over a database of the test's own. Builds it when the build is not current. */
export async function startTestWebApp(databaseUrl: string, options: { port?: number } = {}): Promise<WebApp> {
  const home = mkdtempSync(join(tmpdir(), 'touchstone-web-'));
  const port = options.port ?? (await freePort());
  const address = `http://localhost:${port}`;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATABASE_URL: databaseUrl,
    TOUCHSTONE_HOME: home,
    PORT: String(port),
    NEXTAUTH_SECRET: 'a secret of the tests alone',
    NEXTAUTH_URL: address,
  };
  const lines: string[] = [];
  await buildOnce(databaseUrl, env, (line) => lines.push(line));
  const web = startWebApp(port, env, (line) => lines.push(line));
  let ended = false;
  void web.exited.then(() => {
    ended = true;
  });
  const stop = async () => {
    await web.stop(3000);
    rmSync(home, { recursive: true, force: true });
  };
  const end = Date.now() + START_MILLISECONDS;
  while (!ended && Date.now() < end) {
    const answered = await fetch(`${address}/api/auth/csrf`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return { address, stop };
    await wait(100);
  }
  await stop();
  throw new Error(`The web app did not start:\n${lines.slice(-20).join('\n')}`);
}

/**
 * Builds the web app when the build is not current, one test file at a time: a second build would take the first's
 * files away from under its server.
 */
async function buildOnce(
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
