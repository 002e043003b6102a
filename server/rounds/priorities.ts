import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import type { Transaction } from '@/db/client.ts';
import { type TaskPurpose, tasks } from '@/db/schema.ts';

/** Priorities that one round takes up: the next one's begin above them. */
const PER_ROUND = 10;
/** Blind votes come before the round's other work. */
const VOTES = 5;
/** The most that uncertainty adds, below the votes. */
const MOST_UNCERTAIN = 4;

/**
 * The priority of a round's tasks: the newest policy's first, so that what is ranked is what the next training starts
 * from, and blind votes before everything else of their round. Work outside rounds has 0 unless an admin says otherwise.
 * @param roundNumber counts a project's rounds from 1
 */
export function roundPriority(roundNumber: number, purpose: TaskPurpose): number {
  return roundNumber * PER_ROUND + (purpose === 'evaluation' ? VOTES : 0);
}

/**
 * Puts first, among the open ranking tasks of their round, those whose completions a reward model can tell apart the
 * least: the smallest spread of rewards. Tasks with a completion that has no reward keep their priority.
 * @param taskIds tasks whose completions were scored by one reward model
 */
export async function prioritiseUncertain(tx: Transaction, taskIds: string[]): Promise<void> {
  // Tasks by id, as everywhere (labeling/assign.ts).
  const held = await tx
    .select({ id: tasks.id })
    .from(tasks)
    .where(
      and(
        inArray(tasks.id, taskIds),
        eq(tasks.kind, 'ranking'),
        eq(tasks.purpose, 'training'),
        eq(tasks.state, 'open'),
      ),
    )
    .orderBy(asc(tasks.id))
    .for('no key update');
  if (held.length === 0) return;
  const ids = sql`(select jsonb_array_elements_text(${JSON.stringify(held.map(({ id }) => id))}::jsonb)::uuid)`;
  await tx.execute(sql`
    update tasks set priority = ranked.priority
    from (
      select t.id, r.number * ${PER_ROUND}::int + ${MOST_UNCERTAIN}::int
        - floor(${MOST_UNCERTAIN}::int * percent_rank() over (partition by t.round_id order by scored.spread))::int
        as priority
      from tasks t
      join rounds r on r.id = t.round_id
      join lateral (
        select max(c.reward) - min(c.reward) as spread, count(c.reward) = count(*) as whole
        from task_completions tc join completions c on c.id = tc.completion_id where tc.task_id = t.id
      ) scored on scored.whole
      where t.id in ${ids}
    ) ranked
    where tasks.id = ranked.id`);
}
