import { eq, sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { auditLog, invites, users } from '@/db/schema.ts';
import { seedProject } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { anybody, person } from '@/tests/support/people.ts';
import { findActiveUser } from './access.ts';
import { signIn } from './users.ts';

const { db } = await openTestDatabase();
const password = 'a slate and a streak of gold';

describe('the first admin', () => {
  it('is made once, also when ten ask at once', async () => {
    const api = anybody(db);
    expect(await api.people.setupNeeded()).toBe(true);
    const asked = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) =>
        api.people.setup({ name: `Admin ${i}`, email: `admin${i}@example.org`, password }),
      ),
    );
    expect(asked.filter((result) => result.status === 'fulfilled').length).toBe(1);
    expect(await api.people.setupNeeded()).toBe(false);
    const rows = await db.select().from(users);
    expect(rows.map((row) => row.role)).toEqual(['admin']);
    expect(rows[0]?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });
});

describe('an invitation', () => {
  it('makes one account with its role and projects, and its token is stored as a hash only', async () => {
    const project = await seedProject(db, { name: 'Pilot' });
    const admin = await person(db, 'admin');
    const invited = await admin.api.people.invite({
      email: ' New.Person@Example.org ',
      role: 'contractor',
      projectIds: [project.id],
    });
    expect(invited.path).toBe(`/invite/${invited.token}`);
    const [row] = await db.select().from(invites).where(eq(invites.id, invited.id));
    expect(JSON.stringify(row)).not.toContain(invited.token);

    const api = anybody(db);
    expect(await api.people.inviteByToken({ token: invited.token })).toMatchObject({
      email: 'new.person@example.org',
      role: 'contractor',
      projects: ['Pilot'],
      invitedBy: admin.user.name,
    });
    const accepted = await Promise.allSettled(
      Array.from({ length: 5 }, () =>
        api.people.acceptInvite({ token: invited.token, name: 'New', password }),
      ),
    );
    expect(accepted.filter((result) => result.status === 'fulfilled').length).toBe(1);
    const user = await signIn(db, { email: 'NEW.person@example.org', password });
    expect(user).toMatchObject({ name: 'New', role: 'contractor' });
    const list = await admin.api.people.list();
    expect(list.find((other) => other.id === user?.id)).toMatchObject({
      projects: [{ name: 'Pilot', role: 'contractor' }],
      labels: { demonstrations: 0, rankings: 0 },
    });
  });

  it('that is revoked, expired or mistyped is not open', async () => {
    const admin = await person(db, 'admin');
    const api = anybody(db);
    const revoked = await admin.api.people.invite({ email: 'r@example.org', role: 'researcher' });
    await admin.api.people.revokeInvite({ inviteId: revoked.id });
    const expired = await admin.api.people.invite({ email: 'e@example.org', role: 'researcher' });
    await db.update(invites).set({ expiresAt: sql`now()` }).where(eq(invites.id, expired.id));
    for (const token of [revoked.token, expired.token, `${revoked.token.slice(0, -1)}!`]) {
      await expect(api.people.acceptInvite({ token, name: 'X', password })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    }
    await expect(admin.api.people.revokeInvite({ inviteId: revoked.id })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  it('names the field that is wrong', async () => {
    const admin = await person(db, 'admin');
    await expect(admin.api.people.invite({ email: 'nobody', role: 'contractor' })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: 'email: expected an e-mail address.',
    });
    const token = uuidv7();
    await expect(
      anybody(db).people.acceptInvite({ token, name: 'X', password: 'short' }),
    ).rejects.toMatchObject({
      message: 'password: expected at least 10 characters.',
    });
  });
});

describe('signing in', () => {
  it('needs the right password of an active person', async () => {
    const admin = await person(db, 'admin');
    const { token } = await admin.api.people.invite({ email: 'pat@example.org', role: 'contractor' });
    const { id } = await anybody(db).people.acceptInvite({ token, name: 'Pat', password });
    expect(await signIn(db, { email: 'pat@example.org', password: `${password}.` })).toBeNull();
    expect(await signIn(db, { email: 'nobody@example.org', password })).toBeNull();
    expect((await signIn(db, { email: 'pat@example.org', password }))?.id).toBe(id);
    await admin.api.people.setStatus({ userId: id, status: 'paused' });
    expect(await signIn(db, { email: 'pat@example.org', password })).toBeNull();
    expect(await findActiveUser(db, id)).toBeNull();
    const lines = await db.select().from(auditLog).where(eq(auditLog.subjectId, id));
    expect(lines.map((line) => [line.action, line.actorId, line.details])).toEqual([
      ['user.changed', admin.user.id, { status: 'paused' }],
    ]);
  });
});

describe('roles', () => {
  it('change, but never so that no active admin is left, even when two demote each other at once', async () => {
    await db.update(users).set({ status: 'paused' });
    const [one, two] = [await person(db, 'admin'), await person(db, 'admin')];
    const demoted = await Promise.allSettled([
      one.api.people.setRole({ userId: two.user.id, role: 'researcher' }),
      two.api.people.setRole({ userId: one.user.id, role: 'researcher' }),
    ]);
    expect(demoted.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    const admins = await db
      .select()
      .from(users)
      .where(sql`${users.role} = 'admin' and ${users.status} = 'active'`);
    expect(admins.length).toBe(1);
  });

  it('in a project are no larger than the person’s own', async () => {
    const project = await seedProject(db);
    const admin = await person(db, 'admin');
    const { user } = await person(db, 'contractor');
    const add = (role: 'contractor' | 'researcher') =>
      admin.api.projects.addMember({ projectId: project.id, userId: user.id, role });
    await expect(add('researcher')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await add('contractor');
    expect((await admin.api.projects.members({ projectId: project.id })).map((row) => row.userId)).toEqual([
      user.id,
    ]);
    await admin.api.projects.removeMember({ projectId: project.id, userId: user.id });
    expect(await admin.api.projects.members({ projectId: project.id })).toEqual([]);
  });
});

describe('a project', () => {
  it('has a name of its own, and guidelines whose versions are published in order', async () => {
    const { api } = await person(db, 'admin');
    const name = `Slate ${uuidv7()}`;
    const { id: projectId } = await api.projects.create({ name, guideline: 'v1' });
    await expect(api.projects.create({ name: name.toUpperCase() })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const publish = (markdown: string, baseVersion: number) =>
      api.guidelines.publish({ projectId, markdown, baseVersion, changeNote: 'clearer' });
    const both = await Promise.allSettled([publish('v2', 1), publish('other v2', 1)]);
    expect(both.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await api.guidelines.list({ projectId })).map((row) => row.version)).toEqual([2, 1]);
  });
});
