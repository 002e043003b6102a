import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import type { Executor, Transaction } from '@/db/client.ts';
import { completions, type Message, projects, prompts, taskCompletions, tasks } from '@/db/schema.ts';
import { sweepReviews } from '../labeling/review-queue.ts';
import type { Project } from '../people/access.ts';
import { prioritiseUncertain } from '../rounds/priorities.ts';

/** Scores in one statement. */
const CHUNK = 5000;

export interface RankedCompletion {
  id: string;
  messages: Message[];
  text: string;
  finished: boolean;
}

/**
 * The completions that people ranked for training in a round, where its project wants to know which labels its reward
 * model contradicts; none where it does not.
 */
export async function rankedForReview(
  db: Executor,
  round: { id: string; projectId: string },
): Promise<RankedCompletion[]> {
  const [project] = await db.select().from(projects).where(eq(projects.id, round.projectId));
  if (!project || project.settings.review.rewardMargin === null) return [];
  return db
    .selectDistinct({
      id: completions.id,
      messages: prompts.messages,
      text: completions.text,
      finished: completions.finished,
    })
    .from(tasks)
    .innerJoin(taskCompletions, eq(taskCompletions.taskId, tasks.id))
    .innerJoin(completions, eq(completions.id, taskCompletions.completionId))
    .innerJoin(prompts, eq(prompts.id, completions.promptId))
    .where(and(eq(tasks.roundId, round.id), eq(tasks.kind, 'ranking'), eq(tasks.purpose, 'training')))
    .orderBy(asc(completions.id));
}

/**
 * Writes a reward model's scores, hands out first what it is least sure of, and puts the labels in review that they
 * contradict.
 * @returns how many were put in review
 */
export async function storeRewards(
  tx: Transaction,
  project: Pick<Project, 'id' | 'settings'>,
  rewardModelId: string,
  scored: { id: string; reward: number }[],
): Promise<number> {
  const touched = new Set<string>();
  for (let i = 0; i < scored.length; i += CHUNK) {
    const rows = scored.slice(i, i + CHUNK);
    await tx.execute(sql`update ${completions} set reward = scored.reward, reward_model_id = ${rewardModelId}
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as scored(id uuid, reward double precision)
      where ${completions}."id" = scored.id`);
    const of = await tx
      .selectDistinct({ taskId: taskCompletions.taskId })
      .from(taskCompletions)
      .where(
        inArray(
          taskCompletions.completionId,
          rows.map(({ id }) => id),
        ),
      );
    for (const { taskId } of of) touched.add(taskId);
  }
  if (touched.size === 0) return 0;
  await prioritiseUncertain(tx, [...touched]);
  return sweepReviews(tx, project, { taskIds: [...touched] });
}
