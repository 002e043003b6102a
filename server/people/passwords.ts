import { hash, verify } from '@node-rs/argon2';
import { z } from 'zod';

/** What a new password must be. */
export const newPassword = z
  .string()
  .min(10, 'expected at least 10 characters')
  .max(200, 'expected at most 200 characters');

// The library's default is argon2id; memory, time and lanes as OWASP's password storage cheat sheet recommends.
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** The argon2id hash of a password, in PHC string form. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, COST);
}

let decoy: Promise<string> | undefined;

/** Whether a password is the one of the hash. Takes as long without a hash, so that time tells nothing of who exists. */
export async function checkPassword(passwordHash: string | null, password: string): Promise<boolean> {
  if (passwordHash !== null) return verify(passwordHash, password);
  decoy ??= hashPassword('nobody has this password');
  await verify(await decoy, password);
  return false;
}
