import { and, asc, desc, eq, inArray, isNull, lt, ne, notExists, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Database, Executor, Transaction } from '@/db/client.ts';
import { assignments, guidelines, TASK_KINDS, type TaskKind, taskCompletions, tasks } from '@/db/schema.ts';
import { uuidv7 } from '@/db/uuid.ts';
import type { Project } from '../people/access.ts';
import { type Allowance, allowance, findMember, whyBarred } from './allowance.ts';

/*
 * Handing out work. Five things hold under any concurrency and any crash (DESIGN.md §5); where each is held:
 * 1. never more live leases plus labels than wanted: `tasks.taken`, changed only in the transaction that takes or
 *    frees a place, under the check `taken between 0 and wanted_labels`;
 * 2. nobody gets a task twice: the unique index on (task, labeler);
 * 3. a submission is stored once and never lost: submit.ts, by idempotency key;
 * 4. an expired lease returns the task, and its late text is still accepted: releaseExpired here, submit.ts;
 * 5. drafts: drafts.ts.
 * Locks are taken in one order, so that no two requests wait for each other: the person's own lock (lockTaking), then
 * assignments, then tasks by id, then the membership. Whoever waits for a task holds no other.
 *
 * Who is handed what: allowance.ts says from which queue a person is served. `work` is training, evaluation and, for
 * reviewers, review tasks, by priority, then age. Tasks with known answers have queues of their own: `screening` comes
 * before any work, and `gold` takes the place of a task of the same kind at the project's rate, so that nothing about it
 * differs from the work around it.
 */

/** Expired leases that one call gives back at most. */
const RELEASE_BATCH = 200;

// Written out, not as a parameter: the planner must see that the partial index `tasks_open` covers it.
const openTask = sql`(${tasks.state} = 'open' and ${tasks.taken} < ${tasks.wantedLabels})`;
const IN_QUEUE = {
  work: sql`${tasks.purpose} in ('training', 'evaluation')`,
  gold: sql`${tasks.purpose} = 'gold'`,
  screening: sql`${tasks.purpose} = 'screening'`,
};
export type Queue = keyof typeof IN_QUEUE;

const review = alias(tasks, 'review');

export interface TakeOptions {
  labelerId: string;
  project: Project;
  /** Only work of this kind; of any kind when absent. */
  kind?: TaskKind | undefined;
}

/**
 * The work that a person should do now: what they already hold, else what they lost to an expired lease and can have
 * back, else the next task of their queue.
 * @returns the assignment's id; null when there is nothing for this person (why-nothing.ts says why)
 */
export async function takeNext(db: Database, options: TakeOptions): Promise<string | null> {
  let mayRelease = true;
  for (;;) {
    const outcome = await db.transaction((tx) => take(tx, options, mayRelease));
    if (outcome === 'release first') {
      // In a transaction of its own: whoever waits for a task holds no other.
      await releaseExpired(db, options.project.id, options.labelerId);
      mayRelease = false;
      continue;
    }
    const { taken, allowed } = outcome;
    if (taken !== null || !(await waitForOthers(db, options, allowed))) return taken;
  }
}

async function take(
  tx: Transaction,
  options: TakeOptions,
  mayRelease: boolean,
): Promise<{ taken: string | null; allowed: Allowance } | 'release first'> {
  // Sent together, run one after the other: what is asked sees what whoever held the lock has done.
  const [, member, hands] = await Promise.all([
    lockTaking(tx, options.labelerId, options.project.id),
    findMember(tx, options),
    findHands(tx, options),
  ]);
  if (hands.overdue && mayRelease) return 'release first';
  const barred = whyBarred(options.project, member);
  if (barred !== null) return { taken: null, allowed: { queue: 'none', reason: barred } };
  const held = hands.held === null ? null : await renew(tx, options, hands.held);
  const allowed = await allowance(tx, options, member);
  if (held !== null || allowed.queue === 'none') return { taken: held, allowed };
  const back = hands.lost ? await takeBack(tx, options, allowed) : null;
  return { taken: back ?? (await claim(tx, options, allowed)), allowed };
}

interface Hands {
  /** The assignment that this person holds, of the kind asked for; the oldest. */
  held: string | null;
  /** Whether they lost one to an expired lease. */
  lost: boolean;
  /** Whether leases of others in the project have run out. */
  overdue: boolean;
}

/** What is in a person's hands, and whether anything in others' is there no longer, in one go. */
async function findHands(tx: Transaction, options: TakeOptions): Promise<Hands> {
  const own = (state: SQL) =>
    sql`from ${assignments} where ${ownedBy(options)} and ${assignments.state} = ${state}`;
  const [hands] = await tx.execute<{ held: string | null; lost: boolean; overdue: boolean }>(sql`select
    (select id ${own(sql`'active'`)} order by created_at limit 1) as held,
    exists (select 1 ${own(sql`'expired'`)}) as lost,
    exists (select 1 from ${assignments} where project_id = ${options.project.id} and state = 'active'
      and lease_until < now() and labeler_id <> ${options.labelerId}) as overdue`);
  return hands ?? { held: null, lost: false, overdue: false };
}

/**
 * Lets one request of a person at a time take work in a project, until the transaction ends: of two tabs that ask at
 * once, the second finds what the first was given.
 */
export async function lockTaking(tx: Transaction, labelerId: string, projectId: string): Promise<void> {
  await tx.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${`take ${labelerId} ${projectId}`}, 0))`,
  );
}

/**
 * When every task left is in the hands of another request at this moment, waits until one of them is done. Alone in its
 * transaction: whoever waits for a task holds no other, or two could wait for each other.
 * @returns false when there is no task left to wait for
 */
async function waitForOthers(db: Database, options: TakeOptions, allowed: Allowance): Promise<boolean> {
  if (allowed.queue === 'none') return false;
  for (const kind of kindsFor(options, allowed)) {
    const [task] = await nextCandidate(db, options, kind, allowed.queue);
    if (!task) continue;
    await db.select({ id: tasks.id }).from(tasks).where(eq(tasks.id, task.id)).for('update');
    return true;
  }
  return false;
}

/**
 * Gives back the places of leases that ran out. The draft stays with its assignment.
 * @param exceptLabeler whose own leases are left alone, because they are about to be renewed
 * @returns how many were given back
 */
export async function releaseExpired(
  db: Database,
  projectId: string,
  exceptLabeler?: string,
): Promise<number> {
  return db.transaction(async (tx) => {
    const expired = await tx
      .select({ id: assignments.id, taskId: assignments.taskId })
      .from(assignments)
      .where(
        and(
          eq(assignments.projectId, projectId),
          eq(assignments.state, 'active'),
          lt(assignments.leaseUntil, sql`now()`),
          exceptLabeler === undefined ? undefined : ne(assignments.labelerId, exceptLabeler),
        ),
      )
      .orderBy(asc(assignments.leaseUntil))
      .limit(RELEASE_BATCH)
      .for('update', { skipLocked: true });
    if (expired.length === 0) return 0;
    await tx
      .update(assignments)
      .set({ state: 'expired', leaseUntil: null, endedAt: sql`now()` })
      .where(
        inArray(
          assignments.id,
          expired.map((row) => row.id),
        ),
      );
    const places = new Map<string, number>();
    for (const { taskId } of expired) places.set(taskId, (places.get(taskId) ?? 0) + 1);
    for (const [taskId, count] of [...places].sort(([a], [b]) => (a < b ? -1 : 1))) {
      await tx
        .update(tasks)
        .set({ taken: sql`${tasks.taken} - ${count}` })
        .where(eq(tasks.id, taskId));
    }
    return expired.length;
  });
}

/** When a lease granted or renewed now runs out, by the database's clock. */
export function leaseEnd(project: Pick<Project, 'settings'>) {
  return sql`now() + make_interval(secs => ${project.settings.leaseSeconds})`;
}

/** Takes a place of a task, when it has one free. The one way to raise `taken`, besides the claim below. */
export async function takePlace(tx: Transaction, taskId: string): Promise<boolean> {
  const taken = await tx
    .update(tasks)
    .set({ taken: sql`${tasks.taken} + 1` })
    .where(and(eq(tasks.id, taskId), openTask))
    .returning({ id: tasks.id });
  return taken.length === 1;
}

/** Renews the lease of what a person holds; null when it was handed in or taken away at this moment. */
async function renew(tx: Transaction, { project }: TakeOptions, held: string): Promise<string | null> {
  const [renewed] = await tx
    .update(assignments)
    .set({ leaseUntil: leaseEnd(project) })
    .where(and(eq(assignments.id, held), eq(assignments.state, 'active')))
    .returning({ id: assignments.id });
  return renewed?.id ?? null;
}

async function takeBack(tx: Transaction, options: TakeOptions, allowed: Allowance): Promise<string | null> {
  const screening = allowed.queue === 'screening';
  const lost = await tx
    .select({ id: assignments.id, taskId: assignments.taskId })
    .from(assignments)
    .innerJoin(tasks, eq(tasks.id, assignments.taskId))
    .where(
      and(
        ownedBy(options),
        eq(assignments.state, 'expired'),
        inArray(assignments.kind, kindsFor(options, allowed)),
        screening ? eq(tasks.purpose, 'screening') : ne(tasks.purpose, 'screening'),
        openTask,
      ),
    )
    .orderBy(asc(isNull(assignments.draft)), desc(assignments.endedAt))
    .limit(1)
    .for('update', { of: assignments });
  // One only: a place that was lost meanwhile leaves its task locked, and nothing may be waited for after that.
  const [first] = lost;
  if (!first || !(await takePlace(tx, first.taskId))) return null;
  await tx
    .update(assignments)
    .set({ state: 'active', leaseUntil: leaseEnd(options.project), endedAt: null })
    .where(eq(assignments.id, first.id));
  return first.id;
}

async function claim(tx: Transaction, options: TakeOptions, allowed: Allowance): Promise<string | null> {
  for (const { kind, queue } of await lanes(tx, options, allowed)) {
    const taken = await claimFirst(tx, options, kind, queue);
    if (taken !== null) return taken;
  }
  return null;
}

/**
 * Takes a place of the first task of a queue for a person, and makes the assignment: under the newest guideline, the
 * completions in an order of chance. A task whose row another request holds at this moment is passed over.
 */
async function claimFirst(
  tx: Transaction,
  options: TakeOptions,
  kind: TaskKind,
  queue: Queue,
): Promise<string | null> {
  const { labelerId, project } = options;
  const [made] = await tx.execute<{ id: string }>(sql`
    with candidate as ${nextCandidate(tx, options, kind, queue).for('update', { skipLocked: true })},
    placed as (
      update ${tasks} set taken = ${tasks.taken} + 1 from candidate
      where ${tasks.id} = candidate.id and ${openTask} returning ${tasks.id} as id)
    insert into ${assignments} (id, task_id, project_id, kind, labeler_id, lease_until, shown_order, guideline_id)
    select ${uuidv7()}::uuid, placed.id, ${project.id}::uuid, ${kind}, ${labelerId}::uuid, ${leaseEnd(project)},
      coalesce((select array_agg(completion_id order by random()) from ${taskCompletions} where task_id = placed.id), '{}'),
      (select id from ${guidelines} where project_id = ${project.id} order by version desc limit 1)
    from placed
    returning id`);
  return made?.id ?? null;
}

/** Where to look for a task, in this order. */
async function lanes(
  tx: Transaction,
  options: TakeOptions,
  allowed: Allowance,
): Promise<{ kind: TaskKind; queue: Queue }[]> {
  const { queue } = allowed;
  if (queue === 'none') return [];
  const kinds = await kindsByPriority(tx, options, allowed, queue);
  const gold = queue === 'work' && Math.random() < options.project.settings.gold.rate;
  // Only beside work of its own kind: a gold task that comes when there is no other would be known for what it is.
  return kinds.flatMap((kind) => [...(gold ? [{ kind, queue: 'gold' as const }] : []), { kind, queue }]);
}

/** The first task of a kind in a queue that wants another label and that this person has never had. */
export function nextCandidate(db: Executor, options: TakeOptions, kind: TaskKind, queue: Queue = 'work') {
  const { labelerId, project } = options;
  const mine = db
    .select({ one: sql`1` })
    .from(assignments)
    .where(and(eq(assignments.taskId, tasks.id), eq(assignments.labelerId, labelerId)));
  return db
    .select({ id: tasks.id, kind: tasks.kind, priority: tasks.priority })
    .from(tasks)
    .where(
      and(
        eq(tasks.projectId, project.id),
        eq(tasks.kind, kind),
        openTask,
        IN_QUEUE[queue],
        notExists(mine),
        notExists(kind === 'review' ? labelledMyself(db, labelerId) : reviewedMyself(db, labelerId)),
      ),
    )
    .orderBy(...(queue === 'work' ? [desc(tasks.priority)] : []), asc(tasks.id))
    .limit(1);
}

/** For a review: this person has had the task that it judges. */
function labelledMyself(db: Executor, labelerId: string) {
  return db
    .select({ one: sql`1` })
    .from(assignments)
    .where(and(eq(assignments.taskId, tasks.subjectTaskId), eq(assignments.labelerId, labelerId)));
}

/** For other work: this person has had its review, and seen what others answered. */
function reviewedMyself(db: Executor, labelerId: string) {
  return db
    .select({ one: sql`1` })
    .from(review)
    .innerJoin(assignments, and(eq(assignments.taskId, review.id), eq(assignments.labelerId, labelerId)))
    .where(eq(review.subjectTaskId, tasks.id));
}

/** The kinds of which a person may be handed a task. */
function kindsFor({ kind }: TakeOptions, allowed: Allowance): TaskKind[] {
  return TASK_KINDS.filter(
    (one) =>
      (kind === undefined || one === kind) &&
      (one !== 'review' || (allowed.queue === 'work' && allowed.reviews)),
  );
}

async function kindsByPriority(
  tx: Transaction,
  options: TakeOptions,
  allowed: Allowance,
  queue: Queue,
): Promise<TaskKind[]> {
  const kinds = kindsFor(options, allowed);
  if (kinds.length < 2) return kinds;
  const heads = kinds.map((kind) => sql`${nextCandidate(tx, options, kind, queue)}`);
  const first = await tx.execute<{ kind: TaskKind; priority: number }>(sql.join(heads, sql` union all `));
  return [...first].sort((a, b) => b.priority - a.priority).map(({ kind }) => kind);
}

function ownedBy({ labelerId, project, kind }: TakeOptions) {
  return and(
    eq(assignments.labelerId, labelerId),
    eq(assignments.projectId, project.id),
    kind ? eq(assignments.kind, kind) : undefined,
  );
}
