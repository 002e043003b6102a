import { addCluster, emptySums } from '@touchstone/trainer/evaluation/clustered-ratio.ts';
import { and, asc, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Executor } from '@/db/client.ts';
import {
  assignments,
  demonstrations,
  memberships,
  prompts,
  rankings,
  reviews,
  reviewVerdicts,
  type Standing,
  type TaskPurpose,
  tasks,
  users,
} from '@/db/schema.ts';
import { current, rejectedInReview } from '../labeling/counted.ts';
import { Speed, type SpeedFigures } from './speed.ts';
import { meanScoreOf, type Share, shareOf } from './tally.ts';

/** Gold tasks that are listed, those that most people miss first. */
const LISTED_GOLD = 20;
const EXCERPT = 160;

export interface LabelerName {
  userId: string;
  name: string;
  kind: 'person' | 'imported';
  /** Null for whoever is no member, as admins and the authors of imported labels. */
  standing: Standing | null;
}

/** Names and standings of people in a project. */
export async function labelerNames(
  db: Executor,
  projectId: string,
  userIds: string[],
): Promise<Map<string, LabelerName>> {
  if (userIds.length === 0) return new Map();
  const rows = await db
    .select({ userId: users.id, name: users.name, kind: users.kind, standing: memberships.standing })
    .from(users)
    .leftJoin(memberships, and(eq(memberships.userId, users.id), eq(memberships.projectId, projectId)))
    .where(inArray(users.id, userIds));
  return new Map(rows.map((row) => [row.userId, row]));
}

/** The people whose labels are set aside in a project. */
export async function revokedIn(db: Executor, projectId: string): Promise<Set<string>> {
  const rows = await db
    .select({ userId: memberships.userId })
    .from(memberships)
    .where(and(eq(memberships.projectId, projectId), eq(memberships.standing, 'revoked')));
  return new Set(rows.map((row) => row.userId));
}

export interface GoldReport {
  /** Mean score on gold and screening tasks, 0 to 1, over every answer. */
  overall: Share | null;
  byLabeler: Map<string, Share>;
  /** Those that are missed most first: either hard, or their known answer is wrong. */
  tasks: { taskId: string; prompt: string; purpose: TaskPurpose; score: Share }[];
}

/** How well answers to tasks with a known answer agree with it. */
export async function goldAccuracy(db: Executor, projectId: string): Promise<GoldReport> {
  const rows = await db
    .select({
      labelerId: assignments.labelerId,
      taskId: assignments.taskId,
      score: sql<number>`${assignments.goldScore}`,
    })
    .from(assignments)
    .where(and(eq(assignments.projectId, projectId), isNotNull(assignments.goldScore)))
    .orderBy(asc(assignments.taskId));
  // Each answer of a person is to another task; answers to one task are each of another person.
  const labelers = sumsBy(rows, (row) => row.labelerId);
  const byTask = sumsBy(rows, (row) => row.taskId);
  const overall = emptySums();
  for (const { a, n } of byTask.values()) addCluster(overall, a, n);
  const ranked = [...byTask]
    .sort(([, one], [, other]) => one.a / one.n - other.a / other.n || other.n - one.n)
    .slice(0, LISTED_GOLD);
  const named = ranked.length
    ? await db
        .select({
          id: tasks.id,
          purpose: tasks.purpose,
          prompt: sql<string>`coalesce(left(${prompts.messages} -> -1 ->> 'content', ${EXCERPT}), '')`,
        })
        .from(tasks)
        .leftJoin(prompts, eq(prompts.id, tasks.promptId))
        .where(
          inArray(
            tasks.id,
            ranked.map(([id]) => id),
          ),
        )
    : [];
  const nameOf = new Map(named.map((row) => [row.id, row]));
  return {
    overall: meanScoreOf(overall),
    byLabeler: scoresOf(labelers),
    tasks: ranked.flatMap(([taskId, sums]) => {
      const score = meanScoreOf(sums);
      const task = nameOf.get(taskId);
      return score && task ? [{ taskId, prompt: task.prompt, purpose: task.purpose, score }] : [];
    }),
  };
}

function sumsBy<Row extends { score: number }>(rows: Row[], key: (row: Row) => string) {
  const all = new Map<string, ReturnType<typeof emptySums>>();
  for (const row of rows) {
    const sums = all.get(key(row)) ?? emptySums();
    all.set(key(row), sums);
    addCluster(sums, row.score, 1);
  }
  return all;
}

function scoresOf(all: ReturnType<typeof sumsBy>): Map<string, Share> {
  const shares = new Map<string, Share>();
  for (const [id, sums] of all) {
    const share = meanScoreOf(sums);
    if (share) shares.set(id, share);
  }
  return shares;
}

/** Of a person's labels that were reviewed, the share that was rejected, as freezing sees it (counted.ts). */
export async function rejectedShares(db: Executor, projectId: string): Promise<Map<string, Share>> {
  const found = new Map<string, { a: number; n: number }>();
  for (const table of [rankings, demonstrations]) {
    const rows = await db
      .select({
        labelerId: table.labelerId,
        judged: sql<number>`count(*)::int`,
        rejected: sql<number>`(count(*) filter (where ${rejectedInReview(table)}))::int`,
      })
      .from(table)
      .where(and(eq(table.projectId, projectId), current(table), judgedIn(db, table)))
      .groupBy(table.labelerId);
    for (const { labelerId, judged, rejected } of rows) {
      const sum = found.get(labelerId) ?? { a: 0, n: 0 };
      found.set(labelerId, { a: sum.a + rejected, n: sum.n + judged });
    }
  }
  const shares = new Map<string, Share>();
  for (const [id, { a, n }] of found) {
    // Each label is one thing: sums of n clusters of one.
    const share = shareOf({ clusters: n, a, n, aa: a, an: a, nn: n });
    if (share) shares.set(id, share);
  }
  return shares;
}

/** Whether a version of the label was judged by a review that counts. */
function judgedIn(db: Executor, table: typeof rankings | typeof demonstrations) {
  const judged = alias(table, 'judged_version');
  return inArray(
    table.assignmentId,
    db
      .select({ assignmentId: judged.assignmentId })
      .from(reviewVerdicts)
      .innerJoin(reviews, eq(reviews.id, reviewVerdicts.reviewId))
      .innerJoin(judged, eq(judged.id, reviewVerdicts.labelId))
      .where(and(isNull(reviews.supersededAt), eq(reviews.late, false))),
  );
}

export interface DemonstrationFigures {
  demonstrations: number;
  speed: SpeedFigures | null;
}

/** How many demonstrations each person wrote, and how fast. They have no agreement: each is an answer of its own. */
export async function demonstrationFigures(
  db: Executor,
  projectId: string,
  purpose: TaskPurpose,
): Promise<{ all: DemonstrationFigures; byLabeler: Map<string, DemonstrationFigures> }> {
  const rows = await db
    .select({
      labelerId: demonstrations.labelerId,
      activeSeconds: demonstrations.activeSeconds,
      written: sql<number>`char_length(${demonstrations.text})`,
      read: sql<number>`(select coalesce(sum(char_length(turn ->> 'content')), 0)::int
        from jsonb_array_elements(${prompts.messages}) as turn)`,
    })
    .from(demonstrations)
    .innerJoin(tasks, eq(tasks.id, demonstrations.taskId))
    .innerJoin(prompts, eq(prompts.id, demonstrations.promptId))
    .where(
      and(
        eq(demonstrations.projectId, projectId),
        isNull(demonstrations.supersededAt),
        eq(demonstrations.late, false),
        eq(tasks.kind, 'demonstration'),
        eq(tasks.purpose, purpose),
      ),
    );
  const everybody = { count: 0, speed: new Speed() };
  const labelers = new Map<string, typeof everybody>();
  for (const { labelerId, ...effort } of rows) {
    const labeler = labelers.get(labelerId) ?? { count: 0, speed: new Speed() };
    labelers.set(labelerId, labeler);
    for (const one of [everybody, labeler]) {
      one.count++;
      one.speed.add(effort);
    }
  }
  const figures = ({ count, speed }: typeof everybody) => ({
    demonstrations: count,
    speed: speed.figures,
  });
  return {
    all: figures(everybody),
    byLabeler: new Map([...labelers].map(([id, one]) => [id, figures(one)])),
  };
}
