import { z } from 'zod';
import { ROLES } from '@/db/schema.ts';
import { listProjects } from '../labeling/projects.ts';
import { adminProcedure, publicProcedure, router } from '../trpc.ts';
import { listAudit } from './audit.ts';
import { acceptInvite, createInvite, findInvite, listInvites, revokeInvite } from './invites.ts';
import { newPassword } from './passwords.ts';
import { changePerson, emailAddress, listPeople, personName, setUpFirstAdmin, setupNeeded } from './users.ts';

const token = z.string().min(20, 'expected the token of an invitation link').max(100);

export const peopleRouter = router({
  /** The person who asks and their projects; null when nobody is signed in. */
  me: publicProcedure.query(async ({ ctx }) => {
    if (!ctx.user) return null;
    return { ...ctx.user, projects: await listProjects(ctx.db, ctx.user) };
  }),

  setupNeeded: publicProcedure.query(({ ctx }) => setupNeeded(ctx.db)),

  setup: publicProcedure
    .input(z.strictObject({ name: personName, email: emailAddress, password: newPassword }))
    .mutation(({ ctx, input }) => setUpFirstAdmin(ctx.db, input)),

  list: adminProcedure.query(({ ctx }) => listPeople(ctx.db)),

  setRole: adminProcedure
    .input(z.strictObject({ userId: z.uuid(), role: z.enum(ROLES) }))
    .mutation(({ ctx, input }) => changePerson(ctx.db, input.userId, { role: input.role }, ctx.user.id)),

  setStatus: adminProcedure
    .input(z.strictObject({ userId: z.uuid(), status: z.enum(['active', 'paused']) }))
    .mutation(({ ctx, input }) => changePerson(ctx.db, input.userId, { status: input.status }, ctx.user.id)),

  invite: adminProcedure
    .input(
      z.strictObject({
        email: emailAddress,
        role: z.enum(ROLES),
        projectIds: z.array(z.uuid()).max(200).default([]),
      }),
    )
    .mutation(({ ctx, input }) => createInvite(ctx.db, { ...input, invitedBy: ctx.user.id })),

  invites: adminProcedure.query(({ ctx }) => listInvites(ctx.db)),

  revokeInvite: adminProcedure
    .input(z.strictObject({ inviteId: z.uuid() }))
    .mutation(({ ctx, input }) => revokeInvite(ctx.db, input.inviteId, ctx.user.id)),

  inviteByToken: publicProcedure
    .input(z.strictObject({ token }))
    .query(({ ctx, input }) => findInvite(ctx.db, input.token)),

  acceptInvite: publicProcedure
    .input(z.strictObject({ token, name: personName, password: newPassword }))
    .mutation(({ ctx, input }) => acceptInvite(ctx.db, input)),

  audit: adminProcedure
    .input(z.strictObject({ limit: z.number().int().min(1).max(500).default(100) }))
    .query(({ ctx, input }) => listAudit(ctx.db, input.limit)),
});
