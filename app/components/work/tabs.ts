import { newIdempotencyKey } from './use-lease.ts';

/** What the tabs of one person in one browser tell each other. */
export type TabMessage =
  | { what: 'saved'; assignmentId: string; revision: number; content: unknown }
  /** The task was handed in. */
  | { what: 'ended'; assignmentId: string }
  | { what: 'who' }
  | { what: 'here'; tab: string };

/** Milliseconds in which another tab answers. */
const ANSWER_MS = 200;

let name: string | null = null;

/** The name of this tab, from its loading to its closing. A reload is another. */
export function tabName(): string {
  name ??= newIdempotencyKey();
  return name;
}

/** The channel between one person's tabs. */
export class Tabs {
  readonly #channel: BroadcastChannel;
  readonly #listeners = new Set<(message: TabMessage) => void>();

  constructor(userId: string) {
    this.#channel = new BroadcastChannel(`touchstone-${userId}`);
    this.#channel.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      if (data.what === 'who') this.tell({ what: 'here', tab: tabName() });
      for (const listener of this.#listeners) listener(data);
    };
  }

  tell(message: TabMessage): void {
    this.#channel.postMessage(message);
  }

  listen(listener: (message: TabMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The names of the other tabs that are open now. */
  async others(): Promise<Set<string>> {
    const names = new Set<string>();
    const stop = this.listen((message) => {
      if (message.what === 'here') names.add(message.tab);
    });
    this.tell({ what: 'who' });
    await new Promise((done) => setTimeout(done, ANSWER_MS));
    stop();
    return names;
  }

  close(): void {
    this.#channel.close();
  }
}
