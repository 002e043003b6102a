import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { completions, taskCompletions, tasks } from '@/db/schema.ts';
import { seedProject } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { DEFAULT_SETTINGS } from './schemas.ts';

const { db } = await openTestDatabase();

const line = (value: object) => JSON.stringify(value);
const good = {
  prompt: 'Which is a fruit?',
  completions: ['An apple.', 'A stone.', 'A pear.'],
  ranks: [1, 3, 1],
};

async function setting() {
  const { id: projectId } = await seedProject(db);
  const { api } = await person(db, 'admin');
  const upload = (text: string, purpose: 'gold' | 'screening' = 'gold') =>
    api.projects.uploadKnown({ projectId, purpose, fileName: 'known.jsonl', text });
  return { projectId, api, upload };
}

describe('an upload of known answers', () => {
  it('becomes tasks for everybody, with the answer by completion, ties together', async () => {
    const { projectId, upload } = await setting();
    const native = { ...good, group_id: 'g', labeler: 'l', split: 'train' };
    expect(await upload(`${line(native)}\n`, 'screening')).toEqual({ tasks: 1, existing: 0 });
    const [task] = await db.select().from(tasks).where(eq(tasks.projectId, projectId));
    expect(task).toMatchObject({
      kind: 'ranking',
      purpose: 'screening',
      wantedLabels: 10_000,
      state: 'open',
    });
    const rows = await db
      .select({ id: completions.id, text: completions.text })
      .from(taskCompletions)
      .innerJoin(completions, eq(completions.id, taskCompletions.completionId))
      .where(eq(taskCompletions.taskId, task?.id ?? ''));
    const textOf = new Map(rows.map(({ id, text }) => [id, text]));
    expect(groupsOf(task).map((group) => group.map((id) => textOf.get(id)))).toEqual([
      ['An apple.', 'A pear.'],
      ['A stone.'],
    ]);
  });

  it('sent again makes nothing twice, but the same rankings may be gold and screening', async () => {
    const { upload } = await setting();
    const other = { prompt: 'Which is a fruit?', completions: ['A plum.', 'A brick.'], ranks: [1, 2] };
    expect(await upload(`${line(good)}\n${line(good)}`)).toEqual({ tasks: 1, existing: 1 });
    expect(await upload(`${line(good)}\n${line(other)}`)).toEqual({ tasks: 1, existing: 1 });
    expect(await upload(line(good), 'screening')).toEqual({ tasks: 1, existing: 0 });
  });

  it('does not tell the answer by the order of ids', async () => {
    const { projectId, upload } = await setting();
    const lines = Array.from({ length: 30 }, (_, i) =>
      line({ prompt: `Question ${i}?`, completions: ['Yes.', 'Perhaps.', 'No.'], ranks: [1, 2, 3] }),
    );
    await upload(lines.join('\n'));
    const made = await db.select().from(tasks).where(eq(tasks.projectId, projectId));
    const inOrder = made.filter((task) => {
      const ids = groupsOf(task).flat();
      return ids.join() === [...ids].sort().join();
    });
    // Five of 30 on average; all of them would be the giveaway, and 20 come less than once in 10^8.
    expect(inOrder.length).toBeLessThan(20);
  });

  it.each([
    ['not JSON', '{', /^known\.jsonl:2: not JSON/],
    ['a misspelt field', line({ ...good, rank: [1] }), /^known\.jsonl:2: .*rank/],
    ['a rank too few', line({ ...good, ranks: [1, 2] }), /^known\.jsonl:2: ranks: expected 3 numbers/],
    ['all tied', line({ ...good, ranks: [1, 1, 1] }), /^known\.jsonl:2: ranks: ties all completions/],
    [
      'a text twice',
      line({ ...good, completions: ['a', 'a', 'b'] }),
      /^known\.jsonl:2: completions\[1\]: is the same/,
    ],
    ['one completion', line({ ...good, completions: ['a'], ranks: [1] }), /^known\.jsonl:2: completions/],
  ])('with %s is refused with file and line, and nothing is written', async (_, second, says) => {
    const { projectId, upload } = await setting();
    await expect(upload(`${line(good)}\n${second}`)).rejects.toThrow(says);
    expect(await db.select().from(tasks).where(eq(tasks.projectId, projectId))).toEqual([]);
  });
});

it('known tasks are listed with how often and how well they were answered, and closed ones go to nobody', async () => {
  const { projectId, api, upload } = await setting();
  await upload(line(good), 'screening');
  const settings = DEFAULT_SETTINGS;
  await api.projects.update({ projectId, settings: { ...settings, screening: { tasks: 2, pass: 0.9 } } });
  const people = [await person(db, 'contractor', projectId), await person(db, 'contractor', projectId)];
  for (const [index, { api: labeler }] of people.entries()) {
    const next = await labeler.labeling.next({ projectId });
    if (next.status !== 'work') throw new Error(next.reason);
    const { assignment, completions: shown } = next.work;
    const groups = shown
      .map(({ id }) => [id])
      .sort(([a = ''], [b = '']) => textRank(shown, a) - textRank(shown, b));
    if (index === 1) groups.reverse();
    await labeler.labeling.submit({
      assignmentId: assignment.id,
      idempotencyKey: uuidv7(),
      content: { kind: 'ranking', groups },
    });
  }
  const { items, total } = await api.projects.knownTasks({ projectId });
  expect(total).toBe(1);
  expect(items[0]).toMatchObject({ completions: 3, answered: 2, accuracy: 0.5, state: 'open' });
  const members = await api.projects.members({ projectId });
  expect(members.map(({ screening }) => screening?.accuracy).sort()).toEqual([0, 1]);

  await api.projects.setKnownState({ projectId, taskId: items[0]?.id ?? '', state: 'closed' });
  const late = await person(db, 'contractor', projectId);
  expect(await late.api.labeling.next({ projectId })).toMatchObject({ status: 'empty' });

  // A rule that those who passed meet lets them on at once.
  await api.projects.update({ projectId, settings: { ...settings, screening: { tasks: 1, pass: 0.9 } } });
  const passed = (await api.projects.members({ projectId })).filter(({ screenedAt }) => screenedAt !== null);
  expect(passed.map(({ userId }) => userId)).toEqual([people[0]?.user.id]);
});

it('how often known answers are mixed in is told to researchers, and to no contractor', async () => {
  const { projectId, api } = await setting();
  expect((await api.projects.get({ projectId })).settings?.gold).toEqual(DEFAULT_SETTINGS.gold);
  const { api: contractor } = await person(db, 'contractor', projectId);
  expect((await contractor.projects.get({ projectId })).settings).toBeNull();
  const lists = [await contractor.projects.list(), (await contractor.people.me())?.projects ?? []];
  for (const list of lists) expect(list.map(({ settings }) => settings)).toEqual([null]);
});

it('a brief makes tasks whose prompt the labeler writes, and a reviewer may be named', async () => {
  const { projectId, api } = await setting();
  const made = await api.projects.createBriefTasks({
    projectId,
    form: 'few_shot',
    instruction: 'An instruction with two examples.',
    count: 3,
  });
  expect(made).toEqual({ created: 3 });
  const { api: labeler, user } = await person(db, 'contractor', projectId);
  const next = await labeler.labeling.next({ projectId });
  expect(next).toMatchObject({
    work: { prompt: null, brief: { form: 'few_shot', instruction: 'An instruction with two examples.' } },
  });
  await api.projects.setReviewer({ projectId, userId: user.id, mayReview: true });
  expect(await api.projects.members({ projectId })).toMatchObject([{ mayReview: true }]);
  await expect(api.projects.setReviewer({ projectId, userId: uuidv7(), mayReview: true })).rejects.toThrow(
    'no member',
  );
});

function groupsOf(task: typeof tasks.$inferSelect | undefined): string[][] {
  return z.array(z.array(z.string())).parse(task?.gold?.groups);
}

function textRank(shown: { id: string; text: string }[], id: string): number {
  return good.ranks[good.completions.indexOf(shown.find((one) => one.id === id)?.text ?? '')] ?? 0;
}
