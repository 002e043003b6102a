import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { AppError } from '../errors.ts';

/** The secret that signs sessions: the one given, else one made once and kept in the home folder. */
export function authSecret(home: string, given: string | undefined): string {
  if (given !== undefined) return given;
  const file = join(home, 'auth-secret');
  mkdirSync(home, { recursive: true });
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

/** @throws AppError, one sentence, when another program listens on the port */
export async function requireFreePort(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EACCES' ? 'may not be used by this user' : 'is in use by another program';
      reject(
        new AppError('UNAVAILABLE', `Port ${port} ${why}: stop that one, or set PORT to another port.`, {
          cause,
        }),
      );
    });
    // On every address, as Next.js listens: a listener on any one of them is found.
    probe.listen(port, () => probe.close(() => resolve()));
  });
}
