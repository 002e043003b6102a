import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DraftKeeper, type DraftState, type SaveAnswer } from './draft-keeper.ts';

/** A server that holds one draft and refuses a save upon an older revision. */
function world() {
  const server = {
    revision: 0,
    content: '' as string | null,
    down: false,
    ended: false,
    answersLost: false,
    saves: 0,
  };
  const states: DraftState[] = [];
  const conflicts: (string | null)[] = [];
  const browser: { entry: { revision: number; content: string } | null; full: boolean } = {
    entry: null,
    full: false,
  };
  const refused: string[] = [];
  const keptBefore: (string | null)[] = [];
  const open = (revision = server.revision) =>
    new DraftKeeper<string>({
      revision,
      async save(base, content, keepsBefore): Promise<SaveAnswer<string>> {
        server.saves++;
        if (server.down) throw new TypeError('no connection');
        if (server.ended) throw new Error('This task is submitted already.');
        if (base !== server.revision)
          return { status: 'conflict', revision: server.revision, content: server.content };
        if (keepsBefore) keptBefore.push(server.content);
        server.revision++;
        server.content = content;
        if (server.answersLost) throw new TypeError('the answer was lost');
        return { status: 'saved', revision: server.revision, savedAt: new Date(0) };
      },
      onState: (state) => states.push(state),
      onConflict: (theirs) => conflicts.push(theirs),
      base: server.content === '' ? null : server.content,
      onRefused: (_error, content) => refused.push(content),
      failureOf: (error) => (error instanceof TypeError ? 'unreachable' : 'refused'),
      store: {
        write: (entry) => {
          browser.entry = entry;
          return !browser.full;
        },
        clear: () => {
          browser.entry = null;
        },
      },
    });
  return { server, states, conflicts, refused, keptBefore, browser, open };
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

it('asks the server to keep the other tab’s text when its own is chosen', async () => {
  const { open, server, keptBefore } = world();
  const first = open();
  const second = open();
  first.change('first');
  await first.flush();
  second.change('second');
  await second.flush();
  expect(second.mine).toBe('second');
  second.resolve('mine');
  second.change('second, on');
  await vi.runAllTimersAsync();
  expect(server.content).toBe('second, on');
  expect(keptBefore).toEqual(['first']);
});

it('is in no conflict with its own text when only the answer was lost', async () => {
  const { server, conflicts, states, open } = world();
  const keeper = open();
  server.answersLost = true;
  keeper.change('words');
  await vi.advanceTimersByTimeAsync(1100);
  expect(server.content).toBe('words');
  keeper.change('words and more');
  server.answersLost = false;
  await vi.runAllTimersAsync();
  expect(server.content).toBe('words and more');
  expect(conflicts).toEqual([]);
  expect(states.at(-1)).toBe('saved');
});

it('tries ever less often while the server is away, and never later than fifteen seconds after it is back', async () => {
  const { server, open } = world();
  const keeper = open();
  server.down = true;
  keeper.change('words');
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  // 1, 2, 4 and 8 seconds, then every 15: some forty in ten minutes, not six hundred.
  expect(server.saves).toBeGreaterThan(35);
  expect(server.saves).toBeLessThan(50);
  keeper.change('the newest words');
  server.down = false;
  await vi.advanceTimersByTimeAsync(15_000);
  expect(server.content).toBe('the newest words');
});

it('takes over what another tab saved only while nothing here is unsaved', async () => {
  const { server, open } = world();
  const keeper = open();
  server.revision = 1;
  server.content = 'from the other tab';
  expect(keeper.adopt(1, 'from the other tab')).toBe(true);
  keeper.change('from the other tab, and on');
  expect(keeper.adopt(2, 'something else')).toBe(false);
  await vi.runAllTimersAsync();
  expect(server.content).toBe('from the other tab, and on');
  expect(server.revision).toBe(2);
});

it('hands a text that the server refuses for good to whoever keeps it, and says so', async () => {
  const { server, states, refused, browser, open } = world();
  const keeper = open();
  server.ended = true;
  keeper.change('too late');
  await vi.runAllTimersAsync();
  expect(refused).toEqual(['too late']);
  expect(states.at(-1)).toBe('ended');
  expect(browser.entry?.content).toBe('too late');
  expect(server.saves).toBe(1);
});

it('sends no save after a submission that is on its way, and goes on when it was not taken', async () => {
  const { server, refused, browser, open } = world();
  const keeper = open();
  keeper.change('handed in');
  keeper.pause();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.saves).toBe(0);
  expect(browser.entry?.content).toBe('handed in');
  keeper.resume();
  await vi.runAllTimersAsync();
  expect(server.content).toBe('handed in');
  expect(refused).toEqual([]);
});

it('warns of words that neither server nor browser could keep, and of no others', async () => {
  const { server, states, browser, open } = world();
  const keeper = open();
  server.down = true;
  keeper.change('kept');
  await vi.advanceTimersByTimeAsync(1500);
  expect(keeper.wouldLose).toBe(false);
  browser.full = true;
  keeper.change('not kept');
  await vi.advanceTimersByTimeAsync(5000);
  expect(keeper.wouldLose).toBe(true);
  expect(states.at(-1)).toBe('unkept');
  server.down = false;
  await vi.runAllTimersAsync();
  expect(keeper.wouldLose).toBe(false);
  expect(server.content).toBe('not kept');
});
