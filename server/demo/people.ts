import { randomBytes } from 'node:crypto';
import type { Database } from '@/db/client.ts';
import type { Role } from '@/db/schema.ts';
import { addMember } from '../labeling/projects.ts';
import { createUser } from '../people/users.ts';

/** Somebody of the demo, with the password that the terminal prints. */
export interface DemoPerson {
  id: string;
  name: string;
  email: string;
  password: string;
  role: Role;
}

const CONTRACTORS = ['Ada', 'Ben', 'Chika', 'Dora', 'Emil', 'Fatma', 'Gus', 'Hana', 'Ivo', 'June'];

/** Makes one admin, one researcher and ten contractors, each with a password of their own. */
export async function createPeople(db: Database): Promise<DemoPerson[]> {
  const wanted: { name: string; role: Role }[] = [
    { name: 'Admin', role: 'admin' },
    { name: 'Researcher', role: 'researcher' },
    ...CONTRACTORS.map((name) => ({ name, role: 'contractor' as const })),
  ];
  return Promise.all(
    wanted.map(async ({ name, role }) => {
      const email = `${name.toLowerCase()}@demo.example`;
      const password = randomBytes(9).toString('base64url');
      const { id } = await createUser(db, { email, name, password, role });
      return { id, name, email, password, role };
    }),
  );
}

/** Lets everybody into the project in their own role. */
export async function joinProject(db: Database, people: DemoPerson[], projectId: string): Promise<void> {
  const admin = people.find(({ role }) => role === 'admin');
  if (!admin) throw new Error('The demo has no admin.');
  for (const { id, role } of people) {
    await addMember(db, { projectId, userId: id, role, actorId: admin.id });
  }
}
