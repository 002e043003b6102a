import { and, eq, isNull } from 'drizzle-orm';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  assignments,
  auditLog,
  completions,
  datasetVersionLabels,
  demonstrations,
  memberships,
  type ProjectSettings,
  rankings,
  reviews,
  reviewVerdicts,
  taskCompletions,
  tasks,
} from '@/db/schema.ts';
import { seedModel, seedProject, seedPrompt, seedRankingTask, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { freezeDataset } from '@/server/datasets/freeze.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { type Caller, person } from '@/tests/support/people.ts';
import type { Project } from '../people/access.ts';
import type { LabelContent } from './kinds/kinds.ts';
import { askForReview, sweepReviews } from './review-queue.ts';
import type { Work } from './work.ts';

const { db } = await openTestDatabase();

const OFF: ProjectSettings['review'] = { agreementBelow: null, rewardMargin: null, sampled: 0 };
const key = () => uuidv7();

type ReviewContent = Extract<LabelContent, { kind: 'review' }>;

async function take(
  api: Caller,
  projectId: string,
  kind?: 'demonstration' | 'ranking' | 'review',
): Promise<Work> {
  const next = await api.labeling.next({ projectId, ...(kind ? { kind } : {}) });
  if (next.status !== 'work') throw new Error(next.reason);
  return next.work;
}

async function send(api: Caller, assignmentId: string, content: LabelContent) {
  return api.labeling.submit({ assignmentId, idempotencyKey: key(), content });
}

const order = (...groups: string[][]) => ({ kind: 'ranking' as const, groups });

/** A ranking task of four completions with the orders that labelers gave it, in the letters of its completions. */
async function ranked(review: Partial<ProjectSettings['review']>, ...orders: string[]) {
  const project = await seedProject(db, { settings: { review: { ...OFF, ...review } } });
  return rankedIn(project, ...orders);
}

async function rankedIn(project: Project, ...orders: string[]) {
  const { task, completionIds } = await seedRankingTask(db, project.id, {
    completions: 4,
    wantedLabels: orders.length,
    priority: 7,
  });
  const id = (letter: string) => completionIds['ABCD'.indexOf(letter)] ?? '';
  const labelers: { api: Caller; userId: string; assignmentId: string; labelId: string }[] = [];
  for (const letters of orders) {
    const { api, user } = await person(db, 'contractor', project.id);
    const work = await take(api, project.id, 'ranking');
    const groups = letters.split(' ').map((group) => [...group].map(id));
    const { labelId } = await send(api, work.assignment.id, { ...order(...groups), ...REST });
    labelers.push({ api, userId: user.id, assignmentId: work.assignment.id, labelId });
  }
  return { project, task, completionIds, id, labelers, labelIds: labelers.map(({ labelId }) => labelId) };
}

const REST = { strengths: null, ratings: [], allBad: false, note: '' };

const reviewsOf = (subjectTaskId: string) =>
  db.select().from(tasks).where(eq(tasks.subjectTaskId, subjectTaskId));

async function reviewer(project: Project) {
  const { api, user } = await person(db, 'researcher', project.id);
  return { api, userId: user.id, work: await take(api, project.id, 'review') };
}

function verdicts(labelIds: string[], said: string[]): ReviewContent['verdicts'] {
  return labelIds.map((labelId, index) => ({
    labelId,
    verdict: said[index] === undefined || said[index] === '' ? 'accepted' : 'rejected',
    comment: said[index] ?? '',
  }));
}

const judged = (given: ReviewContent['verdicts'], answer: ReviewContent['answer'] = null): ReviewContent => ({
  kind: 'review',
  verdicts: given,
  answer,
});

describe('a task comes into review', () => {
  it('when its rankings agree on too few pairs: once, with the number, and with completions of its own', async () => {
    // Of six pairs A B C D and B A D C agree on four.
    const { task, completionIds } = await ranked({ agreementBelow: 0.7 }, 'A B C D', 'B A D C');
    const [review, ...more] = await reviewsOf(task.id);
    expect(more).toEqual([]);
    expect(review).toMatchObject({
      kind: 'review',
      reviewReason: 'low_agreement',
      reviewFinding: { agreement: 4 / 6, pairs: 6 },
      wantedLabels: 1,
      priority: 7,
      promptId: task.promptId,
    });
    const shown = await db
      .select({ id: taskCompletions.completionId })
      .from(taskCompletions)
      .where(eq(taskCompletions.taskId, review?.id ?? ''));
    expect(shown.map(({ id }) => id).sort()).toEqual([...completionIds].sort());
  });

  it('not when they agree on enough, not while a label is missing, and never without being asked to', async () => {
    const enough = await ranked({ agreementBelow: 0.6 }, 'A B C D', 'B A D C');
    expect(await reviewsOf(enough.task.id)).toEqual([]);
    const off = await ranked({}, 'A B C D', 'D C B A');
    expect(await reviewsOf(off.task.id)).toEqual([]);
    const project = await seedProject(db, { settings: { review: { ...OFF, sampled: 1 } } });
    const { task } = await seedRankingTask(db, project.id, { completions: 2, wantedLabels: 2 });
    const { api } = await person(db, 'contractor', project.id);
    const work = await take(api, project.id);
    await send(api, work.assignment.id, { ...order(...work.completions.map(({ id }) => [id])), ...REST });
    expect(await reviewsOf(task.id)).toEqual([]);
  });

  it('when the reward model contradicts a labeler by more than the margin, also if the scores come later', async () => {
    const { project, task, id, completionIds } = await ranked({ rewardMargin: 1.5 }, 'A B CD');
    const { id: rewardModelId } = await seedModel(db, { projectId: project.id, kind: 'reward' });
    const scores = { A: -0.5, B: 0.4, C: 1.7, D: 1.2 };
    for (const [letter, reward] of Object.entries(scores)) {
      await db
        .update(completions)
        .set({ reward, rewardModelId })
        .where(eq(completions.id, id(letter)));
    }
    expect(await sweepReviews(db, project, { taskIds: [uuidv7()] })).toBe(0);
    expect(await sweepReviews(db, project, { taskIds: [task.id] })).toBe(1);
    expect(await sweepReviews(db, project)).toBe(0);
    const [review] = await reviewsOf(task.id);
    expect(review).toMatchObject({ reviewReason: 'reward_disagreement' });
    // C over A, by 2.2: not C over D, which the labeler tied.
    expect(review?.reviewFinding).toMatchObject({ preferred: id('C'), over: id('A') });
    expect(review?.reviewFinding?.margin).toBeCloseTo(2.2, 12);

    // Scored before it is labelled: the submission sees it. Scores of two models are not compared.
    const other = await seedModel(db, { projectId: project.id, kind: 'reward' });
    const again = await seedRankingTask(db, project.id, { completions: 3 });
    const [a = '', b = '', c = ''] = again.completionIds;
    await db.update(completions).set({ reward: 0, rewardModelId }).where(eq(completions.id, a));
    await db.update(completions).set({ reward: 1.6, rewardModelId }).where(eq(completions.id, b));
    await db.update(completions).set({ reward: 9, rewardModelId: other.id }).where(eq(completions.id, c));
    const { api } = await person(db, 'contractor', project.id);
    const work = await take(api, project.id, 'ranking');
    await send(api, work.assignment.id, { ...order([a], [b], [c]), ...REST });
    const [found] = await reviewsOf(again.task.id);
    expect(found?.reviewFinding).toEqual({ margin: 1.6, preferred: b, over: a });
    expect(completionIds).toHaveLength(4);
  });

  it('as a sample that its id decides: a share of 1 takes all, and a larger share holds the smaller', async () => {
    const project = await seedProject(db, { settings: { review: OFF } });
    const made: string[] = [];
    const { api } = await person(db, 'contractor', project.id);
    for (let i = 0; i < 40; i++) {
      const task = await seedTask(db, await seedPrompt(db, project.id));
      const work = await take(api, project.id);
      await send(api, work.assignment.id, {
        kind: 'demonstration',
        text: `Text ${i}`,
        prompt: null,
        checklist: [],
      });
      made.push(task.id);
    }
    const sampledAt = async (sampled: number) => {
      await sweepReviews(db, { ...project, settings: { ...project.settings, review: { ...OFF, sampled } } });
      const rows = await db
        .select({ id: tasks.subjectTaskId })
        .from(tasks)
        .where(and(eq(tasks.projectId, project.id), eq(tasks.kind, 'review')));
      return new Set(rows.map(({ id }) => id));
    };
    const half = await sampledAt(0.5);
    // 40 fair coins: outside of 6 to 34 with a chance below 1 in 10^5.
    expect(half.size).toBeGreaterThan(5);
    expect(half.size).toBeLessThan(35);
    expect(await sampledAt(0.5)).toEqual(half);
    const all = await sampledAt(1);
    expect([...all].sort()).toEqual([...made].sort());
  });

  it('once, when its last two labels come at the same moment, and when ten sweeps run at once', async () => {
    const project = await seedProject(db, { settings: { review: { ...OFF, agreementBelow: 1 } } });
    for (let round = 0; round < 8; round++) {
      const { task, completionIds } = await seedRankingTask(db, project.id, {
        completions: 3,
        wantedLabels: 2,
      });
      const works = [];
      for (let i = 0; i < 2; i++) {
        const { api } = await person(db, 'contractor', project.id);
        works.push({ api, work: await take(api, project.id, 'ranking') });
      }
      await Promise.all(
        works.map(({ api, work }, index) => {
          const ids = index === 0 ? completionIds : [...completionIds].reverse();
          return send(api, work.assignment.id, { ...order(...ids.map((one) => [one])), ...REST });
        }),
      );
      expect(await reviewsOf(task.id)).toHaveLength(1);
    }
    const { task } = await rankedIn({ ...project, settings: { ...project.settings } }, 'A B C D');
    const sampling = { ...project, settings: { ...project.settings, review: { ...OFF, sampled: 1 } } };
    const made = await Promise.all(Array.from({ length: 10 }, () => sweepReviews(db, sampling)));
    expect(made.reduce((sum, one) => sum + one, 0)).toBe(1);
    expect(await reviewsOf(task.id)).toHaveLength(1);
  });

  it('when a researcher asks: once, again after it was done, and the asking is on record', async () => {
    const { project, task, labelIds } = await ranked({}, 'A B C D');
    const { api, user } = await person(db, 'researcher', project.id);
    const asked = await api.reviews.ask({
      projectId: project.id,
      taskId: task.id,
      note: 'Is C not the best?',
    });
    expect(asked.outcome).toBe('made');
    const second = await api.reviews.ask({ projectId: project.id, taskId: task.id });
    expect(second).toEqual({ reviewTaskId: asked.reviewTaskId, outcome: 'waiting' });
    const [review] = await reviewsOf(task.id);
    expect(review).toMatchObject({ reviewReason: 'asked', reviewFinding: { note: 'Is C not the best?' } });
    const lines = await db.select().from(auditLog).where(eq(auditLog.subjectId, task.id));
    expect(lines.map(({ action, actorId }) => [action, actorId])).toEqual([
      ['review.asked', user.id],
      ['review.asked', user.id],
    ]);

    const first = await reviewer(project);
    expect(await api.reviews.ask({ projectId: project.id, taskId: task.id })).toMatchObject({
      outcome: 'waiting',
    });
    await send(first.api, first.work.assignment.id, judged(verdicts(labelIds, [])));
    expect(await api.reviews.ask({ projectId: project.id, taskId: task.id })).toMatchObject({
      outcome: 'again',
    });
    const { items } = await api.reviews.queue({ projectId: project.id });
    expect(items).toEqual([
      expect.objectContaining({
        subjectTaskId: task.id,
        state: 'waiting',
        wanted: 2,
        reviews: 1,
        accepted: 1,
        rejected: 0,
        answers: 0,
      }),
    ]);
  });

  it('never for evaluation votes, for reviews, for another project, or before there is a label', async () => {
    const project = await seedProject(db);
    const other = await seedProject(db);
    const prompt = await seedPrompt(db, project.id);
    const vote = await seedTask(db, prompt, { purpose: 'evaluation' });
    const fresh = await seedTask(db, prompt);
    const { user } = await person(db, 'researcher', project.id);
    const ask = (taskId: string, of = project) =>
      askForReview(db, { project: of, taskId, note: '', actorId: user.id });
    await expect(ask(vote.id)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'taskId: is a task of purpose evaluation: only labels for training are reviewed.',
    });
    await expect(ask(fresh.id)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'Nobody has labelled this task yet: there is nothing to review.',
    });
    await expect(ask(fresh.id, other)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await reviewsOf(fresh.id)).toEqual([]);
  });
});

describe('a review', () => {
  it('shows the labels without their people, and is stored as sent, with the reviewer’s own answer', async () => {
    const { project, task, id, labelIds, labelers } = await ranked(
      { agreementBelow: 1 },
      'A B C D',
      'D C B A',
    );
    const { api, work, userId } = await reviewer(project);
    expect(work.review).toMatchObject({ kind: 'ranking', reason: 'low_agreement', answerable: true });
    expect(work.review?.labels.map(({ number, current }) => [number, current])).toEqual([
      [1, true],
      [2, true],
    ]);
    for (const [index, { assignmentId }] of labelers.entries()) {
      const [{ shownOrder } = { shownOrder: [] }] = await db
        .select({ shownOrder: assignments.shownOrder })
        .from(assignments)
        .where(eq(assignments.id, assignmentId));
      expect(work.review?.labels[index]?.shownOrder).toEqual(shownOrder);
    }
    for (const { userId: labelerId } of labelers) expect(JSON.stringify(work)).not.toContain(labelerId);
    const answer = { ...order([id('A')], [id('B'), id('C')], [id('D')]), ...REST };
    const { labelId } = await send(
      api,
      work.assignment.id,
      judged(verdicts(labelIds, ['', 'Upside down.']), answer),
    );
    const [stored] = await db.select().from(reviews).where(eq(reviews.id, labelId));
    expect(stored).toMatchObject({ subjectTaskId: task.id, labelerId: userId, version: 1, late: false });
    const given = await db.select().from(reviewVerdicts).where(eq(reviewVerdicts.reviewId, labelId));
    expect(given.map(({ labelId: of, verdict, comment }) => [of, verdict, comment])).toEqual([
      [labelIds[0], 'accepted', ''],
      [labelIds[1], 'rejected', 'Upside down.'],
    ]);
    const [own] = await db.select().from(rankings).where(eq(rankings.labelerId, userId));
    expect(own).toMatchObject({
      groups: answer.groups,
      promptId: task.promptId,
      assignmentId: work.assignment.id,
    });
    // The labeler reads why, and not from whom.
    const [, second] = labelers;
    const detail = await second?.api.labeling.historyItem({ assignmentId: second.assignmentId });
    expect(detail?.versions[0]?.verdicts).toEqual([
      { verdict: 'rejected', comment: 'Upside down.', at: expect.any(Date) },
    ]);
    expect(JSON.stringify(detail)).not.toContain(userId);
  });

  it.each<[string, (labelIds: string[], ids: string[]) => ReviewContent, RegExp]>([
    ['leaves a label out', ([a]) => judged(verdicts([a ?? ''], [])), /verdicts: the label .* has no verdict/],
    [
      'judges a label twice',
      ([a = '', b = '']) => judged(verdicts([a, b, a], [])),
      /verdicts\[2\]\.labelId: .* is judged twice/,
    ],
    [
      'judges another task’s label',
      ([a = '', b = '']) => judged(verdicts([a, b, uuidv7()], [])),
      /verdicts\[2\]\.labelId: .* is not a label of the task under review/,
    ],
    [
      'rejects without saying why',
      ([a = '', b = '']) =>
        judged([
          { labelId: a, verdict: 'accepted', comment: '' },
          { labelId: b, verdict: 'rejected', comment: ' \n' },
        ]),
      /verdicts\[1\]\.comment: is empty: expected why the label is rejected/,
    ],
    [
      'answers with a demonstration where rankings are asked for',
      (labelIds) =>
        judged(verdicts(labelIds, []), { kind: 'demonstration', text: 'No.', prompt: null, checklist: [] }),
      /answer: is a demonstration: expected a ranking/,
    ],
    [
      'answers with a ranking that leaves a completion out',
      (labelIds, ids) => judged(verdicts(labelIds, []), { ...order(ids.slice(1)), ...REST }),
      /groups: completion . .* is not ranked/,
    ],
  ])('that %s is refused in one sentence, and nothing is written', async (_, wrong, message) => {
    const { project, labelIds, completionIds } = await ranked({ sampled: 1 }, 'A B C D', 'A B C D');
    const { api, work, userId } = await reviewer(project);
    await expect(send(api, work.assignment.id, wrong(labelIds, completionIds))).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(message),
    });
    expect(await db.select().from(reviews).where(eq(reviews.labelerId, userId))).toEqual([]);
    expect(await db.select().from(rankings).where(eq(rankings.labelerId, userId))).toEqual([]);
  });

  it('of one’s own label is refused, however it came into one’s hands', async () => {
    const { project, task, labelers, labelIds } = await ranked({ sampled: 1 }, 'A B C D');
    const [labeler] = labelers;
    const [review] = await reviewsOf(task.id);
    const [assignment] = await db
      .insert(assignments)
      .values({
        taskId: review?.id ?? '',
        projectId: project.id,
        kind: 'review',
        labelerId: labeler?.userId ?? '',
        leaseUntil: new Date(Date.now() + 60_000),
      })
      .returning();
    await expect(
      send(labeler?.api as Caller, assignment?.id ?? '', judged(verdicts(labelIds, []))),
    ).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'You labelled this task yourself: nobody reviews their own work. Skip it.',
    });
  });

  it('of a label that was edited meanwhile is refused, and the draft kept', async () => {
    const { project, id, labelers, labelIds } = await ranked({ sampled: 1 }, 'A B C D');
    const { api, work } = await reviewer(project);
    const draft = { kind: 'review' as const, verdicts: verdicts(labelIds, ['Wrong.']), answer: null };
    await api.labeling.saveDraft({ assignmentId: work.assignment.id, revision: 0, content: draft });
    const [labeler] = labelers;
    await labeler?.api.labeling.edit({
      assignmentId: labeler.assignmentId,
      idempotencyKey: key(),
      baseVersion: 1,
      content: { ...order([id('B')], [id('A')], [id('C'), id('D')]), ...REST },
    });
    await expect(send(api, work.assignment.id, judged(draft.verdicts))).rejects.toMatchObject({
      code: 'CONFLICT',
      message:
        'A label was changed by its labeler while you judged it: reload to judge the new version. What you did is kept.',
    });
    const reloaded = await take(api, project.id);
    expect(reloaded.assignment.id).toBe(work.assignment.id);
    expect(reloaded.draft.content).toEqual(draft);
    // What the draft was about is shown as the older version that it is.
    const shown = reloaded.review?.labels.map(({ labelId, number, current }) => [labelId, number, current]);
    expect(shown).toEqual([
      [labelIds[0], 1, false],
      [expect.not.stringMatching(labelIds[0] ?? ''), 1, true],
    ]);
  });

  it('edited, replaces the reviewer’s answer too, and keeps the older one to be read', async () => {
    const { project, id, labelIds } = await ranked({ sampled: 1 }, 'A B C D', 'D C B A');
    const { api, work, userId } = await reviewer(project);
    const assignmentId = work.assignment.id;
    const answers = ['AB C D', 'B A CD'].map((letters) => ({
      ...order(...letters.split(' ').map((group) => [...group].map(id))),
      ...REST,
    }));
    await send(api, assignmentId, judged(verdicts(labelIds, ['', 'No.']), answers[0]));
    const edit = (baseVersion: number, content: ReviewContent) =>
      api.labeling.edit({ assignmentId, idempotencyKey: key(), baseVersion, content });
    expect(await edit(1, judged(verdicts(labelIds, ['Nor this.', 'No.']), answers[1]))).toMatchObject({
      version: 2,
    });
    const current = () =>
      db
        .select({ groups: rankings.groups, version: rankings.version })
        .from(rankings)
        .where(and(eq(rankings.labelerId, userId), isNull(rankings.supersededAt)));
    expect(await current()).toEqual([{ groups: answers[1]?.groups, version: 2 }]);
    // A version without an answer leaves none standing; the next may have one again.
    await edit(2, judged(verdicts(labelIds, ['Nor this.', 'No.'])));
    expect(await current()).toEqual([]);
    await edit(3, judged(verdicts(labelIds, []), answers[0]));
    expect(await current()).toEqual([{ groups: answers[0]?.groups, version: 4 }]);
    const detail = await api.labeling.historyItem({ assignmentId });
    const contents = detail.versions.map(({ content }) => (content.kind === 'review' ? content : null));
    expect(contents.map((content) => content?.answer?.kind === 'ranking' && content.answer.groups)).toEqual([
      answers[0]?.groups,
      false,
      answers[1]?.groups,
      answers[0]?.groups,
    ]);
  });

  it('read in the history shows the versions that were judged, and which of them stand', async () => {
    const { project, id, labelers, labelIds } = await ranked({ sampled: 1 }, 'A B C D', 'D C B A');
    const { api, work } = await reviewer(project);
    await send(api, work.assignment.id, judged(verdicts(labelIds, ['Wrong way round.', ''])));
    const [labeler] = labelers;
    const { labelId: mended } = (await labeler?.api.labeling.edit({
      assignmentId: labeler.assignmentId,
      idempotencyKey: key(),
      baseVersion: 1,
      content: { ...order([id('D')], [id('C')], [id('B')], [id('A')]), ...REST },
    })) ?? { labelId: '' };
    const { review } = await api.labeling.historyItem({ assignmentId: work.assignment.id });
    expect(review?.labels.map(({ labelId, number, current }) => [labelId, number, current])).toEqual([
      [labelIds[0], 1, false],
      [mended, 1, true],
      [labelIds[1], 2, true],
    ]);
  });

  it('of prompts that labelers wrote judges each with its own, and answers the one that was judged', async () => {
    const project = await seedProject(db, { settings: { review: { ...OFF, sampled: 1 } } });
    const brief = { form: 'plain' as const, instruction: 'Ask for a recipe.' };
    const made = await db
      .insert(tasks)
      .values(
        [1, 2].map((wantedLabels) => ({
          projectId: project.id,
          brief,
          kind: 'demonstration' as const,
          wantedLabels,
        })),
      )
      .returning();
    const asks = (text: string) => [{ role: 'user' as const, content: text }];
    const labelIds: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { api } = await person(db, 'contractor', project.id);
      for (let j = 0; j < 2; j++) {
        const next = await api.labeling.next({ projectId: project.id, kind: 'demonstration' });
        if (next.status !== 'work') continue;
        const content = {
          kind: 'demonstration' as const,
          text: 'Bread.',
          prompt: asks(`Recipe ${i}${j}?`),
          checklist: [],
        };
        labelIds.push((await send(api, next.work.assignment.id, content)).labelId);
      }
    }
    const single = made.find(({ wantedLabels }) => wantedLabels === 1);
    const { api } = await person(db, 'researcher', project.id);
    for (let i = 0; i < 2; i++) {
      const work = await take(api, project.id, 'review');
      const { labels = [], answerable } = work.review ?? {};
      const ids = labels.map(({ labelId }) => labelId);
      const answer = { kind: 'demonstration' as const, text: 'Better bread.', prompt: null, checklist: [] };
      expect(answerable).toBe(labels.length === 1);
      if (labels.length === 1) await send(api, work.assignment.id, judged(verdicts(ids, []), answer));
      else {
        await expect(send(api, work.assignment.id, judged(verdicts(ids, []), answer))).rejects.toMatchObject({
          message: 'answer: each label answers a prompt of its own here: expected verdicts alone.',
        });
        await send(api, work.assignment.id, judged(verdicts(ids, [])));
      }
    }
    const [first] = await db
      .select()
      .from(demonstrations)
      .where(eq(demonstrations.taskId, single?.id ?? ''));
    const [own] = await db.select().from(demonstrations).where(eq(demonstrations.text, 'Better bread.'));
    expect(own?.promptId).toBe(first?.promptId);
    expect(labelIds).toHaveLength(3);
  });
});

describe('a dataset version frozen after reviews', () => {
  let world: Awaited<ReturnType<typeof ranked>>;
  beforeEach(async () => {
    world = await ranked({ sampled: 1 }, 'A B C D', 'D C B A');
  });

  async function freeze() {
    const version = await freezeDataset(db, {
      projectId: world.project.id,
      kind: 'rankings',
      createdBy: null,
    });
    const held = await db
      .select({ id: datasetVersionLabels.labelId })
      .from(datasetVersionLabels)
      .where(eq(datasetVersionLabels.datasetVersionId, version.id));
    return { version, held: held.map(({ id }) => id) };
  }

  it('leaves the rejected out, holds the reviewer’s answer, and tells how many stayed out and why', async () => {
    const { project, id, labelIds, labelers } = world;
    const before = await freeze();
    expect(before.held).toEqual(labelIds);
    expect(before.version.leftOut).toEqual({});
    const { api, work, userId } = await reviewer(project);
    const answer = { ...order([id('A')], [id('C')], [id('B'), id('D')]), ...REST };
    await send(api, work.assignment.id, judged(verdicts(labelIds, ['', 'Upside down.']), answer));
    const [own] = await db.select().from(rankings).where(eq(rankings.labelerId, userId));
    const after = await freeze();
    expect(after.held).toEqual([labelIds[0], own?.id]);
    expect(after.version).toMatchObject({ leftOut: { rejected: 1 }, counts: { total: 2 } });
    // The version from before stays as it was.
    const { api: researcher } = await person(db, 'researcher', project.id);
    expect(await researcher.datasets.verify({ versionId: before.version.id })).toMatchObject({
      unchanged: true,
    });
    // What a version holds can no longer be changed: not the answer, nor the review that it came with.
    await expect(
      api.labeling.edit({
        assignmentId: work.assignment.id,
        idempotencyKey: key(),
        baseVersion: 1,
        content: judged(verdicts(labelIds, [])),
      }),
    ).rejects.toMatchObject({
      code: 'CONFLICT',
      message: /The answer given with this review is frozen into/,
    });
    const detail = await api.labeling.historyItem({ assignmentId: work.assignment.id });
    expect(detail.frozenInto.map(({ id: version }) => version)).toEqual([after.version.id]);

    const [first] = labelers;
    await db
      .update(memberships)
      .set({ standing: 'revoked' })
      .where(and(eq(memberships.userId, first?.userId ?? ''), eq(memberships.projectId, project.id)));
    const revoked = await freeze();
    expect(revoked.held).toEqual([own?.id]);
    expect(revoked.version.leftOut).toEqual({ rejected: 1, revoked: 1 });
  });

  it('takes an accepted label back in once its review is changed', async () => {
    const { project, labelIds } = world;
    const { api, work } = await reviewer(project);
    await send(api, work.assignment.id, judged(verdicts(labelIds, ['No.', 'No.'])));
    await expect(freeze()).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'There are no rankings to freeze: every one is left out (2 rejected in review).',
    });
    // Two versions that reject and one that accepts are one review: the last one is what it says.
    for (const [index, said] of ['No, really.', ''].entries()) {
      await api.labeling.edit({
        assignmentId: work.assignment.id,
        idempotencyKey: key(),
        baseVersion: index + 1,
        content: judged(verdicts(labelIds, ['No.', said])),
      });
    }
    expect((await freeze()).held).toEqual([labelIds[1]]);
  });

  it('waits for a mended label to be judged again, by a review that the edit calls for', async () => {
    const { project, task, id, labelers, labelIds } = world;
    const first = await reviewer(project);
    await send(first.api, first.work.assignment.id, judged(verdicts(labelIds, ['', 'Upside down.'])));
    const [good, bad] = labelers;
    const mend = (labeler: typeof good, ...groups: string[][]) =>
      labeler?.api.labeling.edit({
        assignmentId: labeler.assignmentId,
        idempotencyKey: key(),
        baseVersion: 1,
        content: { ...order(...groups), ...REST },
      });
    // An accepted label that is edited stays in, and calls for nothing.
    const kept = await mend(good, [id('A')], [id('B')], [id('C'), id('D')]);
    expect((await reviewsOf(task.id))[0]).toMatchObject({ wantedLabels: 1, taken: 1 });
    const mended = await mend(bad, [id('A')], [id('B')], [id('D')], [id('C')]);
    expect((await reviewsOf(task.id))[0]).toMatchObject({ wantedLabels: 2, taken: 1 });
    expect((await freeze()).held).toEqual([kept?.labelId]);

    const second = await reviewer(project);
    const ids = second.work.review?.labels.map(({ labelId }) => labelId) ?? [];
    expect([...ids].sort()).toEqual([kept?.labelId, mended?.labelId].sort());
    await send(second.api, second.work.assignment.id, judged(verdicts(ids, [])));
    const { held, version } = await freeze();
    expect([...held].sort()).toEqual([kept?.labelId, mended?.labelId].sort());
    expect(version.leftOut).toEqual({});
  });

  it('goes by the majority of several reviews, and by the latest where they are even', async () => {
    const { project, task, labelIds } = world;
    await db.update(tasks).set({ wantedLabels: 3 }).where(eq(tasks.subjectTaskId, task.id));
    const review = async (...said: string[]) => {
      const { api, work } = await reviewer(project);
      await send(api, work.assignment.id, judged(verdicts(labelIds, said)));
    };
    await review('No.', '');
    expect((await freeze()).held).toEqual([labelIds[1]]);
    // Even now, one against one: the latest decides.
    await review('', 'No.');
    expect((await freeze()).held).toEqual([labelIds[0]]);
    await review('No.', '');
    expect((await freeze()).held).toEqual([labelIds[1]]);
  });

  it('does not go by a review that came late', async () => {
    const { project, labelIds } = world;
    const slow = await reviewer(project);
    await db
      .update(assignments)
      .set({ leaseUntil: new Date(0) })
      .where(eq(assignments.id, slow.work.assignment.id));
    const quick = await reviewer(project);
    await send(quick.api, quick.work.assignment.id, judged(verdicts(labelIds, [])));
    const late = await send(slow.api, slow.work.assignment.id, judged(verdicts(labelIds, ['No.', 'No.'])));
    expect(late.state).toBe('late');
    expect((await freeze()).held).toEqual(labelIds);
  });
});
