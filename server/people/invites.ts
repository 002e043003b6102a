import { createHash, randomBytes } from 'node:crypto';
import { and, desc, eq, gt, inArray, isNull, sql } from 'drizzle-orm';
import type { Database, Executor } from '@/db/client.ts';
import { invites, memberships, projects, type Role, users } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { SessionUser } from './access.ts';
import { record } from './audit.ts';
import { createUser } from './users.ts';

const DAYS_VALID = 14;

/** SHA-256 of a token, in hex: tokens have 256 random bits, so a fast hash without salt keeps them safe. */
function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export interface Invitation {
  id: string;
  /** The path of the page on which the invitation is accepted; shown once, for only its hash is stored. */
  path: string;
  token: string;
  expiresAt: Date;
}

/** Invites somebody by e-mail address (the link is handed over by the inviter), to a role and some projects. */
export async function createInvite(
  db: Database,
  input: { email: string; role: Role; projectIds: string[]; invitedBy: string },
): Promise<Invitation> {
  return db.transaction(async (tx) => {
    const [taken] = await tx
      .select({ id: users.id })
      .from(users)
      .where(eq(sql`lower(${users.email})`, input.email));
    if (taken) throw new AppError('CONFLICT', `email: ${input.email} has an account already.`);
    const projectIds = [...new Set(input.projectIds)];
    if (projectIds.length > 0) {
      const found = await tx
        .select({ id: projects.id })
        .from(projects)
        .where(inArray(projects.id, projectIds));
      const missing = projectIds.find((id) => !found.some((project) => project.id === id));
      if (missing !== undefined)
        throw new AppError('BAD_INPUT', `projectIds: there is no project ${missing}.`);
    }
    const token = randomBytes(32).toString('base64url');
    const [invite] = await tx
      .insert(invites)
      .values({
        email: input.email,
        role: input.role,
        projectIds,
        tokenHash: hashToken(token),
        invitedBy: input.invitedBy,
        expiresAt: sql`now() + make_interval(days => ${DAYS_VALID})`,
      })
      .returning({ id: invites.id, expiresAt: invites.expiresAt });
    if (!invite) throw new AppError('INTERNAL', 'The invitation was not written.');
    await record(
      tx,
      input.invitedBy,
      'invite.created',
      { kind: 'invite', id: invite.id },
      {
        email: input.email,
        role: input.role,
      },
    );
    return { ...invite, token, path: `/invite/${token}` };
  });
}

/** Invitations, newest first. */
export function listInvites(db: Database) {
  return db
    .select({
      id: invites.id,
      email: invites.email,
      role: invites.role,
      invitedBy: users.name,
      createdAt: invites.createdAt,
      expiresAt: invites.expiresAt,
      acceptedAt: invites.acceptedAt,
      revokedAt: invites.revokedAt,
    })
    .from(invites)
    .innerJoin(users, eq(users.id, invites.invitedBy))
    .orderBy(desc(invites.id))
    .limit(200);
}

/** Makes an open invitation's link useless. */
export async function revokeInvite(db: Database, inviteId: string, actorId: string): Promise<void> {
  await db.transaction(async (tx) => {
    const revoked = await tx
      .update(invites)
      .set({ revokedAt: sql`now()` })
      .where(and(eq(invites.id, inviteId), isNull(invites.acceptedAt), isNull(invites.revokedAt)))
      .returning({ id: invites.id });
    if (revoked.length === 0) throw new AppError('CONFLICT', 'This invitation is no longer open.');
    await record(tx, actorId, 'invite.revoked', { kind: 'invite', id: inviteId });
  });
}

/**
 * What an open invitation offers, for the page on which it is accepted.
 * @throws NOT_FOUND when the link is wrong, used, revoked or expired
 */
export async function findInvite(db: Database, token: string) {
  const [invite] = await openInvite(db, token);
  if (!invite) throw notOpen();
  const named = await db
    .select({ name: projects.name })
    .from(projects)
    .where(inArray(projects.id, invite.projectIds));
  const [inviter] = await db.select({ name: users.name }).from(users).where(eq(users.id, invite.invitedBy));
  return {
    email: invite.email,
    role: invite.role,
    invitedBy: inviter?.name ?? '',
    projects: named.map((project) => project.name),
    expiresAt: invite.expiresAt,
  };
}

/** Makes the invited person's account and memberships. An invitation is accepted once. */
export async function acceptInvite(
  db: Database,
  input: { token: string; name: string; password: string },
): Promise<SessionUser> {
  return db.transaction(async (tx) => {
    const [invite] = await openInvite(tx, input.token).for('update');
    if (!invite) throw notOpen();
    const user = await createUser(tx, {
      email: invite.email,
      name: input.name,
      password: input.password,
      role: invite.role,
    });
    if (invite.projectIds.length > 0) {
      await tx
        .insert(memberships)
        .values(invite.projectIds.map((projectId) => ({ userId: user.id, projectId, role: invite.role })));
    }
    await tx
      .update(invites)
      .set({ acceptedAt: sql`now()`, acceptedBy: user.id })
      .where(eq(invites.id, invite.id));
    await record(tx, user.id, 'invite.accepted', { kind: 'invite', id: invite.id });
    return user;
  });
}

function openInvite(db: Executor, token: string) {
  return db
    .select()
    .from(invites)
    .where(
      and(
        eq(invites.tokenHash, hashToken(token)),
        isNull(invites.acceptedAt),
        isNull(invites.revokedAt),
        gt(invites.expiresAt, sql`now()`),
      ),
    );
}

function notOpen(): AppError {
  return new AppError(
    'NOT_FOUND',
    'This invitation is not open: it was used, revoked, has expired, or the link is incomplete.',
  );
}
