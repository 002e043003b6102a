import type { FailureKind } from '../../lib/failure.ts';
import type { Inputs, Outputs } from '../../lib/trpc.ts';
import type { Draft } from './kinds/kind.ts';

type Submission = Inputs['labeling']['submit'];
/** The next piece of work, or why there is none. */
export type Next = Outputs['labeling']['next'];

/** A submission that is on its way. */
export interface Waiting {
  submission: Submission;
  /** What was on the page: it is kept among the earlier drafts should the submission be refused. */
  draft: Draft;
  /** `Ranking`. */
  name: string;
  /** Milliseconds since 1970 of when it was handed in. */
  at: number;
}

/** What became of it. `waiting`: kept in this browser, and sent by itself. */
export type Outcome =
  /** `next`: what the answer brought along for the page of it; absent when it has to be asked for. */
  | { state: 'stored'; late: boolean; next?: Next | undefined }
  | { state: 'waiting'; why: Exclude<FailureKind, 'refused'> }
  | { state: 'refused'; message: string };

interface OutboxOptions {
  send(submission: Submission): Promise<{ state: 'submitted' | 'late'; next?: Next }>;
  failureOf(error: unknown): FailureKind;
  store: {
    read(): Waiting[];
    /** Whether the browser took it. */
    write(waiting: Waiting): boolean;
    clear(assignmentId: string): void;
  };
  /** It is stored: whatever else the browser keeps of it may go. */
  onStored?(waiting: Waiting): void;
  /** What was handed in and then refused, when its page is gone: its text must be put where it is found again. */
  onRefused(waiting: Waiting, message: string): Promise<void>;
  retryMs?: number;
}

const RETRY_MS = 2000;
const LONGEST_RETRY_MS = 30_000;

/**
 * The work handed in that the server does not have yet. Each submission is kept in the browser before it is sent, under
 * its own idempotency key, and sent until it is answered: sent twice, it is stored once. Knows nothing of React.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #listeners = new Set<(assignmentId: string, outcome: Outcome) => void>();
  /** Assignments whose page is open: it hears of a refusal itself. */
  readonly #open = new Set<string>();
  /** Kept here too, for a browser that forbids storage. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #sending = new Map<string, Promise<Outcome>>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    for (const waiting of options.store.read()) this.#waiting.set(waiting.submission.assignmentId, waiting);
  }

  /** What waits, oldest first. */
  get waiting(): Waiting[] {
    return [...this.#waiting.values()].sort((a, b) => a.at - b.at);
  }

  /** Whether it is handed in and waits. */
  has(assignmentId: string): boolean {
    return this.#waiting.has(assignmentId);
  }

  /** Hands work in: keeps it, then sends it. */
  async handIn(waiting: Waiting): Promise<Outcome> {
    this.#waiting.set(waiting.submission.assignmentId, waiting);
    this.#options.store.write(waiting);
    const outcome = await this.#deliver(waiting);
    if (outcome.state === 'waiting') this.#schedule();
    return outcome;
  }

  /** Takes a submission back, to go on with it. @returns false when it is gone or on its way at this moment */
  withdraw(assignmentId: string): boolean {
    if (this.#sending.has(assignmentId)) return false;
    this.#options.store.clear(assignmentId);
    return this.#waiting.delete(assignmentId);
  }

  /** Sends what waits, oldest first, until one stays. */
  async flush(): Promise<void> {
    this.#stopTimer();
    for (const waiting of this.waiting) {
      const outcome = await this.#deliver(waiting);
      if (outcome.state === 'waiting') {
        this.#schedule();
        return;
      }
    }
    this.#failures = 0;
  }

  /** Hears what becomes of the work whose page is open, until the returned function is called. */
  watch(assignmentId: string, listener: (outcome: Outcome) => void): () => void {
    const own = (id: string, outcome: Outcome) => id === assignmentId && listener(outcome);
    this.#listeners.add(own);
    this.#open.add(assignmentId);
    return () => {
      this.#listeners.delete(own);
      this.#open.delete(assignmentId);
    };
  }

  close(): void {
    this.#closed = true;
    this.#stopTimer();
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(): void {
    if (this.#closed) return;
    const wait = (this.#options.retryMs ?? RETRY_MS) * 2 ** Math.min(this.#failures, 10);
    this.#failures++;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null;
        void this.flush();
      },
      Math.min(wait, LONGEST_RETRY_MS),
    );
  }

  #deliver(waiting: Waiting): Promise<Outcome> {
    const { assignmentId } = waiting.submission;
    let delivery = this.#sending.get(assignmentId);
    if (!delivery) {
      delivery = this.#send(waiting).finally(() => this.#sending.delete(assignmentId));
      this.#sending.set(assignmentId, delivery);
    }
    return delivery;
  }

  async #send(waiting: Waiting): Promise<Outcome> {
    const { assignmentId } = waiting.submission;
    const { send, failureOf, store, onRefused } = this.#options;
    let outcome: Outcome;
    try {
      // A task is taken only for a page that is there to show it.
      const { next: _next, ...alone } = waiting.submission;
      const answer = await send(this.#open.has(assignmentId) ? waiting.submission : alone);
      outcome = { state: 'stored', late: answer.state === 'late', next: answer.next };
      this.#options.onStored?.(waiting);
    } catch (error) {
      const kind = failureOf(error);
      const message = error instanceof Error ? error.message : 'No answer.';
      outcome = kind === 'refused' ? { state: 'refused', message } : { state: 'waiting', why: kind };
    }
    if (outcome.state === 'refused' && !this.#open.has(assignmentId)) {
      try {
        await onRefused(waiting, outcome.message);
      } catch {
        // Its text is nowhere else yet: it stays, and is tried again.
        outcome = { state: 'waiting', why: 'server' };
      }
    }
    if (outcome.state !== 'waiting') {
      this.#waiting.delete(assignmentId);
      store.clear(assignmentId);
    }
    for (const listener of this.#listeners) listener(assignmentId, outcome);
    return outcome;
  }
}
