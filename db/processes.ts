import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** A process, told apart from a later one with the same number by the moment at which it started, where that is known. */
export interface ProcessIdentity {
  pid: number;
  /** Linux's start time in clock ticks since boot; empty elsewhere. */
  started: string;
}

export function identify(pid: number): ProcessIdentity {
  return { pid, started: statOf(pid)?.started ?? '' };
}

/** Whether this very process still runs. A zombie does not. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, as somebody else's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const stat = statOf(pid);
  if (stat === null) return true;
  return stat.state !== 'Z' && (started === '' || started === stat.started);
}

/** Waits until a process is gone. @returns whether it went within the time */
export async function waitForExit(target: ProcessIdentity, milliseconds: number): Promise<boolean> {
  const end = Date.now() + milliseconds;
  while (isRunning(target)) {
    if (Date.now() > end) return false;
    await wait(50);
  }
  return true;
}

/** A process's command line; empty when it cannot be read. */
export function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux')
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/**
 * Makes this process the one owner of something on disk, by a file that names it. A file left by a dead process is
 * taken over.
 * @returns the living owner when there is another one; null when the file is now ours
 */
export function takeOwnership(file: string): ProcessIdentity | null {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identify(process.pid)));
  try {
    for (;;) {
      try {
        // Linking fails when the name exists: of two processes one gets it.
        linkSync(mine, file);
        return null;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const text = readText(file);
      const owner = parseIdentity(text);
      if (owner && isRunning(owner) && owner.pid !== process.pid) return owner;
      // Stale. Moved aside rather than deleted: should another process have taken it over in between, it is put back.
      const aside = `${mine}.stale`;
      try {
        renameSync(file, aside);
        if (readText(aside) !== text) linkSync(aside, file);
      } catch {
        // Another process was quicker; the next turn looks again.
      }
      rmSync(aside, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

function parseIdentity(text: string): ProcessIdentity | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('started' in value))
      return null;
    return { pid: Number(value.pid), started: String(value.started) };
  } catch {
    return null;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function statOf(pid: number): { state: string; started: string } | null {
  if (process.platform !== 'linux') return null;
  // After the command's name, which stands in brackets and may hold anything: state, then 18 more up to the start time.
  const fields = readText(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ');
  const [state, started] = [fields[0], fields[19]];
  return state === undefined || started === undefined ? null : { state, started };
}
