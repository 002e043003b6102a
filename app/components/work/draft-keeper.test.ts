import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DraftKeeper, type DraftState, type SaveAnswer } from './draft-keeper.ts';

/** A server that holds one draft and refuses a save upon an older revision. */
function world() {
  const server = { revision: 0, content: '' as string | null, down: false, saves: 0 };
  const states: DraftState[] = [];
  const conflicts: (string | null)[] = [];
  const browser: { entry: { revision: number; content: string } | null } = { entry: null };
  const open = (revision = server.revision) =>
    new DraftKeeper<string>({
      revision,
      async save(base, content): Promise<SaveAnswer<string>> {
        server.saves++;
        if (server.down) throw new TypeError('no connection');
        if (base !== server.revision)
          return { status: 'conflict', revision: server.revision, content: server.content };
        server.revision++;
        server.content = content;
        return { status: 'saved', revision: server.revision, savedAt: new Date(0) };
      },
      onState: (state) => states.push(state),
      onConflict: (theirs) => conflicts.push(theirs),
      isOffline: (error) => error instanceof TypeError,
      store: {
        write: (entry) => {
          browser.entry = entry;
        },
        clear: () => {
          browser.entry = null;
        },
      },
    });
  return { server, states, conflicts, browser, open };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('saves within two seconds of the first change, however fast one types on', async () => {
  const { server, open, browser } = world();
  const keeper = open();
  for (let i = 1; i <= 15; i++) {
    keeper.change('x'.repeat(i));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(server.content).toBe('x'.repeat(10));
  await vi.advanceTimersByTimeAsync(1000);
  expect(server.content).toBe('x'.repeat(15));
  expect(server.saves).toBe(2);
  expect(browser.entry).toBeNull();
});

it('keeps the text in the browser while the server is away, and saves it when it is back', async () => {
  const { server, states, browser, open } = world();
  const keeper = open();
  server.down = true;
  keeper.change('words');
  await vi.advanceTimersByTimeAsync(1500);
  expect(states.at(-1)).toBe('offline');
  expect(browser.entry).toEqual({ revision: 0, content: 'words' });
  server.down = false;
  await vi.advanceTimersByTimeAsync(3000);
  expect(server.content).toBe('words');
  expect(states.at(-1)).toBe('saved');
});

it('overwrites nothing that another tab saved, until asked to', async () => {
  const { server, conflicts, open } = world();
  const first = open();
  const second = open();
  first.change('from the first tab');
  await first.flush();
  second.change('from the second tab');
  await second.flush();
  expect(server.content).toBe('from the first tab');
  expect(conflicts).toEqual(['from the first tab']);
  second.change('from the second tab, longer');
  await vi.advanceTimersByTimeAsync(5000);
  expect(server.content).toBe('from the first tab');
  second.resolve('mine');
  await vi.runAllTimersAsync();
  expect(server.content).toBe('from the second tab, longer');
});

it('takes theirs without saving', async () => {
  const { server, browser, open } = world();
  const first = open();
  const second = open();
  first.change('first');
  await first.flush();
  second.change('second');
  await second.flush();
  second.resolve('theirs');
  await vi.runAllTimersAsync();
  expect(server.content).toBe('first');
  expect(browser.entry).toBeNull();
});

it('saves no more once the work is handed in', async () => {
  const { server, browser, open } = world();
  const keeper = open();
  keeper.change('draft');
  keeper.finish();
  await vi.runAllTimersAsync();
  expect(server.saves).toBe(0);
  expect(browser.entry).toBeNull();
});
