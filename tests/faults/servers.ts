/** A database server and web servers that can be killed as a power cut would, and come back at the same address. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@/db/embedded.ts';
import { startWebApp } from '@/server/stack/build.ts';
import type { Child } from '@/server/stack/child.ts';

/** Something that runs, is killed, and runs again. */
export interface Mortal {
  name: string;
  kills: number;
  kill(): Promise<void>;
  revive(): Promise<void>;
}

/** A Postgres with durable settings: what it acknowledged is on the disk. */
export class MortalPostgres implements Mortal {
  readonly name = 'database';
  kills = 0;
  #server: EmbeddedPostgres;
  readonly #folder: string;

  private constructor(folder: string, server: EmbeddedPostgres) {
    this.#folder = folder;
    this.#server = server;
  }

  static async start(home: string): Promise<MortalPostgres> {
    const folder = join(home, 'postgres');
    return new MortalPostgres(folder, await startEmbeddedPostgres({ folder, durable: true }));
  }

  get url(): string {
    return this.#server.url;
  }

  /** SIGKILL to the server and to every process of its connections, none of which gets to write another byte. */
  async kill(): Promise<void> {
    this.kills += 1;
    const { pid, exited } = this.#server;
    for (const victim of [pid, ...childrenOf(pid)]) signal(victim);
    await exited;
  }

  async revive(): Promise<void> {
    this.#server = await startEmbeddedPostgres({
      folder: this.#folder,
      durable: true,
      port: this.#server.port,
    });
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

export class MortalWebServer implements Mortal {
  kills = 0;
  readonly name: string;
  readonly address: string;
  readonly #port: number;
  readonly #env: NodeJS.ProcessEnv;
  #child: Child | null = null;

  constructor(port: number, env: NodeJS.ProcessEnv) {
    this.#port = port;
    this.#env = env;
    this.address = `http://localhost:${port}`;
    this.name = `web server ${port}`;
  }

  async kill(): Promise<void> {
    this.kills += 1;
    const child = this.#child;
    if (!child) return;
    for (const victim of [child.pid, ...childrenOf(child.pid)]) signal(victim);
    await child.exited;
  }

  async revive(): Promise<void> {
    const lines: string[] = [];
    const child = startWebApp(this.#port, this.#env, (line) => lines.push(line));
    this.#child = child;
    let ended = false;
    void child.exited.then(() => {
      ended = true;
    });
    for (const end = Date.now() + 120_000; !ended && Date.now() < end; await wait(100)) {
      const answered = await fetch(`${this.address}/api/auth/csrf`).then(
        () => true,
        () => false,
      );
      if (answered) return;
    }
    throw new Error(`The ${this.name} did not start:\n${lines.slice(-20).join('\n')}`);
  }

  async stop(): Promise<void> {
    await this.#child?.stop(3000);
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const fields = readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '');
        return Number(fields.split(' ')[1]) === parent;
      } catch {
        // It has ended meanwhile.
        return false;
      }
    })
    .map(Number);
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
