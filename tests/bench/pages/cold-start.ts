import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { ROOT } from '@/server/stack/child.ts';
import { freePort } from '../../support/free-port.ts';

const LONGEST_MILLISECONDS = 120_000;

/**
 * Seconds from `npm start`, the app being built, to the first page that it serves.
 * @param home an empty folder: the first start makes a database there, the second finds it
 */
export async function coldStarts(home: string): Promise<{ first: number; again: number }> {
  mkdirSync(home, { recursive: true });
  return { first: await timeStart(home), again: await timeStart(home) };
}

async function timeStart(home: string): Promise<number> {
  const port = await freePort();
  const env: NodeJS.ProcessEnv = { ...process.env, TOUCHSTONE_HOME: home, PORT: String(port) };
  for (const name of ['DATABASE_URL', 'NEXTAUTH_URL', 'NEXTAUTH_SECRET']) delete env[name];
  const begun = performance.now();
  const lines: string[] = [];
  const child = spawn('npm', ['start'], {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => lines.push(data.toString()));
  }
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    while (performance.now() - begun < LONGEST_MILLISECONDS && child.exitCode === null) {
      const served = await fetch(`http://localhost:${port}/setup`).then(
        async (answer) => answer.ok && (await answer.text()).includes('</html>'),
        () => false,
      );
      if (served) return (performance.now() - begun) / 1000;
      await wait(20);
    }
  } finally {
    // The whole group: npm, the shell that it starts, and the product, which stops what it has started itself.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await ended;
  }
  throw new Error(`npm start served no page:\n${lines.join('').split('\n').slice(-20).join('\n')}`);
}
