import { and, eq, isNull, sql } from 'drizzle-orm';
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

/*
 * Every request asks the two questions below, and to build their statements takes longer than to run them: they are
 * built once for a database.
 */

const activeUser = builtOnce((db) =>
  db
    .select({ id: users.id, name: users.name, email: users.email, role: users.role })
    .from(users)
    .where(and(eq(users.id, sql.placeholder('userId')), eq(users.status, 'active'), eq(users.kind, 'person')))
    .prepare('active_user'),
);

const projectOfMember = builtOnce((db) =>
  db
    .select({ project: projects, membership: memberships.role })
    .from(projects)
    .leftJoin(
      memberships,
      and(
        eq(memberships.projectId, projects.id),
        eq(memberships.userId, sql.placeholder('userId')),
        isNull(memberships.endedAt),
      ),
    )
    .where(eq(projects.id, sql.placeholder('projectId')))
    .prepare('project_of_member'),
);

function builtOnce<Built>(build: (db: Executor) => Built): (db: Executor) => Built {
  const built = new WeakMap<Executor, Built>();
  return (db) => {
    const found = built.get(db) ?? build(db);
    built.set(db, found);
    return found;
  };
}

/** The user of an id, when they may sign in now; null when there is none or they are paused. */
export async function findActiveUser(db: Executor, userId: string): Promise<SessionUser | null> {
  const [user] = await activeUser(db).execute({ userId });
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
  const [row] = await projectOfMember(db).execute({ userId: user.id, projectId });
  const role = user.role === 'admin' ? 'admin' : row?.membership;
  if (!row || !role)
    throw new AppError('NOT_FOUND', 'There is no such project, or you are not a member of it.');
  if (!hasRole(role, needed))
    throw new AppError('FORBIDDEN', `This needs the role ${needed} in the project ${row.project.name}.`);
  return { project: row.project, role };
}
