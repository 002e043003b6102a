import type postgres from 'postgres';
import type { Database } from '@/db/client.ts';
import { seedProject } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { type Project, requireProject } from '@/server/people/access.ts';

export interface World {
  project: Project;
  labelerIds: string[];
}

const PROMPTS = 2000;
const COMPLETIONS = 4;
/** Every tenth task is a ranking. */
const RANKING_EVERY = 10;
/** Labels that a labeler has behind them at most; fewer when there are not tasks enough. */
const HISTORY = 200;

/**
 * A project in full swing: so many open tasks that want three labels each, the first of them with two labels by two of
 * the labelers, so that everybody passes over own work at the head of the queue. Made in SQL.
 */
export async function fillWorld(
  db: Database,
  client: postgres.Sql,
  options: { tasks: number; labelers: number },
): Promise<World> {
  const guideline = `# How to answer\n\n${'Be helpful, truthful and harmless, in that order. '.repeat(40)}`;
  const { id } = await seedProject(db, { guideline });
  const admin = { id: uuidv7(), name: 'Bench', email: 'bench@example.org', role: 'admin' as const };
  const { project } = await requireProject(db, admin, id, 'admin');
  const { tasks, labelers } = options;
  const labelled = Math.min(Math.floor(tasks / 4), Math.floor((HISTORY * labelers) / 2));
  const labelerIds = await client.begin(async (sql) => {
    // What is written here refers to what is there: checking three million references would take most of the time.
    await sql`set local session_replication_role = replica`;
    await sql`
      create temporary table person on commit drop as
      select uuidv7() as id, n - 1 as n from generate_series(1, ${labelers}::int) n`;
    await sql`insert into users (id, email, name, role)
      select id, 'labeler-' || n || '@example.org', 'Labeler ' || n, 'contractor' from person`;
    await sql`insert into memberships (id, user_id, project_id, role)
      select uuidv7(), id, ${id}, 'contractor' from person`;
    await sql`
      create temporary table prompt on commit drop as
      select uuidv7() as id, n - 1 as n from generate_series(1, ${PROMPTS}::int) n`;
    await sql`insert into prompts (id, project_id, messages, content_hash, source, split)
      select id, ${id}, jsonb_build_array(jsonb_build_object('role', 'user', 'content',
        'Question ' || n || ': ' || repeat('what happens when the tide turns? ', 10))), 'hash ' || n, 'bench', 'train'
      from prompt`;
    await sql`
      create temporary table completion on commit drop as
      select uuidv7() as id, p.id as prompt_id, p.n from prompt p, generate_series(1, ${COMPLETIONS}::int)`;
    await sql`insert into completions (id, project_id, prompt_id, text, source)
      select id, ${id}, prompt_id, repeat('The water goes out again. ', 20) || id, 'bench' from completion`;
    await sql`
      create temporary table task on commit drop as
      select uuidv7() as id, n - 1 as n from generate_series(1, ${tasks}::int) n`;
    await sql`insert into tasks (id, project_id, prompt_id, kind, wanted_labels, taken)
      select t.id, ${id}, p.id, case when t.n % ${RANKING_EVERY} = 0 then 'ranking' else 'demonstration' end, 3,
        case when t.n < ${labelled} then 2 else 0 end
      from task t join prompt p on p.n = t.n % ${PROMPTS}::int`;
    await sql`insert into task_completions (id, task_id, completion_id)
      select uuidv7(), t.id, c.id from task t join completion c on c.n = t.n % ${PROMPTS}::int
      where t.n % ${RANKING_EVERY} = 0`;
    await sql`insert into assignments (id, task_id, project_id, kind, labeler_id, state, active_seconds, created_at, ended_at)
      select uuidv7(), t.id, ${id}, case when t.n % ${RANKING_EVERY} = 0 then 'ranking' else 'demonstration' end, p.id,
        'submitted', 60, now() - interval '2 days', now() - interval '2 days'
      from task t, generate_series(0, 1) k join person p on true
      where t.n < ${labelled} and p.n = (t.n * 2 + k) % ${labelers}::int`;
    const rows = await sql<{ id: string }[]>`select id from person order by n`;
    return rows.map((row) => row.id);
  });
  await client`vacuum analyze`;
  return { project, labelerIds };
}
