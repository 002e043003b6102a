import { eq, inArray, sql } from 'drizzle-orm';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  assignments,
  demonstrations,
  memberships,
  rankings,
  reviews,
  type Standing,
  TASK_KINDS,
  type TaskKind,
  tasks,
} from '@/db/schema.ts';
import { seedProject, seedPrompt, seedRankingTask, seedTask, seedUser } from '@/db/seed.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { AppError } from '../errors.ts';
import type { Project } from '../people/access.ts';
import { setStanding } from '../quality/standing.ts';
import { releaseExpired, takeNext } from './assign.ts';
import { heartbeat, saveDraft } from './drafts.ts';
import { editLabel } from './edit.ts';
import type { LabelContent } from './kinds/kinds.ts';
import { skip, undoSkip } from './skip.ts';
import { submit } from './submit.ts';

/*
 * Several people work in one project at once. A script is a list of batches; the commands of a batch run at the same
 * moment, each in its own connection, and after each batch the database is held against what was acknowledged.
 */

const { db } = await openTestDatabase();

const CAP = 3;
const SCREENING = { tasks: 2, pass: 0.6 };
/** anna and ben are contractors, rita a researcher, nora a contractor not yet screened, vera one who may review. */
const PEOPLE = ['anna', 'ben', 'rita', 'nora', 'vera'] as const;
const REVIEWERS: readonly string[] = ['rita', 'vera'];
type Name = (typeof PEOPLE)[number];

/** `nth` of the assignments that the person was given so far; `variant` tells apart what is written. */
type Command = { who: Name; nth: number; variant: 0 | 1 } & (
  | { do: 'next'; kind: TaskKind | null }
  | { do: 'save' | 'beat' | 'skip' | 'undoSkip' | 'expire' | 'submit' | 'submitTwice' | 'edit' }
  | { do: 'standing'; to: Standing }
);

const common = { who: fc.constantFrom(...PEOPLE), nth: fc.nat(2), variant: fc.constantFrom(0, 1) } as const;
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      ...common,
      do: fc.constant('next' as const),
      kind: fc.constantFrom(null, null, ...TASK_KINDS),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      ...common,
      do: fc.constantFrom(
        'save',
        'save',
        'beat',
        'skip',
        'undoSkip',
        'expire',
        'expire',
        'submit',
        'submit',
        'submit',
        'submitTwice',
        'edit',
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...common,
      do: fc.constant('standing' as const),
      to: fc.constantFrom<Standing>('good', 'paused'),
    }),
  },
);

/** What one assignment was told: every acknowledgement. */
interface Told {
  who: Name;
  id: string;
  taskId: string;
  kind: TaskKind;
  /** Acknowledged drafts, by the revision that they became. */
  drafts: Map<number, string>;
  /** Acknowledged labels: the id, and what was in it. */
  labels: Map<string, LabelContent>;
  late: boolean | null;
  /** Whether it can have been out of its labeler's hands, so that its label may be one above the cap. */
  wasOut: boolean;
}

class World {
  readonly told = new Map<string, Told>();
  readonly standing = new Map<Name, Standing>();

  private constructor(
    readonly project: Project,
    readonly people: Map<Name, string>,
    readonly actorId: string,
  ) {}

  static async create(): Promise<World> {
    const project = await seedProject(db, {
      settings: {
        gold: { rate: 0.4, shown: false },
        screening: SCREENING,
        dailyCap: CAP,
        review: { agreementBelow: null, rewardMargin: null, sampled: 1 },
      },
    });
    const people = new Map<Name, string>();
    for (const name of PEOPLE) {
      const role = name === 'rita' ? 'researcher' : 'contractor';
      people.set(name, (await seedUser(db, { name, role, projectId: project.id })).id);
    }
    const screened = [...people].flatMap(([name, id]) => (name === 'nora' ? [] : [id]));
    await db.update(memberships).set({ screenedAt: sql`now()` }).where(inArray(memberships.userId, screened));
    await db
      .update(memberships)
      .set({ mayReview: true })
      .where(eq(memberships.userId, people.get('vera') ?? ''));
    for (const wantedLabels of [1, 2]) {
      await seedTask(db, await seedPrompt(db, project.id), { wantedLabels });
      await seedRankingTask(db, project.id, { completions: 2, wantedLabels });
    }
    for (const purpose of ['gold', 'gold', 'screening', 'screening'] as const) {
      const { task, completionIds } = await seedRankingTask(db, project.id, {
        completions: 2,
        wantedLabels: 9,
      });
      const gold = { groups: completionIds.map((id) => [id]) };
      await db.update(tasks).set({ purpose, gold }).where(eq(tasks.id, task.id));
    }
    return new World(project, people, (await seedUser(db, { role: 'admin' })).id);
  }

  /** Runs commands at the same moment; what they find is decided before the first of them begins. */
  async run(batch: Command[]): Promise<void> {
    const pausedBefore = new Set([...this.standing].filter(([, to]) => to === 'paused').map(([who]) => who));
    const changing = new Set(batch.filter((one) => one.do === 'standing').map(({ who }) => who));
    for (const { who, do: what } of batch) {
      if (what === 'undoSkip' || what === 'standing') for (const one of this.of(who)) one.wasOut = true;
    }
    const results = await Promise.allSettled(batch.map((one) => this.start(one)));
    for (const [index, result] of results.entries()) {
      const one = batch[index];
      if (!one) continue;
      if (result.status === 'rejected') {
        requireRefusal(one, result.reason);
        continue;
      }
      const given = result.value;
      if (typeof given !== 'string') continue;
      expect(pausedBefore.has(one.who) && !changing.has(one.who), `${one.who} is paused and got a task`).toBe(
        false,
      );
      await this.learn(one.who, given);
    }
  }

  private async learn(who: Name, id: string): Promise<void> {
    if (this.told.has(id)) return;
    const [row] = await db.select().from(assignments).where(eq(assignments.id, id));
    if (!row) throw new Error(`The assignment ${id} was handed out and is not there.`);
    const { taskId, kind } = row;
    const told = { drafts: new Map<number, string>(), labels: new Map<string, LabelContent>() };
    this.told.set(id, { who, id, taskId, kind, ...told, late: null, wasOut: false });
  }

  private of(who: Name): Told[] {
    return [...this.told.values()].filter((one) => one.who === who);
  }

  /** Begins a command. @returns for `next` the assignment that was handed out */
  private start(one: Command): Promise<unknown> {
    const { who, nth, variant } = one;
    const labelerId = this.people.get(who) ?? '';
    const { project } = this;
    if (one.do === 'next') {
      return takeNext(db, { labelerId, project, kind: one.kind ?? undefined });
    }
    if (one.do === 'standing') return this.setStanding(who, labelerId, one.to);
    const mine = this.of(who);
    const told = mine[mine.length - 1 - (nth % Math.max(1, mine.length))];
    if (!told) return Promise.resolve();
    const own = { assignmentId: told.id, labelerId };
    switch (one.do) {
      case 'save':
        return this.save(own, told, variant);
      case 'beat':
        return heartbeat(db, own).then(() => {});
      case 'skip':
        return skip(db, { ...own, reason: 'other', note: '' });
      case 'undoSkip':
        return undoSkip(db, own);
      case 'expire':
        return this.expire(told);
      case 'submit':
        return this.submit(own, told, variant);
      case 'submitTwice':
        return Promise.all([this.submit(own, told, variant), this.submit(own, told, variant)]).then(() => {});
      case 'edit':
        return this.edit(own, told, variant);
    }
  }

  private async setStanding(who: Name, userId: string, to: Standing): Promise<void> {
    const from = this.standing.get(who) ?? 'good';
    const { actorId } = this;
    await setStanding(db, { projectId: this.project.id, userId, standing: to, from, note: 'why', actorId });
    this.standing.set(who, to);
  }

  private async save(own: Own, told: Told, variant: 0 | 1): Promise<void> {
    const text = `draft ${variant} upon ${told.drafts.size}`;
    const draft = {
      demonstration: { kind: 'demonstration' as const, text, prompt: null, checklist: [] },
      ranking: {
        kind: 'ranking' as const,
        groups: [],
        strengths: [],
        allBad: false,
        ratings: [],
        note: text,
      },
      review: {
        kind: 'review' as const,
        verdicts: [{ labelId: told.id, verdict: null, comment: text }],
        answer: null,
      },
    };
    const content = draft[told.kind];
    const revision = told.drafts.size;
    const saved = await saveDraft(db, { ...own, revision, content });
    if (saved.status !== 'saved') return;
    expect(saved.revision, 'a draft was written over one that it did not know').toBe(revision + 1);
    expect(told.drafts.has(saved.revision), `two saves both became revision ${saved.revision}`).toBe(false);
    told.drafts.set(saved.revision, JSON.stringify(content));
  }

  private async expire(told: Told): Promise<void> {
    told.wasOut = true;
    await db
      .update(assignments)
      .set({ leaseUntil: sql`now() - interval '1 second'` })
      .where(sql`${assignments.id} = ${told.id} and ${assignments.state} = 'active'`);
    await releaseExpired(db, this.project.id);
  }

  private async submit(own: Own, told: Told, variant: 0 | 1): Promise<void> {
    const content = await contentFor(told, variant);
    const sent = await submit(db, { ...own, idempotencyKey: `${told.id} ${variant}`, content });
    if (!sent.repeated) {
      expect(told.labels.size, 'a second submission was taken for the first').toBe(0);
      told.labels.set(sent.labelId, content);
      told.late = sent.state === 'late';
    }
  }

  private async edit(own: Own, told: Told, variant: 0 | 1): Promise<void> {
    const baseVersion = told.labels.size;
    if (baseVersion === 0) return;
    const content = await contentFor(told, variant);
    const idempotencyKey = `edit ${told.id} ${baseVersion} ${variant}`;
    const edited = await editLabel(db, { ...own, baseVersion, idempotencyKey, content });
    told.labels.set(edited.labelId, content);
  }

  /** Holds the database against the invariants and against what was acknowledged. */
  async check(): Promise<void> {
    const projectId = this.project.id;
    const allTasks = await db.select().from(tasks).where(eq(tasks.projectId, projectId));
    const rows = await db.select().from(assignments).where(eq(assignments.projectId, projectId));
    const members = await db.select().from(memberships).where(eq(memberships.projectId, projectId));
    const taskOf = new Map(allTasks.map((task) => [task.id, task]));
    // Handed out by an undone skip or a request whose answer was another's error: every assignment is known all the same.
    expect(rows.map(({ id }) => id).sort()).toEqual([...this.told.keys()].sort());

    for (const task of allTasks) {
      const holding = rows.filter(
        ({ taskId, state }) => taskId === task.id && (state === 'active' || state === 'submitted'),
      );
      expect(task.taken, `taken of a ${task.purpose} ${task.kind}`).toBe(holding.length);
      expect(task.taken).toBeLessThanOrEqual(task.wantedLabels);
    }
    const pairs = rows.map(({ taskId, labelerId }) => `${taskId} ${labelerId}`);
    expect(new Set(pairs).size, 'somebody got a task twice').toBe(pairs.length);
    for (const row of rows) {
      const told = this.told.get(row.id);
      if (!told) continue;
      if (row.state === 'expired' || row.state === 'skipped') told.wasOut = true;
      expect(row.draftRevision, 'saves that count').toBe(told.drafts.size);
      expect(JSON.stringify(row.draft), 'the draft').toBe(
        JSON.stringify(ordered(told.drafts.get(row.draftRevision))),
      );
      const task = taskOf.get(row.taskId);
      if (task?.subjectTaskId) {
        expect(REVIEWERS, 'a review went to somebody who may not').toContain(told.who);
        expect(pairs, 'a review of what the person had').not.toContain(
          `${task.subjectTaskId} ${row.labelerId}`,
        );
      }
      if (task?.gold) {
        const [first] = told.labels.values();
        expect(row.goldScore, 'the score of the first version').toBe(
          first ? scoreOf(first, task.gold) : null,
        );
      }
    }
    await this.checkLabels(rows);
    for (const [who, userId] of this.people) {
      const mine = rows.filter(({ labelerId }) => labelerId === userId);
      const counted = mine.filter(
        ({ id, state }) =>
          ['active', 'submitted', 'late'].includes(state) && this.told.get(id)?.wasOut === false,
      );
      expect(counted.length, `labels of ${who} today`).toBeLessThanOrEqual(CAP);
      if (this.standing.get(who) === 'paused') {
        expect(
          mine.filter(({ state }) => state === 'active'),
          `in the hands of ${who}, who is paused`,
        ).toEqual([]);
      }
      if (who !== 'nora') continue;
      const screening = mine
        .filter(({ taskId, state }) => taskOf.get(taskId)?.purpose === 'screening' && state === 'submitted')
        .map(({ goldScore }) => goldScore ?? 0);
      const mean = screening.reduce((sum, score) => sum + score, 0) / SCREENING.tasks;
      const passed = screening.length === SCREENING.tasks && mean >= SCREENING.pass;
      const screenedAt = members.find((member) => member.userId === userId)?.screenedAt ?? null;
      expect(screenedAt !== null, `nora did ${screening.length} at ${mean}`).toBe(passed);
      const real = mine.filter(({ taskId }) => taskOf.get(taskId)?.purpose !== 'screening');
      if (!passed) expect(real, 'work before the screening').toEqual([]);
    }
  }

  /** Every acknowledged label is there once, as it was sent, and nothing else is. */
  private async checkLabels(rows: (typeof assignments.$inferSelect)[]): Promise<void> {
    const stored = [];
    for (const table of [demonstrations, rankings, reviews]) {
      stored.push(...(await db.select().from(table).where(eq(table.projectId, this.project.id))));
    }
    const acknowledged = [...this.told.values()].flatMap(({ labels }) => [...labels.keys()]);
    expect(stored.map(({ id }) => id).sort(), 'labels').toEqual(acknowledged.sort());
    for (const label of stored) {
      const told = this.told.get(label.assignmentId);
      const content = told?.labels.get(label.id);
      expect(label.late).toBe(told?.late);
      if (content?.kind === 'demonstration') expect(label).toMatchObject({ text: content.text });
      if (content?.kind === 'ranking') expect(label).toMatchObject({ groups: content.groups });
    }
    for (const { id, state } of rows) {
      const current = stored.filter((label) => label.assignmentId === id && label.supersededAt === null);
      expect(current.length, `current labels of a ${state} assignment`).toBe(
        state === 'submitted' || state === 'late' ? 1 : 0,
      );
    }
  }
}

interface Own {
  assignmentId: string;
  labelerId: string;
}

/** Refused in one sentence is fine; anything else (a deadlock, a broken constraint, a lost row) is not. */
function requireRefusal(one: Command, reason: unknown): void {
  const refused = reason instanceof AppError && ['CONFLICT', 'BAD_INPUT', 'FORBIDDEN'].includes(reason.code);
  if (refused) return;
  throw new Error(`${one.who} ${one.do}: ${String(reason)}`, { cause: reason });
}

/** The label that a variant stands for: of a ranking the known answer or its opposite. */
async function contentFor(told: Told, variant: 0 | 1): Promise<LabelContent> {
  if (told.kind === 'demonstration') {
    return { kind: 'demonstration', text: `text ${variant} of ${told.id}`, prompt: null, checklist: [] };
  }
  if (told.kind === 'ranking') {
    const [row] = await db
      .select({ shown: assignments.shownOrder })
      .from(assignments)
      .where(eq(assignments.id, told.id));
    const ids = [...(row?.shown ?? [])].sort();
    if (variant === 1) ids.reverse();
    const rest = { strengths: null, ratings: [], allBad: false, note: '' };
    return { kind: 'ranking', groups: ids.map((id) => [id]), ...rest };
  }
  const labels = await db.execute<{ id: string }>(sql`
    select l.id from tasks t join (
      select id, task_id, superseded_at, late from demonstrations
      union all select id, task_id, superseded_at, late from rankings) as l on l.task_id = t.subject_task_id
    where t.id = ${told.taskId} and l.superseded_at is null and not l.late order by l.id`);
  const verdicts = labels.map(({ id }) => ({
    labelId: id,
    verdict: 'accepted' as const,
    comment: `${variant}`,
  }));
  return { kind: 'review', verdicts, answer: null };
}

/** How far a ranking of two meets the known answer. */
function scoreOf(content: LabelContent, gold: Record<string, unknown>): number {
  return content.kind === 'ranking' && JSON.stringify(content.groups) === JSON.stringify(gold.groups) ? 1 : 0;
}

/** A draft with its fields in the order in which jsonb keeps them: shorter names first. */
function ordered(draft: string | undefined): unknown {
  if (draft === undefined) return null;
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
  };
  return sorted(JSON.parse(draft));
}

it('holds its invariants under every interleaving of what several people do at once', async () => {
  const script = fc.array(fc.array(command, { minLength: 2, maxLength: 10 }), {
    minLength: 4,
    maxLength: 10,
  });
  await fc.assert(
    fc.asyncProperty(script, async (batches) => {
      const world = await World.create();
      for (const name of PEOPLE) await world.run([{ who: name, do: 'next', kind: null, nth: 0, variant: 0 }]);
      for (const batch of batches) {
        await world.run(batch);
        await world.check();
      }
    }),
    { numRuns: 15, interruptAfterTimeLimit: 120_000 },
  );
}, 180_000);
