import { and, asc, eq, isNull, ne, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import {
  assignments,
  guidelines,
  memberships,
  type ProjectSettings,
  projects,
  type Role,
  type TaskKind,
  type TaskPurpose,
  tasks,
  users,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { hasRole, type Project, type SessionUser } from '../people/access.ts';
import { record } from '../people/audit.ts';
import { isUniqueViolation } from '../people/unique.ts';
import { DEFAULT_SETTINGS } from './schemas.ts';
import { screeningResults, settleScreening } from './screening.ts';

export interface ProjectSummary {
  id: string;
  name: string;
  description: string;
  /** Null for contractors: how often known answers are mixed in, and what the screening asks, is not theirs to know. */
  settings: ProjectSettings | null;
  state: 'active' | 'archived';
  /** What the asking person may do in it. */
  role: Role;
  /** Version of the current guideline; null when none has been written. */
  guidelineVersion: number | null;
  createdAt: Date;
}

/** The projects that a person may enter: all of them for an admin, those of their memberships for others. */
export async function listProjects(db: Database, user: SessionUser): Promise<ProjectSummary[]> {
  const rows = await db
    .select({
      id: projects.id,
      name: projects.name,
      description: projects.description,
      settings: projects.settings,
      state: projects.state,
      membership: memberships.role,
      guidelineVersion: sql<number | null>`(select max(${guidelines.version}) from ${guidelines}
        where ${guidelines.projectId} = ${projects.id})`,
      createdAt: projects.createdAt,
    })
    .from(projects)
    .leftJoin(
      memberships,
      and(
        eq(memberships.projectId, projects.id),
        eq(memberships.userId, user.id),
        isNull(memberships.endedAt),
      ),
    )
    .orderBy(asc(projects.id));
  return rows.flatMap(({ membership, ...project }) => {
    const role = user.role === 'admin' ? 'admin' : membership;
    return role === null ? [] : [{ ...project, settings: settingsFor(role, project.settings), role }];
  });
}

/** A project's settings, for those who may see them. */
export function settingsFor(role: Role, settings: ProjectSettings): ProjectSettings | null {
  return hasRole(role, 'researcher') ? settings : null;
}

/**
 * Makes a project, with its first guideline when one is given.
 * @throws CONFLICT when another project has the name
 */
export async function createProject(
  db: Database,
  input: {
    name: string;
    description: string;
    settings?: Partial<ProjectSettings> | undefined;
    guideline?: string | undefined;
    createdBy: string | null;
  },
): Promise<Project> {
  try {
    return await db.transaction(async (tx) => {
      const [project] = await tx
        .insert(projects)
        .values({
          name: input.name,
          description: input.description,
          settings: { ...DEFAULT_SETTINGS, ...input.settings },
          createdBy: input.createdBy,
        })
        .returning();
      if (!project) throw new AppError('INTERNAL', 'The project was not written.');
      if (input.guideline !== undefined) {
        await tx.insert(guidelines).values({
          projectId: project.id,
          version: 1,
          markdown: input.guideline,
          authorId: input.createdBy,
        });
      }
      await record(
        tx,
        input.createdBy,
        'project.created',
        { kind: 'project', id: project.id },
        { name: input.name },
      );
      return project;
    });
  } catch (error) {
    if (isUniqueViolation(error, 'projects_name_key')) {
      throw new AppError('CONFLICT', `There is a project named “${input.name}” already.`, { cause: error });
    }
    throw error;
  }
}

/** Changes what is given of a project. */
export async function updateProject(
  db: Database,
  projectId: string,
  change: {
    name?: string | undefined;
    description?: string | undefined;
    settings?: ProjectSettings | undefined;
    state?: 'active' | 'archived' | undefined;
  },
  actorId: string,
): Promise<Project> {
  try {
    return await db.transaction(async (tx) => {
      const [project] = await tx
        .update(projects)
        .set({ ...change, description: change.description ?? sql`${projects.description}` })
        .where(eq(projects.id, projectId))
        .returning();
      if (!project) throw new AppError('NOT_FOUND', 'There is no such project.');
      if (change.settings) await settleScreening(tx, project);
      await record(tx, actorId, 'project.updated', { kind: 'project', id: projectId }, { ...change });
      return project;
    });
  } catch (error) {
    if (isUniqueViolation(error, 'projects_name_key')) {
      throw new AppError('CONFLICT', `There is a project named “${change.name}” already.`, { cause: error });
    }
    throw error;
  }
}

/** Who works in a project, and how far their screening has come. */
export async function listMembers(db: Database, project: Pick<Project, 'id' | 'settings'>) {
  const rows = await db
    .select({
      userId: users.id,
      name: users.name,
      email: users.email,
      role: memberships.role,
      status: users.status,
      mayReview: memberships.mayReview,
      screenedAt: memberships.screenedAt,
      since: memberships.createdAt,
    })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(eq(memberships.projectId, project.id), isNull(memberships.endedAt), eq(users.kind, 'person')))
    .orderBy(asc(users.name));
  const { screening } = project.settings;
  const results = screening ? await screeningResults(db, project.id, screening) : null;
  return rows.map((row) => ({ ...row, screening: results?.get(row.userId) ?? null }));
}

/**
 * Says whether a contractor is given reviews too.
 * @throws NOT_FOUND when the person is no member of the project
 */
export async function setReviewer(
  db: Database,
  input: { projectId: string; userId: string; mayReview: boolean; actorId: string },
): Promise<void> {
  const { projectId, userId, mayReview, actorId } = input;
  await db.transaction(async (tx) => {
    const changed = await tx
      .update(memberships)
      .set({ mayReview })
      .where(
        and(
          eq(memberships.projectId, projectId),
          eq(memberships.userId, userId),
          isNull(memberships.endedAt),
        ),
      )
      .returning({ id: memberships.id });
    if (changed.length === 0) throw new AppError('NOT_FOUND', 'This person is no member of the project.');
    const subject = { kind: 'project', id: projectId };
    await record(tx, actorId, 'member.reviewer', subject, { userId, mayReview });
  });
}

/**
 * Lets a person into a project, or changes their role there.
 * @throws BAD_INPUT when the role in the project is larger than the person's own
 */
export async function addMember(
  db: Database,
  input: { projectId: string; userId: string; role: Role; actorId: string },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [user] = await tx
      .select({ name: users.name, role: users.role })
      .from(users)
      .where(and(eq(users.id, input.userId), ne(users.kind, 'imported')));
    if (!user) throw new AppError('NOT_FOUND', 'There is no such person.');
    if (!hasRole(user.role, input.role)) {
      throw new AppError(
        'BAD_INPUT',
        `role: ${user.name} is a ${user.role} and cannot be a project’s ${input.role}.`,
      );
    }
    const { userId, projectId, role } = input;
    await tx
      .insert(memberships)
      .values({ userId, projectId, role })
      .onConflictDoUpdate({
        target: [memberships.userId, memberships.projectId],
        set: { role, endedAt: null },
      });
    await record(tx, input.actorId, 'member.added', { kind: 'project', id: projectId }, { userId, role });
  });
}

/** Ends a membership. What the person wrote stays, and what they have in hand they may still submit. */
export async function removeMember(
  db: Database,
  input: { projectId: string; userId: string; actorId: string },
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx
      .update(memberships)
      .set({ endedAt: sql`now()` })
      .where(and(eq(memberships.projectId, input.projectId), eq(memberships.userId, input.userId)));
    await record(
      tx,
      input.actorId,
      'member.removed',
      { kind: 'project', id: input.projectId },
      { userId: input.userId },
    );
  });
}

export interface ProjectProgress {
  byKind: {
    kind: TaskKind;
    purpose: TaskPurpose;
    roundId: string | null;
    tasks: number;
    /** Labels wanted by these tasks. */
    wanted: number;
    /** Labels that count. */
    submitted: number;
    /** Live leases: being worked on now. */
    active: number;
    late: number;
    skipped: number;
  }[];
  skipReasons: { reason: string; count: number }[];
}

/** How far a project's work is, by kind, purpose and round. */
export async function projectProgress(db: Database, projectId: string): Promise<ProjectProgress> {
  const group = [tasks.kind, tasks.purpose, tasks.roundId] as const;
  const wanted = await db
    .select({
      kind: tasks.kind,
      purpose: tasks.purpose,
      roundId: tasks.roundId,
      tasks: sql<number>`count(*)::int`,
      wanted: sql<number>`sum(${tasks.wantedLabels})::int`,
    })
    .from(tasks)
    .where(eq(tasks.projectId, projectId))
    .groupBy(...group)
    .orderBy(...group);
  const state = (name: string) => sql<number>`(count(*) filter (where ${assignments.state} = ${name}))::int`;
  const done = await db
    .select({
      kind: tasks.kind,
      purpose: tasks.purpose,
      roundId: tasks.roundId,
      submitted: state('submitted'),
      active: state('active'),
      late: state('late'),
      skipped: state('skipped'),
    })
    .from(assignments)
    .innerJoin(tasks, eq(tasks.id, assignments.taskId))
    .where(eq(assignments.projectId, projectId))
    .groupBy(...group);
  const skipReasons = await db
    .select({ reason: sql<string>`${assignments.skipReason}`, count: sql<number>`count(*)::int` })
    .from(assignments)
    .where(and(eq(assignments.projectId, projectId), eq(assignments.state, 'skipped')))
    .groupBy(assignments.skipReason)
    .orderBy(assignments.skipReason);
  const byKind = wanted.map((row) => {
    const counted = done.find(
      (other) => other.kind === row.kind && other.purpose === row.purpose && other.roundId === row.roundId,
    );
    const { submitted = 0, active = 0, late = 0, skipped = 0 } = counted ?? {};
    return { ...row, submitted, active, late, skipped };
  });
  return { byKind, skipReasons };
}
