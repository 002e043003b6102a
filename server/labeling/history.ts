import { and, desc, eq, ilike, isNull, lt, or, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import {
  type AssignmentState,
  assignments,
  type Brief,
  type Draft,
  demonstrations,
  guidelines,
  type Message,
  type ProjectSettings,
  projects,
  prompts,
  rankings,
  reviews,
  type TaskKind,
  tasks,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { versionsHolding } from './edit.ts';
import { KINDS, type LabelContent } from './kinds/kinds.ts';
import { loadReviewSubject, type ReviewSubject } from './kinds/review/subject.ts';
import { type GivenVerdict, verdictsOn } from './kinds/review/verdicts.ts';
import { type Assignment, findOwn, type OwnAssignment } from './own-assignment.ts';
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
  const promptText = sql<string>`coalesce(
    ${demonstrations.writtenPrompt} -> -1 ->> 'content', ${prompts.messages} -> -1 ->> 'content',
    ${assignments.draft} -> 'prompt' -> -1 ->> 'content', ${tasks.brief} ->> 'instruction')`;
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
      version: sql<
        number | null
      >`coalesce(${reviews.version}, ${demonstrations.version}, ${rankings.version})`,
      skipReason: assignments.skipReason,
      activeSeconds: assignments.activeSeconds,
      handedOutAt: assignments.createdAt,
      endedAt: assignments.endedAt,
    })
    .from(assignments)
    .innerJoin(tasks, eq(tasks.id, assignments.taskId))
    .leftJoin(prompts, eq(prompts.id, tasks.promptId))
    .innerJoin(projects, eq(projects.id, assignments.projectId))
    .leftJoin(
      demonstrations,
      and(eq(demonstrations.assignmentId, assignments.id), isNull(demonstrations.supersededAt)),
    )
    .leftJoin(rankings, and(eq(rankings.assignmentId, assignments.id), isNull(rankings.supersededAt)))
    .leftJoin(reviews, and(eq(reviews.assignmentId, assignments.id), isNull(reviews.supersededAt)))
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

export interface LabelVersion {
  labelId: string;
  version: number;
  createdAt: Date;
  /** Null for the current version. */
  supersededAt: Date | null;
  content: LabelContent;
  /** What reviews said of this version, newest first; who reviewed it is not told. */
  verdicts: GivenVerdict[];
}

export interface HistoryDetail {
  assignmentId: string;
  projectId: string;
  kind: TaskKind;
  state: AssignmentState;
  /** Null while the labeler has not written it. */
  prompt: { id: string; messages: Message[] } | null;
  brief: Brief | null;
  /** What a review judged; null for the other kinds. */
  review: ReviewSubject | null;
  settings: ProjectSettings;
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
  const [task] = await db
    .select({
      prompt: { id: prompts.id, messages: prompts.messages },
      brief: tasks.brief,
      subjectTaskId: tasks.subjectTaskId,
      reviewReason: tasks.reviewReason,
      reviewFinding: tasks.reviewFinding,
      settings: projects.settings,
    })
    .from(tasks)
    .innerJoin(projects, eq(projects.id, tasks.projectId))
    .leftJoin(prompts, eq(prompts.id, tasks.promptId))
    .where(eq(tasks.id, assignment.taskId));
  if (!task) throw new AppError('INTERNAL', 'An assignment without a task.');
  const [guideline] = assignment.guidelineId
    ? await db
        .select({ id: guidelines.id, version: guidelines.version })
        .from(guidelines)
        .where(eq(guidelines.id, assignment.guidelineId))
    : [];
  const versions = await labelVersions(db, assignment);
  const current = versions.find((version) => version.supersededAt === null);
  const judged = versions.flatMap(({ content }) =>
    content.kind === 'review' ? content.verdicts.map(({ labelId }) => labelId) : [],
  );
  const alongside = (await KINDS[assignment.kind].alongside?.(db, assignment.id)) ?? [];
  return {
    assignmentId: assignment.id,
    projectId: assignment.projectId,
    kind: assignment.kind,
    state: assignment.state,
    prompt: task.prompt,
    brief: task.brief,
    review: assignment.kind === 'review' ? await loadReviewSubject(db, task, judged) : null,
    settings: task.settings,
    completions: await completionsInOrder(db, assignment.shownOrder),
    guideline: guideline ?? null,
    draft: { content: assignment.draft, revision: assignment.draftRevision },
    versions,
    frozenInto: current ? await versionsHolding(db, current.labelId, ...alongside) : [],
    skipReason: assignment.skipReason,
    skipNote: assignment.skipNote,
  };
}

/** Every version of the label of an assignment, newest first. */
async function labelVersions(db: Database, assignment: Assignment): Promise<LabelVersion[]> {
  const kind = KINDS[assignment.kind];
  const { table } = kind;
  const rows = await db
    .select({
      labelId: table.id,
      version: table.version,
      createdAt: table.createdAt,
      supersededAt: table.supersededAt,
    })
    .from(table)
    .where(eq(table.assignmentId, assignment.id))
    .orderBy(desc(table.version));
  if (rows.length === 0) return [];
  const ids = rows.map(({ labelId }) => labelId);
  const contents = await kind.load(db, ids);
  const verdicts = await verdictsOn(db, ids);
  return rows.flatMap((row) => {
    const content = contents.get(row.labelId);
    return content ? [{ ...row, content, verdicts: verdicts.get(row.labelId) ?? [] }] : [];
  });
}
