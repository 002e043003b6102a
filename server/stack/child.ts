import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The repository's root, from which every process is started. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const PARENT_WATCH = new URL('./parent-watch.mjs', import.meta.url).href;

export interface ChildOptions {
  /** Arguments of `node`: its own options, then the script and the script's arguments. */
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Each line that it prints, on either stream. */
  onLine(line: string): void;
  /** Ends with its parent by itself, as the worker does, which writes a checkpoint first. */
  watchesParent?: boolean;
}

/** A process of ours: ends when this one ends, even killed, and does not hear the terminal's Ctrl-C, for we stop it. */
export interface Child {
  process: ChildProcess;
  pid: number;
  /** Resolves when it has ended. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Asks it to stop, and kills it when it has not after so long. */
  stop(graceMilliseconds: number): Promise<void>;
}

/** Starts `node` on a script of ours. */
export function startChild(options: ChildOptions): Child {
  const watch = options.watchesParent ? [] : ['--import', PARENT_WATCH];
  const child = spawn(process.execPath, [...watch, ...options.args], {
    cwd: ROOT,
    env: { ...options.env, WATCHED_PARENT: String(process.pid) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', options.onLine);
  }
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', () => resolve({ code: 1, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    process: child,
    pid: child.pid ?? 0,
    exited,
    async stop(graceMilliseconds) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMilliseconds);
      await exited;
      clearTimeout(timer);
    },
  };
}
