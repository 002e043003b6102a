import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database, Executor } from '@/db/client.ts';
import { assignments, memberships, projects, type Role, users } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { SessionUser } from './access.ts';
import { record } from './audit.ts';
import { checkPassword, hashPassword } from './passwords.ts';
import { isUniqueViolation } from './unique.ts';

export const emailAddress = z
  .string()
  .trim()
  .toLowerCase()
  .max(320)
  .pipe(z.email('expected an e-mail address'));

export const personName = z.string().trim().min(1, 'is empty: expected a name').max(200);

/** Makes a user who can sign in. */
export async function createUser(
  db: Executor,
  input: { email: string; name: string; password: string; role: Role },
): Promise<SessionUser> {
  const passwordHash = await hashPassword(input.password);
  try {
    const { email, name, role } = input;
    const [user] = await db
      .insert(users)
      .values({ email: email.toLowerCase(), name, role, passwordHash })
      .returning({ id: users.id, name: users.name, email: users.email, role: users.role });
    if (!user) throw new AppError('INTERNAL', 'The user was not written.');
    return user;
  } catch (error) {
    if (isUniqueViolation(error, 'users_email_key')) {
      throw new AppError('CONFLICT', `email: ${input.email} has an account already.`, { cause: error });
    }
    throw error;
  }
}

/** Whether nobody has an account yet, so that the first admin may still be made. */
export async function setupNeeded(db: Executor): Promise<boolean> {
  const [person] = await db.select({ id: users.id }).from(users).where(eq(users.kind, 'person')).limit(1);
  return person === undefined;
}

/**
 * Makes the first admin.
 * @throws FORBIDDEN once anybody has an account
 */
export async function setUpFirstAdmin(
  db: Database,
  input: { email: string; name: string; password: string },
): Promise<SessionUser> {
  return db.transaction(async (tx) => {
    // Two at once: the second waits, and finds the first.
    await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended('first admin', 0))`);
    if (!(await setupNeeded(tx))) {
      throw new AppError('FORBIDDEN', 'Touchstone is set up already: ask an admin for an invitation.');
    }
    const user = await createUser(tx, { ...input, role: 'admin' });
    await record(tx, user.id, 'user.first_admin', { kind: 'user', id: user.id });
    return user;
  });
}

/** The user with this address and password; null when there is none, or they are paused. */
export async function signIn(
  db: Database,
  input: { email: string; password: string },
): Promise<SessionUser | null> {
  const [user] = await db
    .select()
    .from(users)
    .where(and(sql`lower(${users.email}) = ${input.email.trim().toLowerCase()}`, eq(users.kind, 'person')));
  const right = await checkPassword(user?.passwordHash ?? null, input.password);
  if (!right || user?.status !== 'active') return null;
  await db.update(users).set({ lastSignInAt: sql`now()` }).where(eq(users.id, user.id));
  return { id: user.id, name: user.name, email: user.email, role: user.role };
}

export interface Person {
  id: string;
  name: string;
  email: string;
  role: Role;
  status: 'active' | 'paused';
  lastSignInAt: Date | null;
  createdAt: Date;
  projects: { id: string; name: string; role: Role }[];
  labels: { demonstrations: number; rankings: number };
}

/** Everybody who has an account, by name. */
export async function listPeople(db: Database): Promise<Person[]> {
  const people = await db
    .select({
      id: users.id,
      name: users.name,
      email: users.email,
      role: users.role,
      status: users.status,
      lastSignInAt: users.lastSignInAt,
      createdAt: users.createdAt,
    })
    .from(users)
    .where(eq(users.kind, 'person'))
    .orderBy(asc(users.name));
  const member = await db
    .select({
      userId: memberships.userId,
      id: projects.id,
      name: projects.name,
      role: memberships.role,
    })
    .from(memberships)
    .innerJoin(projects, eq(projects.id, memberships.projectId))
    .where(isNull(memberships.endedAt));
  const of = (kind: string) => sql<number>`(count(*) filter (where ${assignments.kind} = ${kind}))::int`;
  const labels = await db
    .select({
      userId: assignments.labelerId,
      demonstrations: of('demonstration'),
      rankings: of('ranking'),
    })
    .from(assignments)
    .where(sql`${assignments.state} in ('submitted', 'late')`)
    .groupBy(assignments.labelerId);
  const labelsOf = new Map(labels.map(({ userId, ...counts }) => [userId, counts]));
  return people.map((person) => ({
    ...person,
    projects: member.filter((row) => row.userId === person.id).map(({ userId: _, ...project }) => project),
    labels: labelsOf.get(person.id) ?? { demonstrations: 0, rankings: 0 },
  }));
}

/**
 * Changes a person's role or pauses them. A paused person is signed out at their next request; what they wrote stays.
 * @throws CONFLICT when it would leave nobody as active admin
 */
export async function changePerson(
  db: Database,
  userId: string,
  change: { role?: Role; status?: 'active' | 'paused' },
  actorId: string,
): Promise<void> {
  await db.transaction(async (tx) => {
    // All admins are locked: two who demote each other at once do so one after the other.
    const admins = await tx
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.role, 'admin'), eq(users.status, 'active'), eq(users.kind, 'person')))
      .orderBy(asc(users.id))
      .for('update');
    const loses = (change.role !== undefined && change.role !== 'admin') || change.status === 'paused';
    if (loses && admins.every((admin) => admin.id === userId)) {
      throw new AppError('CONFLICT', 'This is the only active admin: make somebody else an admin first.');
    }
    const changed = await tx
      .update(users)
      .set(change)
      .where(and(eq(users.id, userId), eq(users.kind, 'person')))
      .returning({ id: users.id });
    if (changed.length === 0) throw new AppError('NOT_FOUND', 'There is no such person.');
    await record(tx, actorId, 'user.changed', { kind: 'user', id: userId }, { ...change });
  });
}
