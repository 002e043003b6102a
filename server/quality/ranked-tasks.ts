import { sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import type { TaskPurpose } from '@/db/schema.ts';

/** Tasks read from the database at a time: a project of any size takes the memory of these. */
const BATCH = 1000;

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

/** One task as the cursor gives it. The lists are JSON, as rows of so many columns cost more than all that is counted. */
type Row = {
  task_id: string;
  prompt_id: string;
  prompt_characters: number;
  completions: string;
  labels: string;
};

type CompletionRow = [id: string, characters: number, reward: number | null, rewardModelId: string | null];
type LabelRow = [
  labelId: string,
  labelerId: string,
  guidelineId: string | null,
  at: number,
  activeSeconds: number,
  groups: string[][],
  shownOrder: string[],
];

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
      // All of it is read: planned for the whole, not for the first rows.
      await tx.execute(sql`set local cursor_tuple_fraction = 1`);
      await tx.execute(sql`
        declare quality_tasks no scroll cursor for
        select l.task_id, l.prompt_id, l.labels,
          (select coalesce(sum(char_length(turn ->> 'content')), 0)::int
            from jsonb_array_elements(p.messages) as turn) as prompt_characters,
          (select json_agg(json_build_array(c.id, char_length(c.text), c.reward, c.reward_model_id) order by c.id)::text
            from task_completions tc join completions c on c.id = tc.completion_id
            where tc.task_id = l.task_id) as completions
        from (
          select r.prompt_id, r.task_id, json_agg(json_build_array(r.id, r.labeler_id, r.guideline_id,
            extract(epoch from r.created_at) * 1000, r.active_seconds, r.groups, a.shown_order) order by r.id)::text as labels
          from rankings r
          join tasks t on t.id = r.task_id
          join assignments a on a.id = r.assignment_id
          where r.project_id = ${projectId} and r.superseded_at is null and not r.late
            and t.kind = 'ranking' and t.purpose = ${purpose}
          group by r.prompt_id, r.task_id
        ) l join prompts p on p.id = l.prompt_id
        order by l.prompt_id, l.task_id`);
      for (;;) {
        const rows = await tx.execute<Row>(sql.raw(`fetch ${BATCH} from quality_tasks`));
        for (const row of rows) visit(toTask(row));
        if (rows.length < BATCH) return;
      }
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  );
}

function toTask(row: Row): RankedTask {
  const completions: CompletionRow[] = JSON.parse(row.completions);
  const labels: LabelRow[] = JSON.parse(row.labels);
  const ids = completions.map(([id]) => id);
  return {
    taskId: row.task_id,
    promptId: row.prompt_id,
    promptCharacters: row.prompt_characters,
    completions: completions.map(([id, characters, reward, rewardModelId]) => ({
      id,
      characters,
      reward,
      rewardModelId,
    })),
    labels: labels.flatMap((label) => toLabel(label, ids) ?? []),
  };
}

/** A label over the completions of its task; null should it not rank exactly these. */
function toLabel(
  [labelId, labelerId, guidelineId, at, activeSeconds, groups, shownOrder]: LabelRow,
  ids: string[],
): RankedLabel | null {
  const ranks = new Array<number>(ids.length).fill(0);
  let above = 0;
  for (const group of groups) {
    for (const id of group) ranks[ids.indexOf(id)] = above + (group.length + 1) / 2;
    above += group.length;
  }
  if (above !== ids.length || ranks.includes(0)) return null;
  const places = ids.map((id) => shownOrder.indexOf(id));
  const known = shownOrder.length === ids.length && !places.includes(-1);
  return { labelId, labelerId, guidelineId, at, activeSeconds, ranks, places: known ? places : null };
}
