import { inArray, sql } from 'drizzle-orm';
import type { Database, Transaction } from '@/db/client.ts';
import { completions, prompts, type TaskPurpose, taskCompletions } from '@/db/schema.ts';

/** Rankings read from the database at a time: a project of any size takes the memory of these. */
const BATCH = 5000;

/** A ranking as the statistics need it; arrays go by the task's `completions`. */
export interface RankedLabel {
  labelId: string;
  labelerId: string;
  guidelineId: string | null;
  /** Milliseconds since 1970. */
  at: number;
  /** 0 when it was not measured, as for imported labels. */
  activeSeconds: number;
  /** Mean rank of the completion's group, 1 = best: two that share the best place have 1.5 each. */
  ranks: number[];
  /** Place at which the labeler saw it, from 0; null when the order is not known. */
  places: number[] | null;
}

export interface RankedTask {
  taskId: string;
  promptId: string;
  promptCharacters: number;
  completions: {
    id: string;
    characters: number;
    reward: number | null;
    rewardModelId: string | null;
  }[];
  labels: RankedLabel[];
}

/** Whose labels count is fixed here and nowhere else in the statistics. */
export interface RankedFilter {
  projectId: string;
  /** `training` work, unless evaluation votes or gold tasks are asked for. */
  purpose: TaskPurpose;
}

type Row = {
  id: string;
  task_id: string;
  prompt_id: string;
  labeler_id: string;
  guideline_id: string | null;
  at: string;
  active_seconds: number;
  groups: string;
  shown: string;
};

/**
 * Goes through the rankings that count (current versions, not late), task by task, the tasks of one prompt together. They
 * are read as of one moment, through a cursor.
 * @param visit called once for each task that has such a ranking, in the order of its prompt
 */
export async function eachRankedTask(
  db: Database,
  { projectId, purpose }: RankedFilter,
  visit: (task: RankedTask) => void,
): Promise<void> {
  await db.transaction(
    async (tx) => {
      await tx.execute(sql`
        declare quality_rankings no scroll cursor for
        select r.id, r.task_id, r.prompt_id, r.labeler_id, r.guideline_id, r.active_seconds,
          extract(epoch from r.created_at) * 1000 as at, r.groups::text as groups,
          array_to_string(a.shown_order, ',') as shown
        from rankings r
        join tasks t on t.id = r.task_id
        join assignments a on a.id = r.assignment_id
        where r.project_id = ${projectId} and r.superseded_at is null and not r.late
          and t.kind = 'ranking' and t.purpose = ${purpose}
        order by r.prompt_id, r.task_id, r.id`);
      let rest: Row[] = [];
      for (;;) {
        const fetched = await tx.execute<Row>(sql.raw(`fetch ${BATCH} from quality_rankings`));
        const rows = [...rest, ...fetched];
        const ended = fetched.length < BATCH;
        // The last task may go on in the next batch.
        const last = rows.at(-1)?.task_id;
        const whole = ended ? rows : rows.filter((row) => row.task_id !== last);
        rest = ended ? [] : rows.filter((row) => row.task_id === last);
        for (const task of await loadTasks(tx, whole)) visit(task);
        if (ended) return;
      }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  );
}

async function loadTasks(tx: Transaction, rows: Row[]): Promise<RankedTask[]> {
  if (rows.length === 0) return [];
  const taskIds = [...new Set(rows.map((row) => row.task_id))];
  const shown = await tx
    .select({
      taskId: taskCompletions.taskId,
      id: completions.id,
      characters: sql<number>`char_length(${completions.text})`,
      reward: completions.reward,
      rewardModelId: completions.rewardModelId,
    })
    .from(taskCompletions)
    .innerJoin(completions, sql`${completions.id} = ${taskCompletions.completionId}`)
    .where(inArray(taskCompletions.taskId, taskIds));
  const lengths = await tx
    .select({
      id: prompts.id,
      characters: sql<number>`(select coalesce(sum(char_length(turn ->> 'content')), 0)::int
        from jsonb_array_elements(${prompts.messages}) as turn)`,
    })
    .from(prompts)
    .where(inArray(prompts.id, [...new Set(rows.map((row) => row.prompt_id))]));
  const promptCharacters = new Map(lengths.map((row) => [row.id, row.characters]));

  const tasks = new Map<string, RankedTask>();
  for (const row of rows) {
    if (tasks.has(row.task_id)) continue;
    tasks.set(row.task_id, {
      taskId: row.task_id,
      promptId: row.prompt_id,
      promptCharacters: promptCharacters.get(row.prompt_id) ?? 0,
      completions: [],
      labels: [],
    });
  }
  for (const { taskId, ...completion } of shown) tasks.get(taskId)?.completions.push(completion);
  for (const row of rows) {
    const task = tasks.get(row.task_id);
    const label = task && toLabel(row, task);
    if (label) task.labels.push(label);
  }
  return [...tasks.values()];
}

/** A row over the completions of its task; null should it not rank exactly these. */
function toLabel(row: Row, task: RankedTask): RankedLabel | null {
  const groups: string[][] = JSON.parse(row.groups);
  const ranks = new Map<string, number>();
  let above = 0;
  for (const group of groups) {
    for (const id of group) ranks.set(id, above + (group.length + 1) / 2);
    above += group.length;
  }
  const order = row.shown === '' ? [] : row.shown.split(',');
  const inOrder: number[] = [];
  const places: number[] = [];
  for (const { id } of task.completions) {
    const rank = ranks.get(id);
    if (rank === undefined) return null;
    inOrder.push(rank);
    places.push(order.indexOf(id));
  }
  return {
    labelId: row.id,
    labelerId: row.labeler_id,
    guidelineId: row.guideline_id,
    at: Number(row.at),
    activeSeconds: row.active_seconds,
    ranks: inOrder,
    places: order.length === places.length && !places.includes(-1) ? places : null,
  };
}
