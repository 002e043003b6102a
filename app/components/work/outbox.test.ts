import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Outbox, type Outcome, type Waiting } from './outbox.ts';

const ASSIGNMENT = '0199aaaa-0000-7000-8000-000000000001';

const draft = { kind: 'demonstration' as const, text: 'slate', prompt: null, checklist: [] };
const work = (idempotencyKey: string, assignmentId = ASSIGNMENT, at = 0): Waiting => ({
  submission: { assignmentId, idempotencyKey, content: { ...draft, checklist: [] } },
  draft,
  name: 'Demonstration',
  at,
});

/** A browser's storage, and a server that stores a submission once for each key. */
function world() {
  const stored = new Map<string, Waiting>();
  const server = { answer: 'taken' as 'taken' | 'down' | 'refuses', keys: [] as string[], asked: 0 };
  const aside: string[] = [];
  const open = () =>
    new Outbox({
      async send({ idempotencyKey }) {
        server.asked++;
        if (server.answer === 'down') throw new TypeError('no connection');
        if (server.answer === 'refuses') throw new Error('You skipped this task.');
        if (!server.keys.includes(idempotencyKey)) server.keys.push(idempotencyKey);
        return { state: 'submitted' as const };
      },
      failureOf: (error) => (error instanceof TypeError ? 'unreachable' : 'refused'),
      store: {
        read: () => [...stored.values()],
        write: (waiting) => {
          stored.set(waiting.submission.assignmentId, waiting);
          return true;
        },
        clear: (id) => stored.delete(id),
      },
      async onRefused(waiting, message) {
        aside.push(`${waiting.submission.idempotencyKey}: ${message}`);
      },
    });
  return { stored, server, aside, open };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('keeps what is handed in without a connection, and sends it by itself when there is one', async () => {
  const { stored, server, open } = world();
  const outbox = open();
  const heard: Outcome[] = [];
  outbox.watch(ASSIGNMENT, (outcome) => heard.push(outcome));
  server.answer = 'down';
  expect(await outbox.handIn(work('key 1'))).toEqual({ state: 'waiting', why: 'unreachable' });
  expect(stored.size).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  server.answer = 'taken';
  await vi.advanceTimersByTimeAsync(30_000);
  expect(server.keys).toEqual(['key 1']);
  expect(stored.size).toBe(0);
  expect(heard.at(-1)).toEqual({ state: 'stored', late: false });
});

it('sends after a reload what waited before it, under the same key', async () => {
  const { stored, server, open } = world();
  const before = open();
  server.answer = 'down';
  await before.handIn(work('key 1'));
  before.close();
  server.answer = 'taken';
  const after = open();
  expect(after.has(ASSIGNMENT)).toBe(true);
  await after.flush();
  expect(server.keys).toEqual(['key 1']);
  expect(stored.size).toBe(0);
});

it('gives a submission back to be changed while it waits, and not once it is stored', async () => {
  const { stored, server, open } = world();
  const outbox = open();
  server.answer = 'down';
  await outbox.handIn(work('key 1'));
  expect(outbox.withdraw(ASSIGNMENT)).toBe(true);
  server.answer = 'taken';
  await vi.advanceTimersByTimeAsync(60_000);
  expect(server.keys).toEqual([]);
  expect(stored.size).toBe(0);
  await outbox.handIn(work('key 2'));
  expect(outbox.withdraw(ASSIGNMENT)).toBe(false);
  expect(server.keys).toEqual(['key 2']);
});

it('tells the open page of a refusal, and puts the text aside where the page is gone', async () => {
  const { stored, server, aside, open } = world();
  const outbox = open();
  server.answer = 'refuses';
  const stop = outbox.watch(ASSIGNMENT, () => undefined);
  expect(await outbox.handIn(work('key 1'))).toEqual({ state: 'refused', message: 'You skipped this task.' });
  expect(aside).toEqual([]);
  stop();
  await outbox.handIn(work('key 2'));
  expect(aside).toEqual(['key 2: You skipped this task.']);
  expect(stored.size).toBe(0);
});

it('asks a server that is away ever less often', async () => {
  const { server, open } = world();
  const outbox = open();
  server.answer = 'down';
  await outbox.handIn(work('key 1'));
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  // 2, 4, 8 and 16 seconds, then every 30.
  expect(server.asked).toBeGreaterThan(15);
  expect(server.asked).toBeLessThan(28);
});

it('asks for the next task only where a page is open to show it', async () => {
  const asked: unknown[] = [];
  const outbox = new Outbox({
    send: async (submission) => {
      asked.push(submission.next);
      return { state: 'submitted' };
    },
    failureOf: () => 'refused',
    store: { read: () => [], write: () => true, clear: () => undefined },
    onRefused: async () => undefined,
  });
  const next = { projectId: '0199aaaa-0000-7000-8000-000000000009' };
  const handIn = (key: string) =>
    outbox.handIn({ ...work(key), submission: { ...work(key).submission, next } });
  const leave = outbox.watch(ASSIGNMENT, () => undefined);
  await handIn('with its page');
  leave();
  await handIn('without');
  expect(asked).toEqual([next, undefined]);
});
