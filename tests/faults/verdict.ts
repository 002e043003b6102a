import { sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { releaseExpired } from '@/server/labeling/assign.ts';
import type { Ledger } from './ledger.ts';

/** One thing that must hold, and how often it does not. */
export interface Finding {
  name: string;
  violations: number;
  /** A few of them. */
  examples: string[];
}

const LABELS = sql`(
  select id, assignment_id, labeler_id, task_id, late, idempotency_key, version from demonstrations
    where assignment_id in (select id from assignments where kind = 'demonstration')
  union all
  select id, assignment_id, labeler_id, task_id, late, idempotency_key, version from rankings
    where assignment_id in (select id from assignments where kind = 'ranking')
  union all select id, assignment_id, labeler_id, task_id, late, idempotency_key, version from reviews)`;

/** Counts, from the database, what the labelers were promised. */
export async function judge(db: Database, projectId: string, ledger: Ledger): Promise<Finding[]> {
  const findings: Finding[] = [];
  const note = (name: string, examples: string[]) =>
    findings.push({ name, violations: examples.length, examples: examples.slice(0, 5) });
  const query = async (name: string, statement: ReturnType<typeof sql>) => {
    const rows = await db.execute<{ what: string }>(statement);
    note(
      name,
      rows.map((row) => row.what),
    );
  };

  await query(
    'no task has more live leases and labels than it wants',
    sql`select t.id || ': ' || count(*) || ' of ' || t.wanted_labels as what from tasks t
      join assignments a on a.task_id = t.id and a.state in ('active', 'submitted')
      group by t.id having count(*) > t.wanted_labels`,
  );
  await query(
    'a task counts its places rightly',
    sql`select t.id || ': ' || t.taken || ', and ' || count(a.id) || ' are held' as what from tasks t
      left join assignments a on a.task_id = t.id and a.state in ('active', 'submitted')
      group by t.id having count(a.id) <> t.taken`,
  );
  await query(
    'nobody has a task twice',
    sql`select task_id || ' by ' || labeler_id as what from assignments group by task_id, labeler_id having count(*) > 1`,
  );
  await query(
    'a labeler has one label of a task',
    sql`select l.task_id || ' by ' || l.labeler_id as what from ${LABELS} l
      group by l.task_id, l.labeler_id having count(*) > 1`,
  );
  await query(
    'an assignment is submitted or late exactly when it has its label',
    sql`select a.id || ': ' || a.state as what from assignments a left join ${LABELS} l on l.assignment_id = a.id
      where (a.state = 'submitted') <> (l.id is not null and not l.late)
        or (a.state = 'late') <> (l.id is not null and l.late)`,
  );

  const stored = await db.execute<{
    id: string;
    assignment_id: string;
    labeler_id: string;
    late: boolean;
    idempotency_key: string;
  }>(sql`select * from ${LABELS} l`);
  const byKey = new Map(stored.map((row) => [row.idempotency_key, row]));
  note(
    'every acknowledged label is stored as acknowledged',
    [...ledger.labels.values()].flatMap((label) => {
      const row = byKey.get(label.idempotencyKey);
      const same =
        row?.id === label.labelId &&
        row.assignment_id === label.assignmentId &&
        row.labeler_id === label.labelerId &&
        row.late === (label.state === 'late');
      return same ? [] : [`${label.labelId} (${label.idempotencyKey})`];
    }),
  );
  note(
    'no label is stored twice, and none that nobody sent',
    stored.length === byKey.size
      ? stored.filter((row) => !ledger.sentKeys.has(row.idempotency_key)).map((row) => row.id)
      : [`${stored.length} labels with ${byKey.size} keys`],
  );
  const drafts = await db.execute<{ id: string; revision: number; text: string | null }>(
    sql`select id, draft_revision as revision,
      coalesce(draft ->> 'text', draft ->> 'note', draft -> 'verdicts' -> 0 ->> 'comment') as text from assignments`,
  );
  const held = new Map(drafts.map((row) => [row.id, row]));
  note(
    'every acknowledged draft is there, or a newer one',
    [...ledger.drafts.values()].flatMap(({ assignmentId, revision, text }) => {
      const row = held.get(assignmentId);
      const kept = row && (row.revision > revision || (row.revision === revision && row.text === text));
      return kept ? [] : [`${assignmentId} at revision ${revision}`];
    }),
  );

  await db.execute(
    sql`update assignments set lease_until = now() - interval '1 second' where state = 'active'`,
  );
  while ((await releaseExpired(db, projectId)) > 0);
  await query(
    'every expired lease gives its place back',
    sql`select t.id || ': ' || t.taken as what from tasks t
      left join assignments a on a.task_id = t.id and a.state = 'submitted'
      group by t.id having count(a.id) <> t.taken`,
  );
  note('no server says what it should not', ledger.violations);
  return findings;
}
