import { and, asc, eq, notExists, sql } from 'drizzle-orm';
import type { Executor, Transaction } from '@/db/client.ts';
import { demonstrations, prompts, rankings, type TaskKind, type TaskPurpose, tasks } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { createTasks } from '../labeling/tasks.ts';
import type { Project } from '../people/access.ts';
import { roundPriority } from './priorities.ts';

/**
 * Hands out enough demonstration tasks of training prompts for the labels wanted: prompts that nobody has demonstrated
 * yet, one label each; where there are too few of them, several labels each.
 *
 * @throws CONFLICT when no training prompt is left without a demonstration task
 */
export async function createRoundDemonstrationTasks(
  tx: Transaction,
  input: { project: Project; round: { id: string; number: number }; labels: number },
): Promise<void> {
  const existing = tx
    .select({ one: sql`1` })
    .from(tasks)
    .where(and(eq(tasks.promptId, prompts.id), eq(tasks.kind, 'demonstration')));
  const chosen = await tx
    .select({ promptId: prompts.id })
    .from(prompts)
    .where(and(eq(prompts.projectId, input.project.id), eq(prompts.split, 'train'), notExists(existing)))
    .orderBy(asc(prompts.id))
    .limit(input.labels);
  if (chosen.length === 0) {
    throw new AppError(
      'CONFLICT',
      'There is no training prompt without a demonstration: import prompts before a round that wants demonstrations.',
    );
  }
  await createTasks(tx, {
    project: input.project,
    kind: 'demonstration',
    roundId: input.round.id,
    priority: roundPriority(input.round.number, 'training'),
    wantedLabels: Math.ceil(input.labels / chosen.length),
    items: chosen,
  });
}

/** Labels of a round's tasks that count: not superseded, not late. */
export async function countRoundLabels(
  db: Executor,
  roundId: string,
  kind: TaskKind,
  purpose: TaskPurpose,
): Promise<number> {
  const labels = kind === 'demonstration' ? demonstrations : rankings;
  const [row] = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(labels)
    .innerJoin(tasks, eq(tasks.id, labels.taskId))
    .where(
      and(
        eq(tasks.roundId, roundId),
        eq(tasks.kind, kind),
        eq(tasks.purpose, purpose),
        sql`${labels.supersededAt} is null and not ${labels.late}`,
      ),
    );
  return row?.count ?? 0;
}

/**
 * The labels that open a gate: the target, or what the round's tasks can give when that is less, as where a model wrote too
 * few different completions to rank.
 */
export async function labelsNeeded(
  db: Executor,
  roundId: string,
  kind: TaskKind,
  purpose: TaskPurpose,
  target: number,
): Promise<number> {
  const [row] = await db
    .select({ wanted: sql<number>`coalesce(sum(${tasks.wantedLabels}), 0)::int` })
    .from(tasks)
    .where(and(eq(tasks.roundId, roundId), eq(tasks.kind, kind), eq(tasks.purpose, purpose)));
  return Math.min(target, row?.wanted ?? 0);
}

/** Hands out no more of a round's tasks, or (`open`) hands out again what still wants labels. */
export async function setRoundTasks(
  tx: Transaction,
  roundId: string,
  state: 'open' | 'closed',
  only?: { kind: TaskKind; purpose: TaskPurpose },
): Promise<void> {
  await tx
    .update(tasks)
    .set({ state })
    .where(
      and(
        eq(tasks.roundId, roundId),
        only ? and(eq(tasks.kind, only.kind), eq(tasks.purpose, only.purpose)) : undefined,
        state === 'open' ? sql`${tasks.taken} < ${tasks.wantedLabels}` : eq(tasks.state, 'open'),
      ),
    );
}
