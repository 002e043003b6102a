import type { Executor } from '@/db/client.ts';
import { seedUser } from '@/db/seed.ts';
import { hashPassword } from '../people/passwords.ts';

/** Everybody's password in a scene. */
export const PASSWORD = 'a touchstone of slate';

let hashed: Promise<string> | undefined;
/** Its hash, computed once: the hashing is slow on purpose. */
export function passwordHash(): Promise<string> {
  hashed ??= hashPassword(PASSWORD);
  return hashed;
}

/** The people of every scene: an admin, a researcher and a contractor of the project, each of whom can sign in. */
export async function seedCast(db: Executor, projectId: string) {
  const hash = await passwordHash();
  const admin = await seedUser(db, {
    role: 'admin',
    name: 'Ada Okafor',
    email: 'ada@example.org',
    passwordHash: hash,
  });
  const researcher = await seedUser(db, {
    role: 'researcher',
    name: 'Rosalind Meyer',
    email: 'rosalind@example.org',
    passwordHash: hash,
    projectId,
  });
  const contractor = await seedUser(db, {
    name: 'Kim Adeyemi-Villanueva',
    email: 'kim@example.org',
    passwordHash: hash,
    projectId,
  });
  return { admin, researcher, contractor };
}

/** More contractors of the project, who cannot sign in. */
export async function seedCrowd(db: Executor, projectId: string, count: number) {
  const crowd: Awaited<ReturnType<typeof seedUser>>[] = [];
  for (let i = 0; i < count; i++) {
    crowd.push(await seedUser(db, { name: crowdName(i), email: `labeler-${i + 1}@example.org`, projectId }));
  }
  return crowd;
}

const FIRST = ['Amara', 'Björn', 'Chiara', 'Dmitri', 'Esra', 'Farid', 'Grace', 'Hiro', 'Inés', 'Jonas'];
const LAST = ['Achterberg', 'Banerjee', 'Castillo'];

function crowdName(index: number): string {
  const last = LAST[Math.floor(index / FIRST.length) % LAST.length];
  return `${FIRST[index % FIRST.length]} ${last}`;
}
