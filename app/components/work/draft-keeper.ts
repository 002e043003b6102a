/**
 * Keeps a draft safe: in the browser at once, on the server within two seconds of the first unsaved change, one save
 * at a time, each naming the revision that it changes. Knows nothing of React, so that it can be tested as it is.
 */
export type DraftState = 'none' | 'typing' | 'saving' | 'saved' | 'offline' | 'failed' | 'conflict';

export type SaveAnswer<Content> =
  | { status: 'saved'; revision: number; savedAt: Date }
  | { status: 'conflict'; revision: number; content: Content | null };

export interface DraftKeeperOptions<Content> {
  /** The revision that the server holds. */
  revision: number;
  save(revision: number, content: Content): Promise<SaveAnswer<Content>>;
  onState(state: DraftState, savedAt: Date | null): void;
  /** Another tab saved first: nothing was overwritten, and this is what the server holds. */
  onConflict(theirs: Content | null): void;
  /** Whether an error means that the server cannot be reached, rather than that it refused. */
  isOffline(error: unknown): boolean;
  /** The browser's own copy, for a draft that never reached the server. */
  store: { write(entry: { revision: number; content: Content }): void; clear(): void };
  delayMs?: number;
  retryMs?: number;
}

/** Milliseconds from the first unsaved change to its save; with the way there it stays under two seconds. */
const DELAY_MS = 1000;
const RETRY_MS = 3000;

export class DraftKeeper<Content> {
  readonly #options: DraftKeeperOptions<Content>;
  #revision: number;
  #unsaved: { content: Content } | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #saving: Promise<void> | null = null;
  #theirs: { revision: number; content: Content | null } | null = null;
  #closed = false;

  constructor(options: DraftKeeperOptions<Content>) {
    this.#options = options;
    this.#revision = options.revision;
  }

  /** Something was typed. */
  change(content: Content): void {
    if (this.#closed) return;
    this.#unsaved = { content };
    this.#options.store.write({ revision: this.#revision, content });
    if (this.#theirs) return;
    if (!this.#saving) this.#options.onState('typing', null);
    this.#schedule(this.#options.delayMs ?? DELAY_MS);
  }

  /** Saves now what is not saved yet. Resolves when nothing is under way. */
  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#saving) await this.#saving;
    if (this.#unsaved && !this.#theirs && !this.#closed) {
      this.#saving = this.#save(this.#unsaved).finally(() => {
        this.#saving = null;
      });
      await this.#saving;
    }
  }

  /** Settles a conflict: with one's own text, which then replaces theirs, or with theirs. */
  resolve(keep: 'mine' | 'theirs'): void {
    if (!this.#theirs) return;
    this.#revision = this.#theirs.revision;
    this.#theirs = null;
    if (keep === 'theirs') {
      this.#unsaved = null;
      this.#options.store.clear();
      this.#options.onState('saved', null);
    } else void this.flush();
  }

  /** The work is handed in: nothing more is saved, and the browser's copy goes. */
  finish(): void {
    this.close();
    this.#options.store.clear();
  }

  /** The page goes away: the browser's copy of what is unsaved stays. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#closed = true;
  }

  #schedule(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.flush();
    }, ms);
  }

  async #save(unsaved: { content: Content }): Promise<void> {
    const { save, onState, onConflict, isOffline, store } = this.#options;
    onState('saving', null);
    try {
      const answer = await save(this.#revision, unsaved.content);
      if (answer.status === 'conflict') {
        this.#theirs = answer;
        onState('conflict', null);
        onConflict(answer.content);
        return;
      }
      this.#revision = answer.revision;
      if (this.#unsaved === unsaved) {
        this.#unsaved = null;
        store.clear();
        onState('saved', answer.savedAt);
      } else {
        // More was typed meanwhile.
        if (this.#unsaved) store.write({ revision: this.#revision, content: this.#unsaved.content });
        this.#schedule(this.#options.delayMs ?? DELAY_MS);
      }
    } catch (error) {
      onState(isOffline(error) ? 'offline' : 'failed', null);
      if (!this.#closed) this.#schedule(this.#options.retryMs ?? RETRY_MS);
    }
  }
}
