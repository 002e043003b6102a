import {
  addCluster,
  emptySums,
  type RatioSums,
  shareInterval,
} from '@touchstone/trainer/evaluation/clustered-ratio.ts';
import { and, desc, eq, inArray, isNotNull, isNull, ne, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import {
  assignments,
  demonstrations,
  type ProjectSettings,
  rankings,
  reviews,
  reviewVerdicts,
  type TaskKind,
} from '@/db/schema.ts';
import { pairAgreement } from './pair-agreement.ts';

/** The newest rankings of a person that their agreement is computed from. */
const RANKINGS_COMPARED = 500;
/** Days that the pace is drawn over, today's with them. */
const DAYS = 28;

/** A share, 0 to 1, with its 95 % interval. */
interface Share {
  rate: number;
  low: number;
  high: number;
}

export interface OwnStats {
  byKind: {
    kind: TaskKind;
    today: number;
    /** Since Monday. */
    week: number;
    total: number;
    skipped: number;
    /** Median seconds of activity per submitted label; null before the first. */
    medianSeconds: number | null;
  }[];
  /** The last four weeks, day by day, oldest first; days without work too. `day` as `2026-11-24`. */
  days: { day: string; labels: number; medianSeconds: number | null }[];
  /**
   * Pairs of completions that others ranked too and neither tied: how many, of how many tasks, and on which share of
   * them they agreed. The interval takes the pairs of one task together.
   */
  agreement: (Share & { pairs: number; tasks: number }) | null;
  /** How well the known tasks among the others were done; null where the project does not show it, or there were none. */
  gold: (Share & { tasks: number }) | null;
  /** What reviews said last of this person's labels. */
  reviewed: { accepted: number; rejected: number };
  /** Tasks skipped, by reason, the most frequent first. */
  skips: { reason: string; count: number }[];
}

/** A person's own figures in a project. Days begin at midnight in UTC, weeks on Monday. */
export async function ownStats(
  db: Database,
  labelerId: string,
  project: { id: string; settings: ProjectSettings },
): Promise<OwnStats> {
  const own = and(eq(assignments.labelerId, labelerId), eq(assignments.projectId, project.id));
  const done = sql`${assignments.state} in ('submitted', 'late')`;
  const since = (unit: 'day' | 'week') =>
    sql`${assignments.endedAt} >= date_trunc(${unit}, now() at time zone 'UTC') at time zone 'UTC'`;
  const median = sql<number | null>`percentile_cont(0.5) within group (order by ${assignments.activeSeconds})
    filter (where ${done} and ${assignments.activeSeconds} > 0)`;
  const byKind = await db
    .select({
      kind: assignments.kind,
      today: sql<number>`(count(*) filter (where ${done} and ${since('day')}))::int`,
      week: sql<number>`(count(*) filter (where ${done} and ${since('week')}))::int`,
      total: sql<number>`(count(*) filter (where ${done}))::int`,
      skipped: sql<number>`(count(*) filter (where ${assignments.state} = 'skipped'))::int`,
      medianSeconds: median,
    })
    .from(assignments)
    .where(own)
    .groupBy(assignments.kind)
    .orderBy(assignments.kind);
  const day = sql<string>`to_char(${assignments.endedAt} at time zone 'UTC', 'YYYY-MM-DD')`;
  const worked = await db
    .select({ day, labels: sql<number>`count(*)::int`, medianSeconds: median })
    .from(assignments)
    .where(
      and(
        own,
        done,
        sql`${assignments.endedAt} >= (date_trunc('day', now() at time zone 'UTC') - ${DAYS - 1} * interval '1 day') at time zone 'UTC'`,
      ),
    )
    .groupBy(sql`1`);
  const skips = await db
    .select({
      reason: sql<string>`coalesce(${assignments.skipReason}, 'other')`,
      count: sql<number>`count(*)::int`,
    })
    .from(assignments)
    .where(and(own, eq(assignments.state, 'skipped')))
    .groupBy(sql`1`)
    .orderBy(sql`2 desc, 1`);
  return {
    byKind,
    days: everyDay(worked),
    agreement: await ownAgreement(db, labelerId, project.id),
    gold: project.settings.gold.shown ? await ownGold(db, labelerId, project.id) : null,
    reviewed: await ownVerdicts(db, labelerId, project.id),
    skips,
  };
}

function everyDay(worked: OwnStats['days']): OwnStats['days'] {
  const found = new Map(worked.map((one) => [one.day, one]));
  const today = new Date();
  return Array.from({ length: DAYS }, (_, index) => {
    const at = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate() - (DAYS - 1 - index));
    const day = new Date(at).toISOString().slice(0, 10);
    return found.get(day) ?? { day, labels: 0, medianSeconds: null };
  });
}

function shareOf(sums: RatioSums): Share {
  const { mean, low, high } = shareInterval(sums);
  return { rate: mean, low, high };
}

async function ownAgreement(
  db: Database,
  labelerId: string,
  projectId: string,
): Promise<OwnStats['agreement']> {
  const current = and(eq(rankings.projectId, projectId), isNull(rankings.supersededAt));
  const own = await db
    .select({ taskId: rankings.taskId, groups: rankings.groups })
    .from(rankings)
    .where(and(current, eq(rankings.labelerId, labelerId)))
    .orderBy(desc(rankings.createdAt))
    .limit(RANKINGS_COMPARED);
  if (own.length === 0) return null;
  const taskIds = own.map((ranking) => ranking.taskId);
  const others = await db
    .select({ taskId: rankings.taskId, groups: rankings.groups })
    .from(rankings)
    .where(and(current, ne(rankings.labelerId, labelerId), inArray(rankings.taskId, taskIds)));
  const ofTask = new Map<string, { pairs: number; agreed: number }>();
  const mine = new Map(own.map((ranking) => [ranking.taskId, ranking.groups]));
  for (const { taskId, groups } of others) {
    const counted = pairAgreement(mine.get(taskId) ?? [], groups);
    const before = ofTask.get(taskId) ?? { pairs: 0, agreed: 0 };
    ofTask.set(taskId, {
      pairs: before.pairs + counted.pairs,
      agreed: before.agreed + counted.agreed,
    });
  }
  const sums = emptySums();
  for (const { agreed, pairs } of ofTask.values()) addCluster(sums, agreed, pairs);
  return sums.n === 0 ? null : { ...shareOf(sums), pairs: sums.n, tasks: sums.clusters };
}

async function ownGold(db: Database, labelerId: string, projectId: string): Promise<OwnStats['gold']> {
  const scores = await db
    .select({ score: assignments.goldScore })
    .from(assignments)
    .where(
      and(
        eq(assignments.labelerId, labelerId),
        eq(assignments.projectId, projectId),
        isNotNull(assignments.goldScore),
      ),
    );
  const sums = emptySums();
  for (const { score } of scores) addCluster(sums, score ?? 0, 1);
  return sums.n === 0 ? null : { ...shareOf(sums), tasks: sums.n };
}

async function ownVerdicts(
  db: Database,
  labelerId: string,
  projectId: string,
): Promise<OwnStats['reviewed']> {
  const counted: OwnStats['reviewed'] = { accepted: 0, rejected: 0 };
  for (const table of [demonstrations, rankings]) {
    const latest = db
      .selectDistinctOn([table.assignmentId], { verdict: reviewVerdicts.verdict })
      .from(table)
      .innerJoin(reviewVerdicts, eq(reviewVerdicts.labelId, table.id))
      .innerJoin(
        reviews,
        and(eq(reviews.id, reviewVerdicts.reviewId), isNull(reviews.supersededAt), eq(reviews.late, false)),
      )
      .where(and(eq(table.labelerId, labelerId), eq(table.projectId, projectId)))
      .orderBy(table.assignmentId, desc(reviews.createdAt), desc(reviews.id));
    for (const { verdict } of await latest) counted[verdict]++;
  }
  return counted;
}
