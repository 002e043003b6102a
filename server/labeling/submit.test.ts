import { and, eq, isNull } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { assignments, demonstrations, rankings, ratings } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedRankingTask, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { freezeDataset } from '@/server/datasets/freeze.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { type Caller, person } from '@/tests/support/people.ts';
import type { Work } from './work.ts';

const { db } = await openTestDatabase();

async function take(api: Caller, projectId: string): Promise<Work> {
  const next = await api.labeling.next({ projectId });
  if (next.status !== 'work') throw new Error(next.reason);
  return next.work;
}

async function rankingInHand(settings: Parameters<typeof seedProject>[1] = {}) {
  const project = await seedProject(db, settings);
  await seedRankingTask(db, project.id, { completions: 4 });
  const { user, api } = await person(db, 'contractor', project.id);
  const work = await take(api, project.id);
  const ids = work.completions.map((completion) => completion.id);
  const [a = '', b = '', c = '', d = ''] = ids;
  return { project, user, api, assignmentId: work.assignment.id, ids, a, b, c, d };
}

async function demonstrationInHand() {
  const project = await seedProject(db, { guideline: '# Be kind' });
  const prompt = await seedPrompt(db, project.id, 'What is slate?');
  await seedTask(db, prompt);
  const { user, api } = await person(db, 'contractor', project.id);
  const work = await take(api, project.id);
  return { project, prompt, user, api, work, assignmentId: work.assignment.id };
}

const key = () => uuidv7();

describe('a ranking', () => {
  it('is stored exactly as sent: groups, ties, strengths, ratings, flags', async () => {
    const { api, assignmentId, a, b, c, d } = await rankingInHand();
    const { labelId } = await api.labeling.submit({
      assignmentId,
      idempotencyKey: key(),
      activeSeconds: 42.5,
      content: {
        kind: 'ranking',
        groups: [[c], [a, d], [b]],
        strengths: ['significant', 'slight'],
        ratings: [
          { completionId: c, overall: 7 },
          { completionId: b, overall: 1, flags: ['harmful', 'broken'] },
          { completionId: a },
        ],
        allBad: true,
        note: 'close call',
      },
    });
    const [stored] = await db.select().from(rankings).where(eq(rankings.id, labelId));
    expect(stored).toMatchObject({
      groups: [[c], [a, d], [b]],
      strengths: ['significant', 'slight'],
      allBad: true,
      note: 'close call',
      activeSeconds: 42.5,
      version: 1,
      late: false,
    });
    const given = await db.select().from(ratings).where(eq(ratings.rankingId, labelId));
    expect(given.map(({ completionId, overall, flags }) => [completionId, overall, flags]).sort()).toEqual(
      [
        [c, 7, []],
        [b, 1, ['harmful', 'broken']],
      ].sort(),
    );
  });

  it.each([
    [
      'a completion twice',
      (r: Ids) => ({ groups: [[r.a], [r.b, r.a], [r.c], [r.d]] }),
      /groups\[1\]\[1\]: completion A .* ranked twice, first at groups\[0\]\[0\]/,
    ],
    [
      'a completion not at all',
      (r: Ids) => ({ groups: [[r.a], [r.b], [r.d]] }),
      /groups: completion C .* is not ranked/,
    ],
    [
      'a foreign completion',
      (r: Ids) => ({ groups: [[r.a], [r.b], [r.c], [r.d], [r.other]] }),
      /groups\[4\]\[0\]: the completion .* is not one of this task’s/,
    ],
    [
      'an empty group',
      (r: Ids) => ({ groups: [[r.a, r.b, r.c, r.d], []] }),
      /groups\[1\]: is an empty group/,
    ],
    [
      'too many strengths',
      (r: Ids) => ({ groups: [[r.a], [r.b, r.c, r.d]], strengths: ['better', 'better'] as const }),
      /strengths: expected 1, .* not 2/,
    ],
    [
      'an unknown strength',
      (r: Ids) => ({ groups: [[r.a], [r.b, r.c, r.d]], strengths: ['huge'] }),
      /strengths\[0\]: /,
    ],
    [
      'a rating of 8',
      (r: Ids) => ({ groups: [[r.a, r.b, r.c, r.d]], ratings: [{ completionId: r.a, overall: 8 }] }),
      /ratings\[0\]\.overall: /,
    ],
    [
      'a foreign rating',
      (r: Ids) => ({ groups: [[r.a, r.b, r.c, r.d]], ratings: [{ completionId: r.other, overall: 3 }] }),
      /ratings\[0\]\.completionId: the completion .* not one/,
    ],
    [
      'an unknown field',
      (r: Ids) => ({ groups: [[r.a, r.b, r.c, r.d]], order: [1] }),
      /[Uu]nrecognized key: "order"/,
    ],
  ])('that has %s is refused in one sentence, and nothing is written', async (_, wrong, message) => {
    const { api, assignmentId, a, b, c, d } = await rankingInHand();
    const content = { kind: 'ranking' as const, ...wrong({ a, b, c, d, other: uuidv7() }) };
    const input = { assignmentId, idempotencyKey: key(), content };
    await expect(api.labeling.submit(input)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(message),
    });
    expect(await db.select().from(rankings).where(eq(rankings.assignmentId, assignmentId))).toEqual([]);
    const [still] = await db.select().from(assignments).where(eq(assignments.id, assignmentId));
    expect(still?.state).toBe('active');
  });

  it('needs strengths and ratings where the project requires them', async () => {
    const { api, assignmentId, a, b, c, d } = await rankingInHand({
      settings: { strengths: true, ratings: 'required' },
    });
    const send = (more: object) =>
      api.labeling.submit({
        assignmentId,
        idempotencyKey: key(),
        content: {
          kind: 'ranking',
          groups: [
            [a, b],
            [c, d],
          ],
          ...more,
        },
      });
    await expect(send({})).rejects.toThrow(/strengths: missing/);
    const ratings = [a, b, c].map((completionId) => ({ completionId, overall: 4 }));
    await expect(send({ strengths: ['better'], ratings })).rejects.toThrow(
      /ratings: completion D .* has no rating/,
    );
  });
});

interface Ids {
  a: string;
  b: string;
  c: string;
  d: string;
  other: string;
}

describe('a submission', () => {
  it('sent ten times at once with one key is stored once', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    const idempotencyKey = key();
    const sent = await Promise.all(
      Array.from({ length: 10 }, () =>
        api.labeling.submit({
          assignmentId,
          idempotencyKey,
          content: { kind: 'demonstration', text: 'A fine-grained rock.' },
        }),
      ),
    );
    expect(new Set(sent.map((result) => result.labelId)).size).toBe(1);
    expect(sent.filter((result) => !result.repeated).length).toBe(1);
    expect(
      (await db.select().from(demonstrations).where(eq(demonstrations.assignmentId, assignmentId))).length,
    ).toBe(1);
  });

  it('with another key, after the first, is a conflict and not a second label', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    await api.labeling.submit({
      assignmentId,
      idempotencyKey: key(),
      content: { kind: 'demonstration', text: 'one' },
    });
    await expect(
      api.labeling.submit({
        assignmentId,
        idempotencyKey: key(),
        content: { kind: 'demonstration', text: 'two' },
      }),
    ).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('for another person’s assignment is refused as if it did not exist', async () => {
    const { project, assignmentId } = await demonstrationInHand();
    const other = await person(db, 'contractor', project.id);
    const text = 'not mine';
    await expect(
      other.api.labeling.submit({
        assignmentId,
        idempotencyKey: key(),
        content: { kind: 'demonstration', text },
      }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('of nothing but white space is refused', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    await expect(
      api.labeling.submit({
        assignmentId,
        idempotencyKey: key(),
        content: { kind: 'demonstration', text: ' \n\t ' },
      }),
    ).rejects.toMatchObject({ code: 'BAD_REQUEST', message: 'content.text: is empty: expected some text.' });
  });

  it('keeps 200 kB of markup, emoji and right-to-left text, letter for letter', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    const text = '<script>alert(1)</script> 🪨👩‍🔬 שלום \u200b "quoted" \\ \n'.repeat(3500);
    expect(text.length).toBeGreaterThan(180_000);
    const { labelId } = await api.labeling.submit({
      assignmentId,
      idempotencyKey: key(),
      content: { kind: 'demonstration', text },
    });
    const [stored] = await db.select().from(demonstrations).where(eq(demonstrations.id, labelId));
    expect(stored?.text === text).toBe(true);
  });

  it('stores what Postgres cannot hold as the replacement character', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    const content = { kind: 'demonstration' as const, text: 'a\0b\ud800c😀' };
    await api.labeling.saveDraft({ assignmentId, revision: 0, content });
    const [row] = await db.select().from(assignments).where(eq(assignments.id, assignmentId));
    expect(row?.draft).toMatchObject({ kind: 'demonstration', text: 'a\ufffdb\ufffdc😀' });
  });
});

describe('a draft', () => {
  it('saved on a stale revision is a conflict that gives back the server’s text', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    const draft = (text: string) => ({ kind: 'demonstration' as const, text });
    const first = await api.labeling.saveDraft({ assignmentId, revision: 0, content: draft('tab one') });
    expect(first).toMatchObject({ status: 'saved', revision: 1 });
    const second = await api.labeling.saveDraft({ assignmentId, revision: 0, content: draft('tab two') });
    expect(second).toMatchObject({ status: 'conflict', revision: 1, content: draft('tab one') });
    const merged = await api.labeling.saveDraft({ assignmentId, revision: 1, content: draft('both') });
    expect(merged).toMatchObject({ status: 'saved', revision: 2 });
  });

  it('of two tabs that save at once is one saved and one conflict, every time', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    for (let revision = 0; revision < 10; revision++) {
      const saved = await Promise.all(
        ['one', 'two'].map((text) =>
          api.labeling.saveDraft({ assignmentId, revision, content: { kind: 'demonstration', text } }),
        ),
      );
      expect(saved.map((result) => result.status).sort()).toEqual(['conflict', 'saved']);
    }
  });

  it('of a ranking for a demonstration is refused', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    await expect(
      api.labeling.saveDraft({ assignmentId, revision: 0, content: { kind: 'ranking', groups: [] } }),
    ).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('and the guideline come with the task on a reload', async () => {
    const { api, project, assignmentId, prompt } = await demonstrationInHand();
    await api.labeling.saveDraft({
      assignmentId,
      revision: 0,
      content: { kind: 'demonstration', text: 'so far' },
    });
    const work = await take(api, project.id);
    expect(work.draft.content).toMatchObject({ kind: 'demonstration', text: 'so far' });
    expect(work.guideline).toMatchObject({ version: 1, markdown: '# Be kind' });
    expect(work.prompt).toEqual({ id: prompt.id, messages: [{ role: 'user', content: 'What is slate?' }] });
  });
});

describe('skipping', () => {
  it('frees the task for others, keeps the draft, and is undone with it', async () => {
    const { api, project, assignmentId } = await demonstrationInHand();
    const content = { kind: 'demonstration' as const, text: 'begun' };
    await api.labeling.saveDraft({ assignmentId, revision: 0, content });
    await api.labeling.skip({ assignmentId, reason: 'too_hard' });
    expect((await api.labeling.next({ projectId: project.id })).status).toBe('empty');
    const work = await api.labeling.undoSkip({ assignmentId });
    expect(work.draft.content).toMatchObject(content);
    expect(work.assignment.id).toBe(assignmentId);

    await api.labeling.skip({ assignmentId, reason: 'too_hard' });
    const other = await person(db, 'contractor', project.id);
    expect((await take(other.api, project.id)).assignment.taskId).toBe(work.assignment.taskId);
    await expect(api.labeling.undoSkip({ assignmentId })).rejects.toMatchObject({ code: 'CONFLICT' });
    const researcher = await person(db, 'researcher', project.id);
    const { skipReasons } = await researcher.api.projects.progress({ projectId: project.id });
    expect(skipReasons).toEqual([{ reason: 'too_hard', count: 1 }]);
  });

  it('undone after the next task was handed out gives that one back untouched', async () => {
    const { api, project, assignmentId } = await demonstrationInHand();
    const second = await seedTask(db, await seedPrompt(db, project.id));
    await api.labeling.skip({ assignmentId, reason: 'unclear' });
    expect((await take(api, project.id)).assignment.taskId).toBe(second.id);
    expect((await api.labeling.undoSkip({ assignmentId })).assignment.id).toBe(assignmentId);
    const other = await person(db, 'contractor', project.id);
    expect((await take(other.api, project.id)).assignment.taskId).toBe(second.id);
  });
});

describe('an edit', () => {
  it('is a new version, and the older text stays readable', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    await api.labeling.submit({
      assignmentId,
      idempotencyKey: key(),
      content: { kind: 'demonstration', text: 'first' },
    });
    const content = { kind: 'demonstration' as const, text: 'second' };
    const edit = { assignmentId, idempotencyKey: key(), baseVersion: 1, content };
    const edited = await api.labeling.edit(edit);
    expect(edited.version).toBe(2);
    expect(await api.labeling.edit(edit)).toEqual(edited);
    await expect(
      api.labeling.edit({ ...edit, idempotencyKey: key(), content: { ...content, text: 'stale' } }),
    ).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringMatching(/at version 2, not 1/) });
    const item = await api.labeling.historyItem({ assignmentId });
    expect(
      item.versions.map(({ version, content }) => [
        version,
        content.kind === 'demonstration' && content.text,
      ]),
    ).toEqual([
      [2, 'second'],
      [1, 'first'],
    ]);
    const current = and(eq(demonstrations.assignmentId, assignmentId), isNull(demonstrations.supersededAt));
    expect((await db.select().from(demonstrations).where(current)).length).toBe(1);
  });

  it('of a frozen label is refused, naming the dataset version', async () => {
    const { api, project, assignmentId, a, b, c, d } = await rankingInHand();
    await api.labeling.submit({
      assignmentId,
      idempotencyKey: key(),
      content: { kind: 'ranking', groups: [[a, b, c, d]] },
    });
    await freezeDataset(db, { projectId: project.id, kind: 'rankings', name: 'Pilot', createdBy: null });
    await expect(
      api.labeling.edit({
        assignmentId,
        idempotencyKey: key(),
        baseVersion: 1,
        content: { kind: 'ranking', groups: [[d], [a, b, c]] },
      }),
    ).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringMatching(/“Pilot”/) });
  });

  it('cannot be made around the server: the database refuses to overwrite or delete a label', async () => {
    const { api, assignmentId } = await demonstrationInHand();
    const { labelId } = await api.labeling.submit({
      assignmentId,
      idempotencyKey: key(),
      content: { kind: 'demonstration', text: 'kept' },
    });
    const refused = { cause: { message: expect.stringMatching(/never overwritten or deleted/) } };
    const mine = eq(demonstrations.id, labelId);
    await expect(db.update(demonstrations).set({ text: 'gone' }).where(mine)).rejects.toMatchObject(refused);
    await expect(db.delete(demonstrations).where(mine)).rejects.toMatchObject(refused);
  });
});

describe('history and statistics', () => {
  it('list one’s own work only, newest first, by words', async () => {
    const { api, project, assignmentId } = await demonstrationInHand();
    await api.labeling.submit({
      assignmentId,
      idempotencyKey: key(),
      content: { kind: 'demonstration', text: 'A rock, 100 % natural.' },
    });
    const other = await person(db, 'contractor', project.id);
    expect((await other.api.labeling.history({})).items).toEqual([]);
    const { items } = await api.labeling.history({ search: '100 %' });
    expect(items.map((item) => [item.assignmentId, item.prompt, item.text, item.version])).toEqual([
      [assignmentId, 'What is slate?', 'A rock, 100 % natural.', 1],
    ]);
    expect((await api.labeling.history({ search: '100 _' })).items).toEqual([]);
    await expect(other.api.labeling.historyItem({ assignmentId })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('count agreement on the pairs that neither ranking ties', async () => {
    const project = await seedProject(db, {
      settings: { wantedLabels: { demonstration: 1, ranking: 2, review: 1 } },
    });
    const { completionIds } = await seedRankingTask(db, project.id, { completions: 3, wantedLabels: 2 });
    const [a = '', b = '', c = ''] = completionIds;
    const rank = async (groups: string[][]) => {
      const { api } = await person(db, 'contractor', project.id);
      const { assignment } = await take(api, project.id);
      await api.labeling.submit({
        assignmentId: assignment.id,
        idempotencyKey: key(),
        content: { kind: 'ranking', groups },
      });
      return api;
    };
    const first = await rank([[a], [b], [c]]);
    await rank([[a], [c], [b]]);
    const stats = await first.labeling.stats({ projectId: project.id });
    expect(stats.agreement).toMatchObject({ pairs: 3, rate: 2 / 3, tasks: 1 });
    expect(stats.byKind).toMatchObject([{ kind: 'ranking', today: 1, total: 1, skipped: 0 }]);
  });
});
