import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf, TrainerError } from '../errors.ts';

/**
 * Writes a folder so that it is there whole or not at all: `fill` writes into a temporary one beside it, which is flushed
 * and renamed; an older one of the name is replaced.
 * @throws TrainerError when the disk refuses, and what `fill` throws
 */
export async function writeFolder(
  target: string,
  fill: (temporary: string) => void | Promise<void>,
): Promise<void> {
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  try {
    removeFolder(temporary);
    mkdirSync(temporary, { recursive: true });
    await fill(temporary);
    for (const name of readdirSync(temporary)) flush(join(temporary, name));
    flush(temporary);
    replaceFolder(temporary, target);
    flush(dirname(target));
  } catch (cause) {
    try {
      removeFolder(temporary);
    } catch {
      // What could not be written often cannot be removed either; the first error is the one to tell.
    }
    if (cause instanceof TrainerError) throw cause;
    throw new TrainerError(`Cannot write the checkpoint ${target} (${messageOf(cause)}).`, { cause });
  }
}

/** What a process that was killed left unfinished inside `folder`, of `writeFolder` and of files written the same way, removed. */
export function removeUnfinished(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (/\.\d+\.tmp(\.old)?$/.test(name)) removeFolder(join(folder, name));
  }
}

export function writeJson(folder: string, name: string, value: unknown): void {
  writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
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

/** Puts a finished folder in the place of an older one; a crash between the renames leaves both under a name. */
function replaceFolder(finished: string, target: string): void {
  const old = `${finished}.old`;
  const exists = existsSync(target);
  if (exists) renameSync(target, old);
  try {
    renameSync(finished, target);
  } catch (error) {
    if (exists) renameSync(old, target);
    throw error;
  }
  if (exists) removeFolder(old);
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
