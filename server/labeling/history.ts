import { and, desc, eq, inArray, isNull, lt, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn, PgSelect } from 'drizzle-orm/pg-core';
import type { Database } from '@/db/client.ts';
import {
  type AssignmentState,
  assignments,
  type Brief,
  type Draft,
  datasetVersionLabels,
  demonstrations,
  draftRevisions,
  guidelines,
  type Message,
  type ProjectSettings,
  projects,
  prompts,
  type ReviewVerdict,
  rankings,
  reviews,
  reviewVerdicts,
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
/** Earlier saves of a draft that a page shows. */
const DRAFTS_SHOWN = 50;

export interface HistoryItem {
  assignmentId: string;
  projectId: string;
  projectName: string;
  kind: TaskKind;
  state: AssignmentState;
  /** The last turn of the prompt, cut. */
  prompt: string;
  /** What was submitted or drafted, cut; of a ranking its note. */
  text: string;
  hasDraft: boolean;
  /** Version of the current label; null when nothing was submitted. */
  version: number | null;
  /** The guideline version that it was made under. */
  guidelineVersion: number | null;
  /** Whether a dataset version holds it: it can no longer be changed. */
  frozen: boolean;
  /** What a review last said of any of its versions. */
  verdict: ReviewVerdict | null;
  skipReason: string | null;
  activeSeconds: number;
  handedOutAt: Date;
  endedAt: Date | null;
}

export interface HistoryFilter {
  projectId?: string | undefined;
  kind?: TaskKind | undefined;
  state?: AssignmentState | undefined;
  /** A day in UTC, `2026-11-24`: when it ended, or was handed out where it has not. */
  day?: string | undefined;
  /** Words that prompt, text, note or a reviewer's comment hold, each of them somewhere. */
  search?: string | undefined;
}

/**
 * A person's own work, newest first. A page is read off the index of the person's assignments; a search goes through
 * what this one person wrote, newest first, until the page is full.
 * @param options.before the last assignment id of the page before
 */
export async function listHistory(
  db: Database,
  labelerId: string,
  options: HistoryFilter & { before?: string | undefined; limit: number },
): Promise<{ items: HistoryItem[]; next: string | null }> {
  const ids = await pageOf(db, labelerId, options);
  const shown = ids.slice(0, options.limit);
  if (shown.length === 0) return { items: [], next: null };
  const currentId = sql<string | null>`coalesce(${reviews.id}, ${demonstrations.id}, ${rankings.id})`;
  const rows = await joined(
    db
      .select({
        assignmentId: assignments.id,
        projectId: assignments.projectId,
        projectName: projects.name,
        kind: assignments.kind,
        state: assignments.state,
        prompt: sql<string>`coalesce(left(${LAST_TURN}, ${EXCERPT}), '')`,
        text: sql<string>`coalesce(left(${LABEL_TEXT}, ${EXCERPT}), '')`,
        hasDraft: sql<boolean>`${assignments.draft} is not null`,
        version: sql<
          number | null
        >`coalesce(${reviews.version}, ${demonstrations.version}, ${rankings.version})`,
        guidelineVersion: guidelines.version,
        frozen: sql<boolean>`exists (select 1 from ${datasetVersionLabels}
          where ${datasetVersionLabels.labelId} = ${currentId})`,
        verdict: sql<ReviewVerdict | null>`(
          select ${reviewVerdicts.verdict} from ${reviewVerdicts}
          join ${reviews} as "said" on "said"."id" = ${reviewVerdicts.reviewId}
            and "said"."superseded_at" is null and not "said"."late"
          where ${reviewVerdicts.labelId} in (
            select "id" from ${demonstrations} as "own" where "own"."assignment_id" = ${assignments.id}
            union all select "id" from ${rankings} as "own" where "own"."assignment_id" = ${assignments.id})
          order by "said"."created_at" desc, "said"."id" desc limit 1)`,
        skipReason: assignments.skipReason,
        activeSeconds: assignments.activeSeconds,
        handedOutAt: assignments.createdAt,
        endedAt: assignments.endedAt,
      })
      .from(assignments)
      .$dynamic(),
  )
    .innerJoin(projects, eq(projects.id, assignments.projectId))
    .leftJoin(guidelines, eq(guidelines.id, assignments.guidelineId))
    .where(inArray(assignments.id, shown))
    .orderBy(desc(assignments.id));
  return { items: rows, next: ids.length > options.limit ? (shown.at(-1) ?? null) : null };
}

/** The ids of one page, and one more when there are further ones. */
async function pageOf(
  db: Database,
  labelerId: string,
  options: HistoryFilter & { before?: string | undefined; limit: number },
): Promise<string[]> {
  const words = (options.search ?? '').split(/\s+/u).filter((word) => word !== '');
  const { day } = options;
  const wanted = and(
    eq(assignments.labelerId, labelerId),
    options.projectId ? eq(assignments.projectId, options.projectId) : undefined,
    options.kind ? eq(assignments.kind, options.kind) : undefined,
    options.state ? eq(assignments.state, options.state) : undefined,
    day
      ? sql`(coalesce(${assignments.endedAt}, ${assignments.createdAt}) at time zone 'UTC')::date = ${day}::date`
      : undefined,
    options.before ? lt(assignments.id, options.before) : undefined,
    ...words.map((word) => sql`${SEARCHED} ilike ${`%${word.replace(/[\\%_]/g, '\\$&')}%`}`),
  );
  const from = db.select({ id: assignments.id }).from(assignments).$dynamic();
  const rows = await (words.length > 0 ? joined(from) : from)
    .where(wanted)
    .orderBy(desc(assignments.id))
    .limit(options.limit + 1);
  return rows.map(({ id }) => id);
}

const LAST_TURN = sql<string>`coalesce(
  ${demonstrations.writtenPrompt} -> -1 ->> 'content', ${prompts.messages} -> -1 ->> 'content',
  ${assignments.draft} -> 'prompt' -> -1 ->> 'content', ${tasks.brief} ->> 'instruction')`;
const LABEL_TEXT = sql<string>`coalesce(${demonstrations.text}, nullif(${rankings.note}, ''),
  ${assignments.draft} ->> 'text', nullif(${assignments.draft} ->> 'note', ''))`;
/** Every turn of a conversation, one below the other. */
const turnsOf = (messages: SQL | AnyPgColumn) =>
  sql`(select string_agg(turn ->> 'content', E'\n') from jsonb_array_elements(
    case jsonb_typeof(${messages}) when 'array' then ${messages} else '[]'::jsonb end) turn)`;
const SEARCHED = sql`concat_ws(E'\n', ${turnsOf(prompts.messages)}, ${turnsOf(demonstrations.writtenPrompt)},
  ${tasks.brief} ->> 'instruction', ${demonstrations.text}, ${rankings.note}, ${assignments.skipNote},
  ${assignments.draft} ->> 'text', ${assignments.draft} ->> 'note', ${turnsOf(sql`${assignments.draft} -> 'prompt'`)},
  (select string_agg(${reviewVerdicts.comment}, E'\n') from ${reviewVerdicts}
    where ${reviewVerdicts.reviewId} = ${reviews.id}
      or ${reviewVerdicts.labelId} in (${demonstrations.id}, ${rankings.id})))`;

/** An assignment's prompt and the current version of its label, of whichever kind. */
function joined<Query extends PgSelect>(query: Query) {
  return query
    .innerJoin(tasks, eq(tasks.id, assignments.taskId))
    .leftJoin(prompts, eq(prompts.id, tasks.promptId))
    .leftJoin(
      demonstrations,
      and(eq(demonstrations.assignmentId, assignments.id), isNull(demonstrations.supersededAt)),
    )
    .leftJoin(rankings, and(eq(rankings.assignmentId, assignments.id), isNull(rankings.supersededAt)))
    .leftJoin(reviews, and(eq(reviews.assignmentId, assignments.id), isNull(reviews.supersededAt)));
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
  /** Earlier saves of the draft that were kept, newest first, at most 50 of them. */
  keptDrafts: { revision: number; content: Draft; savedAt: Date }[];
  handedOutAt: Date;
  endedAt: Date | null;
  activeSeconds: number;
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
    keptDrafts: await db
      .select({
        revision: draftRevisions.revision,
        content: draftRevisions.content,
        savedAt: draftRevisions.savedAt,
      })
      .from(draftRevisions)
      .where(eq(draftRevisions.assignmentId, assignment.id))
      .orderBy(desc(draftRevisions.revision))
      .limit(DRAFTS_SHOWN),
    handedOutAt: assignment.createdAt,
    endedAt: assignment.endedAt,
    activeSeconds: assignment.activeSeconds,
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
