import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from './client.ts';
import { startEmbeddedPostgres } from './embedded.ts';
import { migrateDatabase } from './migrate.ts';
import { identify, isRunning, waitForExit } from './processes.ts';
import { users } from './schema.ts';
import { seedUser } from './seed.ts';

// mkdtemp makes a folder that only its owner may enter, as /root is: the hardest place for Postgres to start from root.
const folder = mkdtempSync(join(tmpdir(), 'touchstone-embedded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Another process that starts the server in the folder and prints its process id and address. */
async function startElsewhere(): Promise<{ process: ChildProcess; serverPid: number; url: string }> {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(fileURLToPath(new URL('embedded.ts', import.meta.url)))};
    startEmbeddedPostgres({ folder: ${JSON.stringify(folder)} }).then((server) => {
      console.log(JSON.stringify([server.pid, server.url]));
      setInterval(() => {}, 1000);
    });`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const [serverPid, url] = JSON.parse(line);
    return { process: child, serverPid, url };
  }
  throw new Error('The other process ended without starting the server.');
}

describe('the embedded server', () => {
  it('keeps what was committed when its process and then the server itself are killed, and goes with its process', async () => {
    const first = await startElsewhere();
    await Promise.all([migrateDatabase(first.url), migrateDatabase(first.url)]);
    const connection = openDatabase(first.url);
    await seedUser(connection.db, { email: 'kept@example.org' });
    await connection.close();

    // In use: a second one is refused, and says by whom.
    await expect(startEmbeddedPostgres({ folder })).rejects.toThrow(
      `is in use by process ${first.process.pid}: stop that one`,
    );

    // The server dies without a word, its process after it: the folder is left with both lock files.
    process.kill(first.serverPid, 'SIGKILL');
    first.process.kill('SIGKILL');
    expect(await waitForExit(identify(first.serverPid), 10_000)).toBe(true);

    const second = await startElsewhere();
    second.process.kill('SIGKILL');
    // Nobody told the server: its watchdog did.
    expect(await waitForExit(identify(second.serverPid), 10_000)).toBe(true);

    const third = await startEmbeddedPostgres({ folder });
    const again = openDatabase(third.url);
    expect((await again.db.select().from(users)).map((user) => user.email)).toEqual(['kept@example.org']);
    await again.close();
    await third.stop();
    await third.exited;
    expect(isRunning(identify(third.pid))).toBe(false);
  });
});
