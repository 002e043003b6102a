import { desc, eq, inArray, sql } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import {
  assignments,
  type Brief,
  completions,
  type Draft,
  guidelines,
  type Message,
  type ProjectSettings,
  projects,
  prompts,
  type TaskKind,
  tasks,
} from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { loadReviewSubject, type ReviewSubject } from './kinds/review/subject.ts';

export type WorkSettings = Pick<ProjectSettings, 'leaseSeconds' | 'ratings' | 'strengths'>;

/** Everything that the labeling page needs for one piece of work. What the labeler must not know is not in it. */
export interface Work {
  assignment: {
    id: string;
    taskId: string;
    kind: TaskKind;
    leaseUntil: Date;
    /** Seconds of activity counted so far. */
    activeSeconds: number;
    handedOutAt: Date;
  };
  /** Of the settings only what the page needs: how often known answers are mixed in is not the labeler's to know. */
  project: { id: string; name: string; settings: WorkSettings };
  /** Null when the labeler writes the prompt: `brief` says what about. */
  prompt: { id: string; messages: Message[] } | null;
  brief: Brief | null;
  /** In the order in which this labeler sees them; empty for a demonstration. */
  completions: { id: string; text: string }[];
  /** What a review judges; null for the other kinds. */
  review: ReviewSubject | null;
  /** The guideline version under which the work was handed out; null when the project has none. */
  guideline: { id: string; version: number; markdown: string } | null;
  draft: { content: Draft | null; revision: number; savedAt: Date | null };
  /** Labels that this person submitted today (UTC) in this project, of this kind. */
  doneToday: number;
}

/** Loads what the page shows for an assignment that is in its labeler's hands. */
export async function loadWork(db: Executor, assignmentId: string): Promise<Work> {
  const [row] = await db
    .select({
      assignment: {
        id: assignments.id,
        taskId: assignments.taskId,
        kind: assignments.kind,
        leaseUntil: assignments.leaseUntil,
        activeSeconds: assignments.activeSeconds,
        createdAt: assignments.createdAt,
        shownOrder: assignments.shownOrder,
        draft: assignments.draft,
        draftRevision: assignments.draftRevision,
        draftSavedAt: assignments.draftSavedAt,
      },
      project: { id: projects.id, name: projects.name, settings: projects.settings },
      prompt: { id: prompts.id, messages: prompts.messages },
      task: {
        brief: tasks.brief,
        subjectTaskId: tasks.subjectTaskId,
        reviewReason: tasks.reviewReason,
        reviewFinding: tasks.reviewFinding,
      },
      guideline: { id: guidelines.id, version: guidelines.version, markdown: guidelines.markdown },
      doneToday: doneToday(),
    })
    .from(assignments)
    .innerJoin(tasks, eq(tasks.id, assignments.taskId))
    .innerJoin(projects, eq(projects.id, assignments.projectId))
    .leftJoin(prompts, eq(prompts.id, tasks.promptId))
    .leftJoin(guidelines, eq(guidelines.id, assignments.guidelineId))
    .where(eq(assignments.id, assignmentId));
  if (!row?.assignment.leaseUntil) {
    throw new AppError(
      'CONFLICT',
      'This task is no longer in your hands; its draft is kept in your history.',
    );
  }
  const { assignment } = row;
  const { leaseSeconds, ratings, strengths } = row.project.settings;
  return {
    assignment: {
      id: assignment.id,
      taskId: assignment.taskId,
      kind: assignment.kind,
      leaseUntil: row.assignment.leaseUntil,
      activeSeconds: assignment.activeSeconds,
      handedOutAt: assignment.createdAt,
    },
    project: { ...row.project, settings: { leaseSeconds, ratings, strengths } },
    prompt: row.prompt,
    brief: row.task.brief,
    review:
      assignment.kind === 'review' ? await loadReviewSubject(db, row.task, judgedIn(assignment.draft)) : null,
    completions: await completionsInOrder(db, assignment.shownOrder),
    guideline: row.guideline,
    draft: {
      content: assignment.draft,
      revision: assignment.draftRevision,
      savedAt: assignment.draftSavedAt,
    },
    doneToday: row.doneToday,
  };
}

/** The labels that a draft of a review has something on, should a newer version have taken their place since. */
function judgedIn(draft: Draft | null): string[] {
  return draft?.kind === 'review' ? draft.verdicts.map(({ labelId }) => labelId) : [];
}

/** The texts of completions, in the order of their ids. */
export async function completionsInOrder(
  db: Executor,
  ids: string[],
): Promise<{ id: string; text: string }[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .select({ id: completions.id, text: completions.text })
    .from(completions)
    .where(inArray(completions.id, ids));
  const texts = new Map(rows.map((row) => [row.id, row.text]));
  return ids.map((id) => ({ id, text: texts.get(id) ?? '' }));
}

/** Labels that an assignment's labeler submitted today, by UTC's day, of its kind in its project. */
function doneToday() {
  return sql<number>`(select count(*)::int from ${assignments} as "done"
    where "done"."labeler_id" = ${assignments.labelerId} and "done"."project_id" = ${assignments.projectId}
      and "done"."kind" = ${assignments.kind} and "done"."state" in ('submitted', 'late')
      and "done"."ended_at" >= date_trunc('day', now() at time zone 'utc') at time zone 'utc')`;
}

/** The newest guideline of a project; null when none has been written. */
export async function currentGuideline(db: Executor, projectId: string) {
  const [guideline] = await db
    .select()
    .from(guidelines)
    .where(eq(guidelines.projectId, projectId))
    .orderBy(desc(guidelines.version))
    .limit(1);
  return guideline ?? null;
}
