import { and, eq, sql } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import { assignments, memberships, type Role, type Standing, users } from '@/db/schema.ts';
import { hasRole, type Project } from '../people/access.ts';
import { screeningResult } from './screening.ts';

/** Whose work it is, in which project. */
export interface Worker {
  labelerId: string;
  project: Project;
}

/** A person as the handing out of work sees them. */
export interface Member {
  role: Role;
  /** Belongs to the project now; admins belong to every one. */
  belongs: boolean;
  mayReview: boolean;
  /** Passed the screening, was let through, or need not be screened. */
  screened: boolean;
  standing: Standing;
  /** What they were told about it. */
  note: string;
}

/** Which queue a person is served from now, or why from none. */
export type Allowance =
  | { queue: 'work'; reviews: boolean }
  | { queue: 'screening' }
  | { queue: 'none'; reason: string };

/** How a person stands in a project; admins stand in every one. */
export async function findMember(db: Executor, { labelerId, project }: Worker): Promise<Member> {
  const [row] = await db
    .select({
      userRole: users.role,
      role: memberships.role,
      endedAt: memberships.endedAt,
      mayReview: memberships.mayReview,
      screenedAt: memberships.screenedAt,
      standing: memberships.standing,
      note: memberships.standingNote,
    })
    .from(users)
    .leftJoin(memberships, and(eq(memberships.userId, users.id), eq(memberships.projectId, project.id)))
    .where(eq(users.id, labelerId));
  const role = row?.userRole === 'admin' ? 'admin' : (row?.role ?? 'contractor');
  return {
    role,
    belongs: role === 'admin' || (row !== undefined && row.role !== null && row.endedAt === null),
    mayReview: hasRole(role, 'researcher') || row?.mayReview === true,
    screened: project.settings.screening === null || role === 'admin' || row?.screenedAt != null,
    standing: row?.standing ?? 'good',
    note: row?.note ?? '',
  };
}

/** Why a person gets no work at all, not even what they hold; null when they may go on. */
export function whyBarred(project: Project, member: Member): string | null {
  if (project.state === 'archived') return `The project ${project.name} is archived: its work is over.`;
  if (!member.belongs) return `You are no longer in the project ${project.name}.`;
  const told = member.note === '' ? '' : ` What you were told: ${member.note}`;
  if (member.standing === 'paused') {
    return `You are paused in ${project.name} and get no new tasks until an admin lets you go on; what you have begun is kept and may still be submitted.${told}`;
  }
  if (member.standing === 'revoked') {
    return `Your work in ${project.name} has ended and you get no more tasks there; what you have begun is kept and may still be submitted.${told}`;
  }
  return null;
}

/** What a person who holds nothing may be handed now. */
export async function allowance(db: Executor, worker: Worker, member: Member): Promise<Allowance> {
  const { project, labelerId } = worker;
  const { screening, dailyCap } = project.settings;
  const barred = whyBarred(project, member);
  if (barred !== null) return { queue: 'none', reason: barred };
  if (dailyCap !== null && (await placesToday(db, worker)) >= dailyCap) {
    return { queue: 'none', reason: whyCapped(project, dailyCap) };
  }
  if (screening === null || member.screened) return { queue: 'work', reviews: member.mayReview };
  const { done, accuracy } = await screeningResult(db, project.id, labelerId, screening);
  if (done < screening.tasks) return { queue: 'screening' };
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  return {
    queue: 'none',
    reason: `You did not pass the screening of ${project.name}: your answers met ${percent(accuracy ?? 0)} of the known ones, and ${percent(screening.pass)} is asked for. An admin of the project may let you through.`,
  };
}

export function whyCapped(project: Project, dailyCap: number): string {
  const labels = dailyCap === 1 ? 'the one label' : `the ${dailyCap.toLocaleString('en')} labels`;
  return `You have given ${labels} a day that ${project.name} takes from one person: work continues at 00:00 UTC.`;
}

/** Labels that a person submitted today (UTC) in a project, and the tasks in their hands, which become labels. */
export async function placesToday(db: Executor, { labelerId, project }: Worker): Promise<number> {
  const own = and(eq(assignments.labelerId, labelerId), eq(assignments.projectId, project.id));
  // Two counts, not one under an `or`: each has an index of its own, however many labels lie behind a person.
  const [row] = await db.execute<{ count: number }>(sql`
    select (select count(*) from ${assignments} where ${own} and state = 'active')::int
      + (select count(*) from ${assignments} where ${own} and state in ('submitted', 'late')
          and ended_at >= date_trunc('day', now() at time zone 'utc') at time zone 'utc')::int as count`);
  return row?.count ?? 0;
}
