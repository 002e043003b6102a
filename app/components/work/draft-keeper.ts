import type { FailureKind } from '../../lib/failure.ts';
import { same } from '../../lib/same.ts';
import type { SavedState } from '../shell/saved.tsx';

/*
 * Keeps a draft safe: in the browser at once, on the server within two seconds of the first unsaved change, one save
 * at a time, each naming the revision that it changes. Knows nothing of React, so that it can be tested as it is.
 */
export type DraftState = SavedState;

export type SaveAnswer<Content> =
  | { status: 'saved'; revision: number; savedAt: Date }
  | { status: 'conflict'; revision: number; content: Content | null };

export interface DraftKeeperOptions<Content> {
  /** The revision that the server holds, and its text; null when there is none. */
  revision: number;
  base: Content | null;
  /** @param keepsBefore whether the server must keep the text that this one replaces */
  save(revision: number, content: Content, keepsBefore: boolean): Promise<SaveAnswer<Content>>;
  onState(state: DraftState, savedAt: Date | null): void;
  /** Another tab saved first: nothing was overwritten, and this is what the server holds. */
  onConflict(theirs: Content | null): void;
  /** The server refuses the text for good; it stays in the browser. */
  onRefused(error: unknown, content: Content): void;
  failureOf(error: unknown): FailureKind;
  /** The browser's own copy, for a draft that never reached the server. `write` says whether it could. */
  store: { write(entry: { revision: number; content: Content }): boolean; clear(): void };
  delayMs?: number;
  retryMs?: number;
}

/** Milliseconds from the first unsaved change to its save; with the way there it stays under two seconds. */
const DELAY_MS = 1000;
/** From a failed save to the next try; doubled with each failure, up to the longest. */
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15_000;

export class DraftKeeper<Content> {
  readonly #options: DraftKeeperOptions<Content>;
  #revision: number;
  /** What the server held when it was last heard of, and what was sent since without an answer. */
  #base: Content | null;
  #sent: Content | null = null;
  #unsaved: { content: Content } | null = null;
  /** Whether the browser holds what is unsaved. */
  #stored = true;
  #keepsBefore = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #saving: Promise<void> | null = null;
  #theirs: { revision: number; content: Content | null } | null = null;
  #closed = false;
  #paused = false;

  constructor(options: DraftKeeperOptions<Content>) {
    this.#options = options;
    this.#revision = options.revision;
    this.#base = options.base;
  }

  /** Whether closing the page now would lose words. */
  get wouldLose(): boolean {
    return this.#unsaved !== null && !this.#stored;
  }

  /**
   * Something was typed.
   * @param keepsBefore whether the server must keep the text that this one replaces
   */
  change(content: Content, keepsBefore = false): void {
    if (this.#closed) return;
    this.#unsaved = { content };
    this.#keepsBefore ||= keepsBefore;
    this.#store();
    if (this.#theirs) return;
    if (!this.#saving && this.#failures === 0) this.#options.onState('typing', null);
    this.#schedule(this.#options.delayMs ?? DELAY_MS);
  }

  /** Saves now what is not saved yet. Resolves when nothing is under way. */
  async flush(): Promise<void> {
    this.#stopTimer();
    while (this.#saving) await this.#saving;
    if (!this.#unsaved || this.#theirs || this.#closed || this.#paused) return;
    this.#saving = this.#save(this.#unsaved).finally(() => {
      this.#saving = null;
    });
    await this.#saving;
  }

  /**
   * Another tab of this browser saved.
   * @returns whether its text took this one's place: so it does when nothing here is unsaved
   */
  adopt(revision: number, content: Content): boolean {
    if (this.#closed || this.#unsaved || this.#saving || this.#theirs || revision <= this.#revision)
      return false;
    this.#revision = revision;
    this.#base = content;
    this.#options.onState('saved', new Date());
    return true;
  }

  /** What a conflict would lose when theirs is chosen; null when there is no conflict. */
  get mine(): Content | null {
    return this.#theirs ? (this.#unsaved?.content ?? null) : null;
  }

  /** Settles a conflict: with one's own text, which replaces theirs (the server keeps that), or with theirs. */
  resolve(keep: 'mine' | 'theirs'): void {
    if (!this.#theirs) return;
    this.#revision = this.#theirs.revision;
    this.#base = this.#theirs.content;
    this.#theirs = null;
    if (keep === 'theirs') {
      this.#unsaved = null;
      this.#options.store.clear();
      this.#options.onState('saved', null);
    } else {
      this.#keepsBefore = true;
      void this.flush();
    }
  }

  /** The work is on its way to be handed in: a save that comes after it would be refused. The browser keeps what is typed. */
  pause(): void {
    this.#paused = true;
    this.#stopTimer();
  }

  /** It was not handed in: saving goes on. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#unsaved) this.#schedule(0);
  }

  /** The work is handed in: nothing more is saved, and the browser's copy goes. */
  finish(): void {
    this.close();
    this.#unsaved = null;
    this.#options.store.clear();
  }

  /** The page goes away: the browser's copy of what is unsaved stays. */
  close(): void {
    this.#stopTimer();
    this.#closed = true;
  }

  #store(): void {
    if (!this.#unsaved) return;
    this.#stored = this.#options.store.write({ revision: this.#revision, content: this.#unsaved.content });
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(ms: number): void {
    if (this.#closed || this.#paused) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.flush();
    }, ms);
  }

  async #save(unsaved: { content: Content }): Promise<void> {
    const { save, onState, store, failureOf } = this.#options;
    if (this.#failures === 0) onState('saving', null);
    try {
      const keepsBefore = this.#keepsBefore;
      const answer = await save(this.#revision, unsaved.content, keepsBefore);
      this.#failures = 0;
      if (answer.status === 'conflict') {
        this.#meet(answer, unsaved);
        return;
      }
      this.#revision = answer.revision;
      this.#base = unsaved.content;
      this.#sent = null;
      if (keepsBefore) this.#keepsBefore = false;
      if (this.#unsaved === unsaved) {
        this.#unsaved = null;
        this.#stored = true;
        store.clear();
        if (!this.#closed) onState('saved', answer.savedAt);
      } else {
        // More was typed meanwhile.
        this.#store();
        this.#schedule(this.#options.delayMs ?? DELAY_MS);
      }
    } catch (error) {
      if (this.#closed) return;
      const kind = failureOf(error);
      if (kind === 'refused') {
        if (this.#paused) return;
        this.close();
        onState('ended', null);
        this.#options.onRefused(error, this.#unsaved?.content ?? unsaved.content);
        return;
      }
      // Whether it was stored before the answer was lost, nobody knows.
      this.#sent = unsaved.content;
      this.#failures++;
      const told = { unreachable: 'offline', server: 'failed', 'signed-out': 'signed-out' } as const;
      onState(this.#stored ? told[kind] : 'unkept', null);
      const wait = (this.#options.retryMs ?? RETRY_MS) * 2 ** Math.min(this.#failures - 1, 10);
      this.#schedule(Math.min(wait, LONGEST_RETRY_MS));
    }
  }

  /** The server holds another revision: another tab's text, or only one's own that was stored without an answer. */
  #meet(answer: { revision: number; content: Content | null }, unsaved: { content: Content }): void {
    const { onState, onConflict, store } = this.#options;
    if (same(answer.content, unsaved.content) && this.#unsaved === unsaved) {
      this.#revision = answer.revision;
      this.#base = unsaved.content;
      this.#unsaved = null;
      store.clear();
      onState('saved', new Date());
    } else if (
      [this.#base, this.#sent, unsaved.content].some((one) => one !== null && same(answer.content, one)) ||
      (answer.content === null && this.#base === null)
    ) {
      this.#revision = answer.revision;
      this.#base = answer.content;
      this.#schedule(0);
    } else {
      this.#theirs = answer;
      onState('conflict', null);
      onConflict(answer.content);
    }
  }
}
