import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { z } from 'zod';

/** What a contender is told to do: the task, its settings, and how often to time it after one run that is not timed. */
export interface Request {
  task: string;
  settings: Record<string, unknown>;
  repeats: number;
  threads: number;
}

const answerSchema = z.object({ seconds: z.array(z.number()) });

/**
 * A process that measures: ours or the peer's. It stays warm, keeps its models, and works only when told to, so that
 * two of them can take turns without disturbing each other.
 */
export class Contender {
  /** its first line: what it says of itself */
  readonly greeting: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;

  private constructor(
    child: ChildProcess,
    reader: Interface,
    lines: AsyncIterator<string>,
    greeting: string,
  ) {
    this.#child = child;
    this.#interface = reader;
    this.#lines = lines;
    this.greeting = greeting;
  }

  /** @returns null when the program is not there or ends before it says that it is ready */
  static async start(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<Contender | null> {
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    // A program that cannot be started has no first line either, which is what is looked at.
    child.on('error', () => child.stdout?.destroy());
    child.stdin?.on('error', () => undefined);
    const reader = createInterface({ input: child.stdout });
    const lines = reader[Symbol.asyncIterator]();
    const first = await lines.next();
    return first.done ? null : new Contender(child, reader, lines, first.value);
  }

  /** Seconds of each repeat. @throws Error when the process ended instead of answering */
  async measure(request: Request): Promise<number[]> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error(`The process that measures "${request.task}" ended without an answer.`);
    return answerSchema.parse(JSON.parse(line.value)).seconds;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
    this.#interface.close();
  }
}
