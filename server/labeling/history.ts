import { and, desc, eq, ilike, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import {
  type AssignmentState,
  assignments,
  type Draft,
  demonstrations,
  guidelines,
  type Message,
  projects,
  prompts,
  rankings,
  ratings,
  type Strength,
  type TaskKind,
  tasks,
} from '@/db/schema.ts';
import { versionsHolding } from './edit.ts';
import { findOwn, type OwnAssignment } from './own-assignment.ts';
import { completionsInOrder } from './work.ts';

/** Characters of a prompt or label that a list shows. */
const EXCERPT = 240;

export interface HistoryItem {
  assignmentId: string;
  projectId: string;
  projectName: string;
  kind: TaskKind;
  state: AssignmentState;
  /** The last turn of the prompt, cut. */
  prompt: string;
  /** What was submitted or drafted, cut; empty for a ranking. */
  text: string;
  hasDraft: boolean;
  /** Version of the current label; null when nothing was submitted. */
  version: number | null;
  skipReason: string | null;
  activeSeconds: number;
  handedOutAt: Date;
  endedAt: Date | null;
}

/**
 * A person's own work, newest first.
 * @param options.search words that the prompt or the text holds
 * @param options.before the last assignment id of the page before
 */
export async function listHistory(
  db: Database,
  labelerId: string,
  options: {
    projectId?: string | undefined;
    search?: string | undefined;
    before?: string | undefined;
    limit: number;
  },
): Promise<{ items: HistoryItem[]; next: string | null }> {
  const promptText = sql<string>`${prompts.messages} -> -1 ->> 'content'`;
  const labelText = sql<string>`coalesce(${demonstrations.text}, ${assignments.draft} ->> 'text', '')`;
  const pattern = options.search ? `%${options.search.replace(/[\\%_]/g, '\\$&')}%` : undefined;
  const rows = await db
    .select({
      assignmentId: assignments.id,
      projectId: assignments.projectId,
      projectName: projects.name,
      kind: assignments.kind,
      state: assignments.state,
      prompt: sql<string>`left(${promptText}, ${EXCERPT})`,
      text: sql<string>`left(${labelText}, ${EXCERPT})`,
      hasDraft: sql<boolean>`${assignments.draft} is not null`,
      version: sql<number | null>`coalesce(${demonstrations.version}, ${rankings.version})`,
      skipReason: assignments.skipReason,
      activeSeconds: assignments.activeSeconds,
      handedOutAt: assignments.createdAt,
      endedAt: assignments.endedAt,
    })
    .from(assignments)
    .innerJoin(tasks, eq(tasks.id, assignments.taskId))
    .innerJoin(prompts, eq(prompts.id, tasks.promptId))
    .innerJoin(projects, eq(projects.id, assignments.projectId))
    .leftJoin(
      demonstrations,
      and(eq(demonstrations.assignmentId, assignments.id), isNull(demonstrations.supersededAt)),
    )
    .leftJoin(rankings, and(eq(rankings.assignmentId, assignments.id), isNull(rankings.supersededAt)))
    .where(
      and(
        eq(assignments.labelerId, labelerId),
        options.projectId ? eq(assignments.projectId, options.projectId) : undefined,
        options.before ? lt(assignments.id, options.before) : undefined,
        pattern ? or(ilike(promptText, pattern), ilike(labelText, pattern)) : undefined,
      ),
    )
    .orderBy(desc(assignments.id))
    .limit(options.limit + 1);
  const items = rows.slice(0, options.limit);
  return { items, next: rows.length > options.limit ? (items.at(-1)?.assignmentId ?? null) : null };
}

interface LabelVersion {
  labelId: string;
  version: number;
  createdAt: Date;
  /** Null for the current version. */
  supersededAt: Date | null;
  text: string | null;
  ranking: {
    groups: string[][];
    strengths: Strength[] | null;
    allBad: boolean;
    note: string;
    ratings: { completionId: string; overall: number | null; flags: string[] }[];
  } | null;
}

export interface HistoryDetail {
  assignmentId: string;
  projectId: string;
  kind: TaskKind;
  state: AssignmentState;
  prompt: { id: string; messages: Message[] };
  /** In the order in which they were shown. */
  completions: { id: string; text: string }[];
  guideline: { id: string; version: number } | null;
  draft: { content: Draft | null; revision: number };
  /** Newest first. */
  versions: LabelVersion[];
  /** Dataset versions that hold the current label: while there is one, it cannot be edited. */
  frozenInto: { id: string; name: string; number: number }[];
  skipReason: string | null;
  skipNote: string | null;
}

/** One piece of a person's own work, with every version of its label. */
export async function historyDetail(db: Database, own: OwnAssignment): Promise<HistoryDetail> {
  const assignment = await findOwn(db, own);
  const [prompt] = await db
    .select({ id: prompts.id, messages: prompts.messages })
    .from(tasks)
    .innerJoin(prompts, eq(prompts.id, tasks.promptId))
    .where(eq(tasks.id, assignment.taskId));
  const [guideline] = assignment.guidelineId
    ? await db
        .select({ id: guidelines.id, version: guidelines.version })
        .from(guidelines)
        .where(eq(guidelines.id, assignment.guidelineId))
    : [];
  const versions =
    assignment.kind === 'demonstration'
      ? await demonstrationVersions(db, assignment.id)
      : await rankingVersions(db, assignment.id);
  const current = versions.find((version) => version.supersededAt === null);
  return {
    assignmentId: assignment.id,
    projectId: assignment.projectId,
    kind: assignment.kind,
    state: assignment.state,
    prompt: prompt ?? { id: '', messages: [] },
    completions: await completionsInOrder(db, assignment.shownOrder),
    guideline: guideline ?? null,
    draft: { content: assignment.draft, revision: assignment.draftRevision },
    versions,
    frozenInto: current ? await versionsHolding(db, current.labelId) : [],
    skipReason: assignment.skipReason,
    skipNote: assignment.skipNote,
  };
}

async function demonstrationVersions(db: Database, assignmentId: string): Promise<LabelVersion[]> {
  const rows = await db
    .select()
    .from(demonstrations)
    .where(eq(demonstrations.assignmentId, assignmentId))
    .orderBy(desc(demonstrations.version));
  return rows.map((row) => ({
    labelId: row.id,
    version: row.version,
    createdAt: row.createdAt,
    supersededAt: row.supersededAt,
    text: row.text,
    ranking: null,
  }));
}

async function rankingVersions(db: Database, assignmentId: string): Promise<LabelVersion[]> {
  const rows = await db
    .select()
    .from(rankings)
    .where(eq(rankings.assignmentId, assignmentId))
    .orderBy(desc(rankings.version));
  if (rows.length === 0) return [];
  const given = await db
    .select()
    .from(ratings)
    .where(
      inArray(
        ratings.rankingId,
        rows.map((row) => row.id),
      ),
    );
  return rows.map((row) => ({
    labelId: row.id,
    version: row.version,
    createdAt: row.createdAt,
    supersededAt: row.supersededAt,
    text: null,
    ranking: {
      groups: row.groups,
      strengths: row.strengths,
      allBad: row.allBad,
      note: row.note,
      ratings: given
        .filter((rating) => rating.rankingId === row.id)
        .map(({ completionId, overall, flags }) => ({ completionId, overall, flags })),
    },
  }));
}
