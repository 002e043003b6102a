import type { Database } from '@/db/client.ts';
import type { Role } from '@/db/schema.ts';
import { seedUser } from '@/db/seed.ts';
import type { SessionUser } from '@/server/people/access.ts';
import { createCaller } from '@/server/router.ts';

export type Caller = ReturnType<typeof createCaller>;

/** A new person with a role, a member of the project when one is given, and the procedures called as them. */
export async function person(
  db: Database,
  role: Role,
  projectId?: string,
): Promise<{ user: SessionUser; api: Caller }> {
  const { id, name, email } = await seedUser(db, projectId === undefined ? { role } : { role, projectId });
  const user: SessionUser = { id, name, email, role };
  return { user, api: createCaller({ db, user }) };
}

/** The procedures called by somebody who is not signed in. */
export function anybody(db: Database): Caller {
  return createCaller({ db, user: null });
}
