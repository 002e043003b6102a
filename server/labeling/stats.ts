import { and, desc, eq, inArray, isNull, ne, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { assignments, rankings, type TaskKind } from '@/db/schema.ts';
import { pairAgreement } from './pair-agreement.ts';

/** The newest rankings of a person that their agreement is computed from. */
const RANKINGS_COMPARED = 500;

export interface OwnStats {
  byKind: {
    kind: TaskKind;
    today: number;
    total: number;
    skipped: number;
    /** Median seconds of activity per submitted label; null before the first. */
    medianSeconds: number | null;
  }[];
  /** Pairs of completions that others ranked too: how many, and on which share of them they agreed (0 to 1). */
  agreement: { pairs: number; rate: number } | null;
}

/** A person's own figures in a project. */
export async function ownStats(db: Database, labelerId: string, projectId: string): Promise<OwnStats> {
  const done = sql`${assignments.state} in ('submitted', 'late')`;
  const today = sql`${assignments.endedAt} >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'`;
  const byKind = await db
    .select({
      kind: assignments.kind,
      today: sql<number>`(count(*) filter (where ${done} and ${today}))::int`,
      total: sql<number>`(count(*) filter (where ${done}))::int`,
      skipped: sql<number>`(count(*) filter (where ${assignments.state} = 'skipped'))::int`,
      medianSeconds: sql<
        number | null
      >`percentile_cont(0.5) within group (order by ${assignments.activeSeconds})
        filter (where ${done} and ${assignments.activeSeconds} > 0)`,
    })
    .from(assignments)
    .where(and(eq(assignments.labelerId, labelerId), eq(assignments.projectId, projectId)))
    .groupBy(assignments.kind)
    .orderBy(assignments.kind);
  return { byKind, agreement: await ownAgreement(db, labelerId, projectId) };
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
  const mine = new Map(own.map((ranking) => [ranking.taskId, ranking.groups]));
  let pairs = 0;
  let agreed = 0;
  for (const { taskId, groups } of others) {
    const counted = pairAgreement(mine.get(taskId) ?? [], groups);
    pairs += counted.pairs;
    agreed += counted.agreed;
  }
  return pairs === 0 ? null : { pairs, rate: agreed / pairs };
}
