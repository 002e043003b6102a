import { encode } from 'next-auth/jwt';
import { afterEach, expect, test, vi } from 'vitest';
import { uuidv7 } from '@/db/uuid.ts';
import { Sessions, wholeCookie } from './sessions.ts';

const secret = 'a secret of the tests alone';

afterEach(() => {
  vi.useRealTimers();
});

test('a session is of the person for whom it was made, the first time and afterwards', async () => {
  const sessions = new Sessions(secret);
  const [one, other] = [uuidv7(), uuidv7()];
  const tokenOfOne = await encode({ token: { sub: one }, secret });
  const tokenOfOther = await encode({ token: { sub: other }, secret });
  for (let turn = 0; turn < 2; turn++) {
    expect(await sessions.userOf(tokenOfOne)).toBe(one);
    expect(await sessions.userOf(tokenOfOther)).toBe(other);
  }
});

test('a cookie of another secret, a changed one, and one that is none are nobody’s session', async () => {
  const sessions = new Sessions(secret);
  const sub = uuidv7();
  const token = await encode({ token: { sub }, secret });
  expect(await sessions.userOf(token)).toBe(sub);
  expect(
    await sessions.userOf(await encode({ token: { sub }, secret: 'another secret altogether' })),
  ).toBeNull();
  const place = token.length - 30;
  const changed = `${token.slice(0, place)}${token[place] === 'A' ? 'B' : 'A'}${token.slice(place + 1)}`;
  expect(await sessions.userOf(changed)).toBeNull();
  expect(await sessions.userOf('')).toBeNull();
  expect(await sessions.userOf('no token')).toBeNull();
  expect(await sessions.userOf(await encode({ token: { sub: 'not an id' }, secret }))).toBeNull();
});

test('a session that was read before ends when it runs out', async () => {
  const sessions = new Sessions(secret);
  const sub = uuidv7();
  const token = await encode({ token: { sub }, secret, maxAge: 60 });
  expect(await sessions.userOf(token)).toBe(sub);
  vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ['Date'] });
  expect(await sessions.userOf(token)).toBeNull();
  expect(await sessions.userOf(token)).toBeNull();
});

test('more people than are remembered are all still known', async () => {
  const sessions = new Sessions(secret, 2);
  const ids = Array.from({ length: 5 }, () => uuidv7());
  const tokens = await Promise.all(ids.map((sub) => encode({ token: { sub }, secret })));
  for (let turn = 0; turn < 2; turn++) {
    for (const [index, token] of tokens.entries()) expect(await sessions.userOf(token)).toBe(ids[index]);
  }
});

test('a cookie in pieces is put together by their numbers', () => {
  const pieces = Array.from({ length: 11 }, (_, number) => ({
    name: `session.${number}`,
    value: `<${number}>`,
  }));
  const given = [...pieces.reverse(), { name: 'session.x', value: 'no' }, { name: 'sessions', value: 'no' }];
  expect(wholeCookie(given, 'session')).toBe('<0><1><2><3><4><5><6><7><8><9><10>');
  expect(wholeCookie([...given, { name: 'session', value: 'whole' }], 'session')).toBe('whole');
  expect(wholeCookie([{ name: 'another', value: 'no' }], 'session')).toBeNull();
});
