import { sql } from 'drizzle-orm';
import { boolean, index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, moment, oneOf } from './columns.ts';
import { ROLES, STANDINGS, USER_KINDS, USER_STATUSES } from './values.ts';
import { projects } from './work.ts';

/** People who sign in, and the nameless labelers behind imported labels (kind `imported`, who cannot sign in). */
export const users = pgTable(
  'users',
  {
    id: id(),
    /** Stored in lower case. */
    email: text('email').notNull(),
    name: text('name').notNull(),
    /** argon2id, in its PHC string form; null for those who cannot sign in. */
    passwordHash: text('password_hash'),
    role: text('role', { enum: ROLES }).notNull(),
    kind: text('kind', { enum: USER_KINDS }).notNull().default('person'),
    status: text('status', { enum: USER_STATUSES }).notNull().default('active'),
    createdAt: createdAt(),
    lastSignInAt: moment('last_sign_in_at'),
  },
  (table) => [
    uniqueIndex('users_email_key').on(sql`lower(${table.email})`),
    oneOf('users_role', table.role, ROLES),
    oneOf('users_kind', table.kind, USER_KINDS),
    oneOf('users_status', table.status, USER_STATUSES),
  ],
);

/** An invitation: whoever holds the link (its token is stored as a hash only) may become a user with this role. */
export const invites = pgTable(
  'invites',
  {
    id: id(),
    email: text('email').notNull(),
    role: text('role', { enum: ROLES }).notNull(),
    /** Projects that the person joins on accepting. */
    projectIds: uuid('project_ids').array().notNull().default(sql`'{}'::uuid[]`),
    /** SHA-256 of the token, in hex. */
    tokenHash: text('token_hash').notNull(),
    invitedBy: uuid('invited_by')
      .notNull()
      .references(() => users.id),
    createdAt: createdAt(),
    expiresAt: moment('expires_at').notNull(),
    acceptedAt: moment('accepted_at'),
    acceptedBy: uuid('accepted_by').references(() => users.id),
    revokedAt: moment('revoked_at'),
  },
  (table) => [
    uniqueIndex('invites_token_hash_key').on(table.tokenHash),
    oneOf('invites_role', table.role, ROLES),
  ],
);

/** Bearer tokens of the HTTP API, stored as hashes only. */
export const apiTokens = pgTable(
  'api_tokens',
  {
    id: id(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    name: text('name').notNull(),
    tokenHash: text('token_hash').notNull(),
    scopes: text('scopes').array().notNull(),
    createdAt: createdAt(),
    lastUsedAt: moment('last_used_at'),
    revokedAt: moment('revoked_at'),
  },
  (table) => [uniqueIndex('api_tokens_token_hash_key').on(table.tokenHash)],
);

/** Who works in which project, as what. Admins reach every project without a row here. */
export const memberships = pgTable(
  'memberships',
  {
    id: id(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    projectId: uuid('project_id')
      .notNull()
      .references(() => projects.id),
    role: text('role', { enum: ROLES }).notNull(),
    /** Whether a contractor gets reviews too; researchers and admins always do. */
    mayReview: boolean('may_review').notNull().default(false),
    /** When the person passed the project's screening, or was let through. */
    screenedAt: moment('screened_at'),
    standing: text('standing', { enum: STANDINGS }).notNull().default('good'),
    /** What the person is told about it. */
    standingNote: text('standing_note').notNull().default(''),
    standingSince: moment('standing_since'),
    createdAt: createdAt(),
    endedAt: moment('ended_at'),
  },
  (table) => [
    oneOf('memberships_standing', table.standing, STANDINGS),
    uniqueIndex('memberships_user_project_key').on(table.userId, table.projectId),
    index('memberships_project').on(table.projectId),
    oneOf('memberships_role', table.role, ROLES),
  ],
);

/** What was done to people, projects and models, by whom. Rows are only ever added. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: id(),
    /** Null when the system itself acted. */
    actorId: uuid('actor_id').references(() => users.id),
    /** For example `user.paused`. */
    action: text('action').notNull(),
    subjectKind: text('subject_kind').notNull(),
    subjectId: uuid('subject_id'),
    details: jsonb('details').$type<Record<string, unknown>>().notNull().default({}),
    createdAt: createdAt(),
  },
  (table) => [index('audit_log_subject').on(table.subjectKind, table.subjectId)],
);
