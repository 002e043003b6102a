import { and, desc, eq, isNull, lt, or, sql } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import {
  assignments,
  completions,
  demonstrations,
  memberships,
  prompts,
  type Role,
  rankings,
  type Standing,
  type TaskKind,
  type TaskPurpose,
  tasks,
  users,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { type StandingChange, standingHistory } from './standing.ts';

const EXCERPT = 400;

export interface LabelerDetail {
  userId: string;
  name: string;
  email: string;
  kind: 'person' | 'imported';
  /** Null for whoever is no member now. */
  role: Role | null;
  standing: Standing;
  standingNote: string;
  standingSince: Date | null;
  history: StandingChange[];
}

/**
 * A person as those who run a project see them.
 * @throws NOT_FOUND for whoever neither is nor was a member, nor labelled anything here
 */
export async function labelerDetail(db: Executor, projectId: string, userId: string): Promise<LabelerDetail> {
  const [row] = await db
    .select({
      userId: users.id,
      name: users.name,
      email: users.email,
      kind: users.kind,
      role: sql<Role | null>`case when ${memberships.endedAt} is null then ${memberships.role} end`,
      membershipId: memberships.id,
      standing: memberships.standing,
      standingNote: memberships.standingNote,
      standingSince: memberships.standingSince,
      worked: sql<boolean>`exists (select 1 from assignments a
        where a.labeler_id = "users"."id" and a.project_id = ${projectId})`,
    })
    .from(users)
    .leftJoin(memberships, and(eq(memberships.userId, users.id), eq(memberships.projectId, projectId)))
    .where(eq(users.id, userId));
  if (!row || (row.membershipId === null && !row.worked)) {
    throw new AppError('NOT_FOUND', 'There is no such person in this project.');
  }
  const { worked: _, membershipId: __, ...person } = row;
  return {
    ...person,
    standing: person.standing ?? 'good',
    standingNote: person.standingNote ?? '',
    history: await standingHistory(db, projectId, userId),
  };
}

export interface LabelItem {
  assignmentId: string;
  taskId: string;
  kind: TaskKind;
  purpose: TaskPurpose;
  state: 'submitted' | 'late';
  at: Date;
  activeSeconds: number;
  goldScore: number | null;
  /** The prompt's last turn, cut. */
  prompt: string;
  /** A demonstration, cut; a ranking's first choice, cut. */
  text: string;
  /** A ranking by the letters that the labeler saw, best first, ties together; null for other kinds. */
  order: string | null;
}

/** A person's newest labels in a project. */
export async function newestLabels(
  db: Executor,
  input: { projectId: string; userId: string; before?: string | undefined; limit: number },
): Promise<{ items: LabelItem[]; next: string | null }> {
  const rows = await db
    .select({
      assignmentId: assignments.id,
      taskId: tasks.id,
      kind: tasks.kind,
      purpose: tasks.purpose,
      state: sql<'submitted' | 'late'>`${assignments.state}`,
      at: sql<Date>`coalesce(${assignments.endedAt}, ${assignments.createdAt})`.mapWith(
        assignments.createdAt,
      ),
      activeSeconds: assignments.activeSeconds,
      goldScore: assignments.goldScore,
      prompt: sql<string>`coalesce(left(${prompts.messages} -> -1 ->> 'content', ${EXCERPT}), '')`,
      text: sql<string>`coalesce(left(${demonstrations.text}, ${EXCERPT}), left(${completions.text}, ${EXCERPT}), '')`,
      groups: rankings.groups,
      shownOrder: assignments.shownOrder,
    })
    .from(assignments)
    .innerJoin(tasks, eq(tasks.id, assignments.taskId))
    .leftJoin(
      demonstrations,
      and(eq(demonstrations.assignmentId, assignments.id), isNull(demonstrations.supersededAt)),
    )
    .leftJoin(rankings, and(eq(rankings.assignmentId, assignments.id), isNull(rankings.supersededAt)))
    .leftJoin(completions, sql`${completions.id} = (${rankings.groups} -> 0 ->> 0)::uuid`)
    .leftJoin(
      prompts,
      sql`${prompts.id} = coalesce(${demonstrations.promptId}, ${rankings.promptId}, ${tasks.promptId})`,
    )
    .where(
      and(
        eq(assignments.projectId, input.projectId),
        eq(assignments.labelerId, input.userId),
        or(eq(assignments.state, 'submitted'), eq(assignments.state, 'late')),
        input.before ? lt(assignments.id, input.before) : undefined,
      ),
    )
    .orderBy(desc(assignments.id))
    .limit(input.limit + 1);
  const items = rows.slice(0, input.limit).map(
    ({ groups, shownOrder, ...row }): LabelItem => ({
      ...row,
      order:
        groups === null
          ? null
          : groups.map((group) => group.map((id) => letterOf(shownOrder, id)).join(' = ')).join(' > '),
    }),
  );
  return { items, next: rows.length > input.limit ? (items.at(-1)?.assignmentId ?? null) : null };
}

function letterOf(shownOrder: string[], id: string): string {
  const place = shownOrder.indexOf(id);
  return place === -1 ? '?' : String.fromCharCode(65 + place);
}
