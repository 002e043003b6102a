import { and, eq, sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import {
  assignments,
  memberships,
  type ProjectSettings,
  type Standing,
  type TaskKind,
  type TaskPurpose,
  tasks,
  users,
} from '@/db/schema.ts';
import { seedProject, seedPrompt, seedRankingTask, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { type Caller, person } from '@/tests/support/people.ts';
import { nextCandidate, type Queue, releaseExpired, takeNext } from './assign.ts';
import { letThrough } from './screening.ts';
import type { Work } from './work.ts';

const { db } = await openTestDatabase();

/** What is handed out: the work, or the sentence that says why there is none. */
async function next(api: Caller, projectId: string, kind?: TaskKind): Promise<Work | string> {
  const given = await api.labeling.next(kind ? { projectId, kind } : { projectId });
  return given.status === 'work' ? given.work : given.reason;
}

async function work(api: Caller, projectId: string, kind?: TaskKind): Promise<Work> {
  const given = await next(api, projectId, kind);
  if (typeof given === 'string') throw new Error(given);
  return given;
}

const project = (settings: Partial<ProjectSettings> = {}) =>
  seedProject(db, { name: `Project ${uuidv7()}`, settings });

/** A ranking task whose answer is the order of its completions. */
async function knownTask(projectId: string, purpose: TaskPurpose) {
  const made = await seedRankingTask(db, projectId, { completions: 3, wantedLabels: 1000 });
  await db
    .update(tasks)
    .set({ purpose, gold: { groups: made.completionIds.map((id) => [id]) } })
    .where(eq(tasks.id, made.task.id));
  return made;
}

const purposeOf = async (given: Work) =>
  (await db.select().from(tasks).where(eq(tasks.id, given.assignment.taskId)))[0]?.purpose;

/** Submits: the known answer where there is one, or (`wrong`) its opposite. */
async function answer(api: Caller, given: Work, how: 'right' | 'wrong' = 'right') {
  const { id: assignmentId, kind } = given.assignment;
  // Completions are made in the order of the known answer, and their ids are ordered in time.
  const ids = given.completions.map(({ id }) => id).sort();
  if (how === 'wrong') ids.reverse();
  const content =
    kind === 'ranking'
      ? { kind: 'ranking' as const, groups: ids.map((id) => [id]) }
      : { kind: 'demonstration' as const, text: 'An answer.' };
  return api.labeling.submit({ assignmentId, idempotencyKey: uuidv7(), content });
}

async function setStanding(userId: string, standing: Standing, standingNote = '') {
  await db.update(memberships).set({ standing, standingNote }).where(eq(memberships.userId, userId));
}

describe('gold', () => {
  it('takes the place of real work at the rate, each once for a person, and never else', async () => {
    const seeded = await project({ gold: { rate: 0.5, shown: false } });
    const { id } = seeded;
    const prompt = await seedPrompt(db, id);
    for (let i = 0; i < 30; i++) await seedTask(db, prompt);
    for (let i = 0; i < 100; i++) await seedTask(db, prompt, { purpose: 'gold', wantedLabels: 9 });
    const { user } = await person(db, 'contractor', id);
    const options = { labelerId: user.id, project: seeded };
    for (;;) {
      const taken = await takeNext(db, options);
      if (taken === null) break;
      await db
        .update(assignments)
        .set({ state: 'submitted', leaseUntil: null, endedAt: sql`now()` })
        .where(eq(assignments.id, taken));
    }
    const given = await db
      .select({ purpose: tasks.purpose, taskId: tasks.id })
      .from(assignments)
      .innerJoin(tasks, eq(tasks.id, assignments.taskId))
      .where(eq(assignments.labelerId, user.id))
      .orderBy(assignments.createdAt);
    const gold = given.filter(({ purpose }) => purpose === 'gold').length;
    expect(given.length - gold).toBe(30);
    expect(new Set(given.map(({ taskId }) => taskId)).size).toBe(given.length);
    expect(given.at(-1)?.purpose).toBe('training');
    // One gold for each real one, with a deviation of 8: outside these bounds about once in 8 million.
    expect(gold).toBeGreaterThan(2);
    expect(gold).toBeLessThan(100);
  });

  it('gives real work when no gold is left, and no gold when the rate is 0', async () => {
    const always = await project({ gold: { rate: 1, shown: false } });
    const known = await knownTask(always.id, 'gold');
    const real = await seedRankingTask(db, always.id);
    const { api } = await person(db, 'contractor', always.id);
    const first = await work(api, always.id);
    expect(first.assignment.taskId).toBe(known.task.id);
    await answer(api, first);
    expect((await work(api, always.id)).assignment.taskId).toBe(real.task.id);

    const never = await project();
    await knownTask(never.id, 'gold');
    const other = await person(db, 'contractor', never.id);
    expect(await next(other.api, never.id)).toContain('There are no tasks for you');
  });

  it('is of the kind of the work that it stands among, and not to be told from it on the page', async () => {
    const { id } = await project({ gold: { rate: 1, shown: true } });
    await knownTask(id, 'gold');
    await seedTask(db, await seedPrompt(db, id), { priority: 5 });
    const real = await seedRankingTask(db, id, { completions: 3 });
    const { api } = await person(db, 'contractor', id);
    const demonstration = await work(api, id);
    expect(demonstration.assignment.kind).toBe('demonstration');
    await answer(api, demonstration);
    const gold = await work(api, id);
    expect(await purposeOf(gold)).toBe('gold');
    await answer(api, gold);
    const ranking = await work(api, id);
    expect(ranking.assignment.taskId).toBe(real.task.id);
    const shape = (value: unknown): unknown =>
      value instanceof Date || value === null || typeof value !== 'object'
        ? typeof value
        : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)]));
    expect(shape(gold)).toEqual(shape(ranking));
    expect(JSON.stringify(gold)).not.toMatch(/gold|purpose|screening|known/i);
  });

  it('is scored when it is submitted, and an edit does not mend the score', async () => {
    const { id } = await project({ gold: { rate: 1, shown: false } });
    await knownTask(id, 'gold');
    await seedRankingTask(db, id);
    const { api } = await person(db, 'contractor', id);
    const given = await work(api, id);
    await answer(api, given, 'wrong');
    const score = async () =>
      (await db.select().from(assignments).where(eq(assignments.id, given.assignment.id)))[0]?.goldScore;
    expect(await score()).toBe(0);
    await api.labeling.edit({
      assignmentId: given.assignment.id,
      idempotencyKey: uuidv7(),
      baseVersion: 1,
      content: {
        kind: 'ranking',
        groups: given.completions
          .map(({ id: one }) => one)
          .sort()
          .map((one) => [one]),
      },
    });
    expect(await score()).toBe(0);
  });
});

describe('screening', () => {
  const screening = { tasks: 2, pass: 0.7 };

  it('comes before any real work, and whoever passes it goes on to that', async () => {
    const { id } = await project({ screening });
    await seedTask(db, await seedPrompt(db, id), { priority: 9 });
    for (let i = 0; i < 3; i++) await knownTask(id, 'screening');
    const { api, user } = await person(db, 'contractor', id);
    for (let i = 0; i < 2; i++) {
      const given = await work(api, id);
      expect(await purposeOf(given)).toBe('screening');
      await answer(api, given);
    }
    const [member] = await db.select().from(memberships).where(eq(memberships.userId, user.id));
    expect(member?.screenedAt).toBeInstanceOf(Date);
    expect((await work(api, id)).assignment.kind).toBe('demonstration');
  });

  it('says plainly that it was not passed, until an admin lets the person through', async () => {
    const seeded = await project({ screening });
    const { id } = seeded;
    await seedTask(db, await seedPrompt(db, id));
    for (let i = 0; i < 3; i++) await knownTask(id, 'screening');
    const { api, user } = await person(db, 'contractor', id);
    await answer(api, await work(api, id), 'right');
    await answer(api, await work(api, id), 'wrong');
    expect(await next(api, id)).toBe(
      `You did not pass the screening of ${seeded.name}: your answers met 50 % of the known ones, and 70 % is asked for. An admin of the project may let you through.`,
    );
    const admin = await person(db, 'admin');
    await letThrough(db, { projectId: id, userId: user.id, actorId: admin.user.id });
    expect(await purposeOf(await work(api, id))).toBe('training');
    const audit = await admin.api.people.audit({});
    expect(audit[0]).toMatchObject({ action: 'member.let_through', details: { userId: user.id } });
  });

  it('counts two last tasks that are handed in at the same moment', async () => {
    const { id } = await project({ screening });
    for (let i = 0; i < 2; i++) await knownTask(id, 'screening');
    for (let round = 0; round < 5; round++) {
      const { api, user } = await person(db, 'contractor', id);
      const first = await work(api, id);
      // The lease of the first runs out while it is worked on, and the second is handed out meanwhile.
      await db
        .update(assignments)
        .set({ state: 'expired', leaseUntil: null, endedAt: sql`now()` })
        .where(eq(assignments.id, first.assignment.id));
      await db
        .update(tasks)
        .set({ taken: sql`${tasks.taken} - 1` })
        .where(eq(tasks.id, first.assignment.taskId));
      const [other] = await db
        .select()
        .from(tasks)
        .where(and(eq(tasks.projectId, id), sql`${tasks.id} <> ${first.assignment.taskId}`));
      if (!other) throw new Error('There is no second task.');
      await db.update(tasks).set({ state: 'closed' }).where(eq(tasks.id, first.assignment.taskId));
      const second = await work(api, id);
      await db.update(tasks).set({ state: 'open' }).where(eq(tasks.projectId, id));
      await Promise.all([answer(api, first), answer(api, second)]);
      const [member] = await db.select().from(memberships).where(eq(memberships.userId, user.id));
      expect(member?.screenedAt).toBeInstanceOf(Date);
    }
  });

  it('lets admins work, and tells a member when there is no screening task left', async () => {
    const seeded = await project({ screening });
    await seedTask(db, await seedPrompt(db, seeded.id), { wantedLabels: 2 });
    const admin = await person(db, 'admin');
    expect(await purposeOf(await work(admin.api, seeded.id))).toBe('training');
    const { api } = await person(db, 'contractor', seeded.id);
    expect(await next(api, seeded.id)).toBe(
      `Screening comes before other work in ${seeded.name}, and it has no further task for you: you did 0 of 2. An admin of the project can add some or let you through.`,
    );
  });
});

describe('a cap on labels a day', () => {
  it('holds what is handed out, says when work continues, and counts from midnight UTC', async () => {
    const seeded = await project({ dailyCap: 2 });
    const { id } = seeded;
    for (let i = 0; i < 4; i++) await seedTask(db, await seedPrompt(db, id));
    const { api, user } = await person(db, 'contractor', id);
    for (let i = 0; i < 2; i++) await answer(api, await work(api, id));
    expect(await next(api, id)).toBe(
      `You have given the 2 labels a day that ${seeded.name} takes from one person: work continues at 00:00 UTC.`,
    );
    await db
      .update(assignments)
      .set({
        endedAt: sql`date_trunc('day', now() at time zone 'utc') at time zone 'utc' - interval '1 second'`,
      })
      .where(eq(assignments.labelerId, user.id));
    expect(typeof (await next(api, id))).toBe('object');
  });

  it('counts what is in hand, of whatever kind, so that two requests do not pass it', async () => {
    const { id } = await project({ dailyCap: 1 });
    await seedTask(db, await seedPrompt(db, id));
    await seedRankingTask(db, id);
    const { api } = await person(db, 'contractor', id);
    const both = await Promise.all([next(api, id, 'ranking'), next(api, id, 'demonstration')]);
    expect(both.filter((given) => typeof given === 'string')).toHaveLength(1);
    const held = both.find((given) => typeof given !== 'string');
    // What is held comes back, cap or not.
    if (typeof held === 'object') {
      expect((await work(api, id)).assignment.id).toBe(held.assignment.id);
    }
  });

  it('is not passed by taking a skip back', async () => {
    const { id } = await project({ dailyCap: 1 });
    for (let i = 0; i < 2; i++) await seedTask(db, await seedPrompt(db, id));
    const { api } = await person(db, 'contractor', id);
    const skipped = await work(api, id);
    await api.labeling.skip({ assignmentId: skipped.assignment.id, reason: 'other' });
    await answer(api, await work(api, id));
    await expect(api.labeling.undoSkip({ assignmentId: skipped.assignment.id })).rejects.toThrow(
      /work continues at 00:00 UTC. Your draft is kept/,
    );
  });
});

describe('standing', () => {
  it.each([
    ['paused', 'You are paused in'],
    ['revoked', 'has ended'],
  ] as const)(
    '%s: gets no work and is told why; what was begun may still be submitted',
    async (standing, says) => {
      const { id } = await project();
      await seedTask(db, await seedPrompt(db, id));
      const { api, user } = await person(db, 'contractor', id);
      const held = await work(api, id);
      await setStanding(user.id, standing, 'Please read slower.');
      const reason = await next(api, id);
      expect(reason).toContain(says);
      expect(reason).toContain('Please read slower.');
      expect(await answer(api, held)).toMatchObject({ state: 'submitted' });
    },
  );

  it('warned: works on', async () => {
    const { id } = await project();
    await seedTask(db, await seedPrompt(db, id));
    const { api, user } = await person(db, 'contractor', id);
    await setStanding(user.id, 'warned', 'Please read slower.');
    expect(typeof (await next(api, id))).toBe('object');
  });

  it('an archived project hands nothing out, not by an undone skip either', async () => {
    const seeded = await project();
    await seedTask(db, await seedPrompt(db, seeded.id));
    const { api } = await person(db, 'contractor', seeded.id);
    const held = await work(api, seeded.id);
    await api.labeling.skip({ assignmentId: held.assignment.id, reason: 'other' });
    const admin = await person(db, 'admin');
    await admin.api.projects.update({ projectId: seeded.id, state: 'archived' });
    expect(await next(api, seeded.id)).toBe(`The project ${seeded.name} is archived: its work is over.`);
    await expect(api.labeling.undoSkip({ assignmentId: held.assignment.id })).rejects.toThrow(/archived/);
  });
});

describe('reviews', () => {
  /** A task with a label of somebody else, in review. */
  async function reviewed(projectId: string, wantedLabels = 1) {
    const task = await seedTask(db, await seedPrompt(db, projectId), { wantedLabels });
    const author = await person(db, 'contractor', projectId);
    await answer(author.api, await work(author.api, projectId));
    const [review] = await db
      .insert(tasks)
      .values({
        projectId,
        promptId: task.promptId,
        kind: 'review',
        subjectTaskId: task.id,
        reviewReason: 'sampled',
        wantedLabels: 3,
      })
      .returning();
    return { task, author, reviewId: review?.id };
  }

  it('go to researchers, admins and those who may review, never to the labeler, and to nobody else', async () => {
    const { id, name } = await project();
    const { author, reviewId } = await reviewed(id);
    const contractor = await person(db, 'contractor', id);
    expect(await next(contractor.api, id)).toContain('There are no tasks for you');
    expect(await next(contractor.api, id, 'review')).toBe(
      `Reviews in ${name} go to its reviewers, and you are not one of them.`,
    );
    await db.update(memberships).set({ mayReview: true }).where(eq(memberships.projectId, id));
    await db.update(users).set({ role: 'contractor' }).where(eq(users.id, author.user.id));
    expect(await next(author.api, id)).toContain('There are no tasks for you');
    expect(await next(author.api, id, 'review')).toContain('There are no review tasks for you');
    for (const { api } of [contractor, await person(db, 'researcher', id), await person(db, 'admin')]) {
      const given = await work(api, id);
      expect(given.assignment).toMatchObject({ kind: 'review', taskId: reviewId });
    }
  });

  it('a reviewer is never handed the task that they reviewed, nor a review of what they have in hand', async () => {
    const { id } = await project();
    const { task, reviewId } = await reviewed(id, 3);
    const first = await person(db, 'researcher', id);
    expect((await work(first.api, id, 'review')).assignment.taskId).toBe(reviewId);
    expect(typeof (await next(first.api, id, 'demonstration'))).toBe('string');
    const second = await person(db, 'researcher', id);
    expect((await work(second.api, id, 'demonstration')).assignment.taskId).toBe(task.id);
    expect(typeof (await next(second.api, id, 'review'))).toBe('string');
    // Both at once: whichever comes first keeps the other away.
    const third = await person(db, 'researcher', id);
    const both = await Promise.all([next(third.api, id, 'review'), next(third.api, id, 'demonstration')]);
    expect(both.filter((given) => typeof given === 'string')).toHaveLength(1);
  });
});

describe('the queues', () => {
  it.each([
    ['work', 'demonstration', 'tasks_open'],
    ['work', 'ranking', 'tasks_open'],
    ['work', 'review', 'tasks_open'],
    ['gold', 'ranking', 'tasks_checks_open'],
    ['screening', 'ranking', 'tasks_checks_open'],
  ] satisfies [Queue, TaskKind, string][])(
    'of %s, for a %s, finds the next task in its index, without sorting',
    async (queue, kind, index) => {
      const seeded = await project();
      const prompt = await seedPrompt(db, seeded.id);
      const purpose = queue === 'work' ? 'training' : queue;
      await db.execute(sql`
        insert into tasks (id, project_id, prompt_id, kind, purpose, wanted_labels, taken, priority)
        select gen_random_uuid(), ${seeded.id}::uuid, ${prompt.id}::uuid, ${kind === 'review' ? 'demonstration' : kind},
          ${purpose}, 1, i % 2, i % 7
        from generate_series(1, 4000) as i`);
      if (kind === 'review') {
        await db.execute(sql`
          insert into tasks (id, project_id, prompt_id, kind, subject_task_id, review_reason, priority)
          select gen_random_uuid(), project_id, prompt_id, 'review', id, 'sampled', priority
          from tasks where project_id = ${seeded.id}`);
      }
      await db.execute(sql`analyze tasks`);
      const options = { project: seeded, labelerId: uuidv7() };
      const plan = await db.execute(sql`explain ${nextCandidate(db, options, kind, queue).getSQL()}`);
      const lines = plan.map((row) => String(row['QUERY PLAN'])).join('\n');
      expect(lines).toContain(`using ${index}`);
      expect(lines).not.toMatch(/Sort|Seq Scan on tasks/);
    },
  );

  it('give back what expired, of checks too', async () => {
    const { id } = await project({ screening: { tasks: 1, pass: 0.5 } });
    const { task } = await knownTask(id, 'screening');
    const { api } = await person(db, 'contractor', id);
    const given = await work(api, id);
    await db
      .update(assignments)
      .set({ leaseUntil: sql`now() - interval '1 second'` })
      .where(eq(assignments.id, given.assignment.id));
    expect(await releaseExpired(db, id)).toBe(1);
    expect((await work(api, id)).assignment).toMatchObject({ id: given.assignment.id, taskId: task.id });
  });
});
