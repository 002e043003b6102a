import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEnv, requireDatabaseUrl } from './env.ts';

describe('settings from the environment', () => {
  it('have defaults, and an empty variable counts as unset', () => {
    expect(readEnv({ PORT: '', TOUCHSTONE_HOME: '' })).toEqual({
      databaseUrl: undefined,
      home: resolve('.touchstone'),
      port: 3000,
      authSecret: undefined,
      authUrl: undefined,
      device: 'auto',
      threads: undefined,
      jobLeaseSeconds: 8,
    });
  });

  it.each([
    [{ PORT: '70000' }, 'PORT is "70000": expected a port number from 1 to 65535.'],
    [{ PORT: '3k' }, 'PORT is "3k": expected a port number from 1 to 65535.'],
    [
      { TOUCHSTONE_DEVICE: 'gpu' },
      'TOUCHSTONE_DEVICE is "gpu": expected one of auto, webgpu, native, tensorflow, wasm, cpu.',
    ],
    [
      { NEXTAUTH_URL: 'example.org' },
      'NEXTAUTH_URL is "example.org": expected an address such as https://touchstone.example.org.',
    ],
    [
      { DATABASE_URL: 'mysql://me:secret@host/db' },
      'DATABASE_URL is wrong: expected a Postgres address such as postgres://user:password@host:5432/database.',
    ],
    [{ NEXTAUTH_SECRET: 'short' }, 'NEXTAUTH_SECRET is wrong: expected a secret of at least 16 characters.'],
  ])('that are wrong (%j) are named, with what was expected and no secret', (source, message) => {
    expect(() => readEnv(source)).toThrow(message);
  });

  it('misspelt under our prefix are refused', () => {
    expect(() => readEnv({ TOUCHSTONE_HOEM: '/x' })).toThrow(
      /^TOUCHSTONE_HOEM is not a setting: those are TOUCHSTONE_HOME, /,
    );
  });

  it('without DATABASE_URL, where one is needed, say so in one sentence', () => {
    expect(() => requireDatabaseUrl(readEnv({}))).toThrow(
      /^DATABASE_URL is not set: expected a Postgres address such as [^.]+\.$/,
    );
  });
});
