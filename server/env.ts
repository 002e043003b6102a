import { resolve } from 'node:path';
import { z } from 'zod';
import { AppError } from './errors.ts';

const PREFIX = 'TOUCHSTONE_';

/** A setting, its form, and what the error says was expected. */
const settings = {
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/.+/, 'a Postgres address such as postgres://user:password@host:5432/database')
    .optional(),
  TOUCHSTONE_HOME: z.string().min(1, 'the path of a folder').default('.touchstone'),
  PORT: integer('a port number from 1 to 65535', 1, 65_535).default(3000),
  NEXTAUTH_SECRET: z.string().min(16, 'a secret of at least 16 characters').optional(),
  NEXTAUTH_URL: z
    .url({ protocol: /^https?$/, error: 'an address such as https://touchstone.example.org' })
    .optional(),
  TOUCHSTONE_DEVICE: z
    .enum(['auto', 'webgpu', 'native', 'tensorflow', 'wasm', 'cpu'], {
      error: 'one of auto, webgpu, native, tensorflow, wasm, cpu',
    })
    .default('auto'),
  TOUCHSTONE_THREADS: integer('a whole number of threads from 1 to 1024', 1, 1024).optional(),
  /** How long a job's lease lasts without a heartbeat from its worker. */
  TOUCHSTONE_JOB_LEASE_SECONDS: integer('a whole number of seconds from 2 to 3600', 2, 3600).default(8),
  /** Read elsewhere (next.config.mjs, the trainer's command line and engine); named here so that it is no misspelling. */
  TOUCHSTONE_NEXT_DIST: z.string().optional(),
  TOUCHSTONE_DEBUG: z.string().optional(),
  TOUCHSTONE_BLAS: z.string().optional(),
  TOUCHSTONE_PRECISION: z.enum(['float32', 'bf16'], { error: 'float32 or bf16' }).optional(),
};

const schema = z.object(settings);

export interface Env {
  databaseUrl: string | undefined;
  /** Absolute path of the folder for everything made at run time. */
  home: string;
  port: number;
  authSecret: string | undefined;
  authUrl: string | undefined;
  device: 'auto' | 'webgpu' | 'native' | 'tensorflow' | 'wasm' | 'cpu';
  threads: number | undefined;
  jobLeaseSeconds: number;
}

/**
 * The settings from the environment, parsed strictly. An empty variable counts as unset.
 * @throws AppError that names the first wrong variable and what was expected
 */
export function readEnv(source: Record<string, string | undefined> = process.env): Env {
  const given = Object.fromEntries(
    Object.entries(source).filter(([, value]) => value !== undefined && value !== ''),
  );
  const unknown = Object.keys(given).find((name) => name.startsWith(PREFIX) && !(name in settings));
  if (unknown !== undefined) {
    const known = Object.keys(settings).filter((name) => name.startsWith(PREFIX));
    throw new AppError('BAD_INPUT', `${unknown} is not a setting: those are ${known.join(', ')}.`);
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue?.path[0] ?? 'The environment');
    const value = name.endsWith('SECRET') || name === 'DATABASE_URL' ? '' : ` is "${given[name]}":`;
    throw new AppError(
      'BAD_INPUT',
      `${name}${value || ' is wrong:'} expected ${issue?.message ?? 'another value'}.`,
    );
  }
  const env = parsed.data;
  return {
    databaseUrl: env.DATABASE_URL,
    home: resolve(env.TOUCHSTONE_HOME),
    port: env.PORT,
    authSecret: env.NEXTAUTH_SECRET,
    authUrl: env.NEXTAUTH_URL,
    device: env.TOUCHSTONE_DEVICE,
    threads: env.TOUCHSTONE_THREADS,
    jobLeaseSeconds: env.TOUCHSTONE_JOB_LEASE_SECONDS,
  };
}

/** DATABASE_URL, for a process that cannot do without it. */
export function requireDatabaseUrl(env: Env = readEnv()): string {
  if (env.databaseUrl === undefined) {
    throw new AppError(
      'BAD_INPUT',
      'DATABASE_URL is not set: expected a Postgres address such as postgres://user:password@host:5432/database.',
    );
  }
  return env.databaseUrl;
}

function integer(expected: string, least: number, most: number) {
  return z
    .string()
    .regex(/^\d+$/, expected)
    .transform(Number)
    .pipe(z.number().min(least, expected).max(most, expected));
}
