import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import { type Child, ROOT, startChild } from './child.ts';

const NEXT = join(ROOT, 'node_modules/next/dist/bin/next');
/** What the web app is built from. Tests and what only the worker or the demo loads are none of it. */
const SOURCES = [
  'app',
  'server',
  'db',
  'trainer',
  'next.config.mjs',
  'postcss.config.mjs',
  'package-lock.json',
  'tsconfig.json',
];
const LEFT_OUT = /(^|\/)(node_modules|migrations|build|testing|demo|scenes|stack)$|\.test\.tsx?$|\.md$/;

/** Two builds at once are refused by Next.js; ours waits so long for the other. */
const WAIT_MILLISECONDS = 180_000;

const distFolder = () => join(ROOT, process.env.TOUCHSTONE_NEXT_DIST || '.next');
const stampFile = () => join(distFolder(), 'touchstone-sources');

/** Whether the web app has been built from the sources as they are now. */
export function buildIsCurrent(): boolean {
  return (
    existsSync(join(distFolder(), 'BUILD_ID')) &&
    existsSync(stampFile()) &&
    readFileSync(stampFile(), 'utf8') === sourcesHash()
  );
}

/**
 * Builds the web app, unless somebody else's build, for which it waits, leaves a current one.
 * @param onStart given each process that builds, so that the caller can stop it
 * @throws AppError with what Next.js said when the build fails
 */
export async function buildWebApp(
  env: NodeJS.ProcessEnv,
  onLine: (line: string) => void,
  onStart: (child: Child) => void = () => {},
): Promise<void> {
  for (const end = Date.now() + WAIT_MILLISECONDS; !buildIsCurrent(); ) {
    const hash = sourcesHash();
    const said: string[] = [];
    const child = startChild({
      args: [NEXT, 'build'],
      env: { ...env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
      onLine: (line) => {
        said.push(line);
        onLine(line);
      },
    });
    onStart(child);
    const { code, signal } = await child.exited;
    if (code === 0) {
      writeFileSync(stampFile(), hash);
      return;
    }
    if (said.some((line) => line.includes('Another next build process')) && Date.now() < end) {
      await sleep(1000);
      continue;
    }
    throw new AppError(
      'UNAVAILABLE',
      `The web app could not be built (${signal ?? `exit code ${code}`}):\n${said.slice(-20).join('\n')}`,
    );
  }
}

/** Starts the built web app on a port. */
export function startWebApp(port: number, env: NodeJS.ProcessEnv, onLine: (line: string) => void): Child {
  return startChild({
    // Room for the many short-lived objects of a request: collected less often, hardly any of them survives.
    args: ['--max-semi-space-size=32', NEXT, 'start', '--port', String(port)],
    env: { ...env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
    onLine,
  });
}

/** One hash of every source's path and content. */
function sourcesHash(): string {
  const hash = createHash('sha256');
  const add = (path: string): void => {
    if (LEFT_OUT.test(path)) return;
    const full = join(ROOT, path);
    if (!existsSync(full)) return;
    let entries: string[];
    try {
      entries = readdirSync(full).sort();
    } catch {
      hash.update(`${path}\0`).update(readFileSync(full));
      return;
    }
    for (const entry of entries) add(`${path}/${entry}`);
  };
  for (const source of SOURCES) add(source);
  return hash.digest('hex');
}
