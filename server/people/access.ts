import { and, eq, isNull } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import { memberships, projects, ROLES, type Role, users } from '@/db/schema.ts';
import { AppError } from '../errors.ts';

/** The person behind a request, as the database knows them now. */
export interface SessionUser {
  id: string;
  name: string;
  email: string;
  role: Role;
}

export type Project = typeof projects.$inferSelect;

/** A project that a person may enter, and as what. */
export interface ProjectAccess {
  project: Project;
  role: Role;
}

/** Whether a role may do what `needed` may. */
export function hasRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** The user of an id, when they may sign in now; null when there is none or they are paused. */
export async function findActiveUser(db: Executor, userId: string): Promise<SessionUser | null> {
  const [user] = await db
    .select({ id: users.id, name: users.name, email: users.email, role: users.role })
    .from(users)
    .where(and(eq(users.id, userId), eq(users.status, 'active'), eq(users.kind, 'person')));
  return user ?? null;
}

/**
 * The project, when the person may act in it as `needed`. Admins may in every project; others through their membership.
 * @throws NOT_FOUND for a project that does not exist or that the person is no member of (the two look alike on
 * purpose), FORBIDDEN for a member whose role is too small
 */
export async function requireProject(
  db: Executor,
  user: SessionUser,
  projectId: string,
  needed: Role,
): Promise<ProjectAccess> {
  const [row] = await db
    .select({ project: projects, membership: memberships.role })
    .from(projects)
    .leftJoin(
      memberships,
      and(
        eq(memberships.projectId, projects.id),
        eq(memberships.userId, user.id),
        isNull(memberships.endedAt),
      ),
    )
    .where(eq(projects.id, projectId));
  const role = user.role === 'admin' ? 'admin' : row?.membership;
  if (!row || !role)
    throw new AppError('NOT_FOUND', 'There is no such project, or you are not a member of it.');
  if (!hasRole(role, needed))
    throw new AppError('FORBIDDEN', `This needs the role ${needed} in the project ${row.project.name}.`);
  return { project: row.project, role };
}
