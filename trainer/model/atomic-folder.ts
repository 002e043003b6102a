import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { TrainerError } from '../errors.ts';

/**
 * Writes a folder whole or not at all: under a name beside it, flushed, then put in the place of an older one.
 *
 * No file system exchanges two folders by rename alone, so a kill between the two renames leaves neither under its own
 * name; `recoverFolder`, which every reader calls, then finishes the exchange. The names beside it: `.NAME.PID.tmp` is
 * being written, `.NAME.ready` is whole and about to take the place, `.NAME.old` is what it takes the place of.
 */
export async function replaceFolder(
  folder: string,
  write: (temporary: string) => void | Promise<void>,
): Promise<void> {
  const target = resolve(folder);
  const temporary = beside(target, `${process.pid}.tmp`);
  const ready = beside(target, 'ready');
  const old = beside(target, 'old');
  try {
    recoverFolder(target);
    removeAbandoned(target);
    mkdirSync(temporary, { recursive: true });
    await write(temporary);
    for (const name of readdirSync(temporary)) flush(join(temporary, name));
    flush(temporary);
    for (const left of [ready, old]) discard(left, temporary);
    renameSync(temporary, ready);
    if (existsSync(target)) renameSync(target, old);
    renameSync(ready, target);
    flush(dirname(target));
  } catch (error) {
    if (existsSync(old) && !existsSync(target)) renameSync(old, target);
    for (const left of [temporary, ready]) {
      try {
        removeFolder(left);
      } catch {
        // What could not be written often cannot be removed either; the first error is the one to tell.
      }
    }
    throw error;
  }
  discard(old, temporary);
}

/**
 * Finishes what a kill in `replaceFolder` left half done: a whole new folder takes its place, or else the old one goes
 * back. Does nothing where the folder stands.
 */
export function recoverFolder(folder: string): void {
  const target = resolve(folder);
  const ready = beside(target, 'ready');
  const old = beside(target, 'old');
  if (existsSync(target)) return;
  for (const candidate of [ready, old]) {
    if (!existsSync(candidate)) continue;
    try {
      renameSync(candidate, target);
    } catch (cause) {
      // Its writer may still be alive, and have done it in between.
      if (existsSync(target)) return;
      throw new TrainerError(`Cannot put ${candidate} in its place ${target}.`, { cause });
    }
    return;
  }
}

function beside(target: string, ending: string): string {
  return join(dirname(target), `.${basename(target)}.${ending}`);
}

/** Removes a folder that a reader must not find in part: it loses its name first. */
function discard(folder: string, temporary: string): void {
  if (!existsSync(folder)) return;
  const nameless = `${temporary}.tmp`;
  renameSync(folder, nameless);
  removeFolder(nameless);
}

/** Removes what writers that are no more left behind. */
function removeAbandoned(target: string): void {
  const parent = dirname(target);
  if (!existsSync(parent)) return;
  const start = `.${basename(target)}.`;
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(start)
      ? /^(\d+)\.tmp(\.tmp)?$/.exec(name.slice(start.length))?.[1]
      : undefined;
    if (pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid)))) {
      removeFolder(join(parent, name));
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Makes a file or a folder's entries durable. */
function flush(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
