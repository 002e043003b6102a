import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startWebApp } from '@/server/stack/build.ts';
import { buildWebAppOnce } from './build-once.ts';
import { freePort } from './free-port.ts';

const START_MILLISECONDS = 60_000;

/** With which test web apps sign their sessions. */
export const TEST_SECRET = 'a secret of the tests alone';

export interface WebApp {
  address: string;
  pid: number;
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
    NEXTAUTH_SECRET: TEST_SECRET,
    NEXTAUTH_URL: address,
  };
  const lines: string[] = [];
  await buildWebAppOnce(databaseUrl, env, (line) => lines.push(line));
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
    if (answered) return { address, pid: web.pid, stop };
    await wait(100);
  }
  await stop();
  throw new Error(`The web app did not start:\n${lines.slice(-20).join('\n')}`);
}
