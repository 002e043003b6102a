import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { assignments, rankings } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';

const { db } = await openTestDatabase();

/** A ranking of three in somebody's hands, with a draft; and a completion of the same prompt that is in no task of it. */
async function inHand() {
  const project = await seedProject(db, { settings: { strengths: true, ratings: 'required' } });
  const prompt = await seedPrompt(db, project.id);
  const completionIds: string[] = [];
  for (let at = 0; at < 3; at++) completionIds.push((await seedCompletion(db, prompt)).id);
  await seedTask(db, prompt, { completionIds });
  const sibling = (await seedCompletion(db, prompt)).id;
  const { user, api } = await person(db, 'contractor', project.id);
  const next = await api.labeling.next({ projectId: project.id });
  if (next.status !== 'work') throw new Error(next.reason);
  const assignmentId = next.work.assignment.id;
  const [a = '', b = '', c = ''] = next.work.completions.map(({ id }) => id);
  const draft = {
    kind: 'ranking' as const,
    groups: [[b], [a]],
    strengths: ['better' as const],
    allBad: false,
    ratings: [{ completionId: a, overall: 2, flags: ['broken' as const] }],
    note: 'not done yet',
  };
  await api.labeling.saveDraft({ assignmentId, revision: 0, content: draft, activeSeconds: 3 });
  const good = {
    kind: 'ranking' as const,
    groups: [[b], [a, c]],
    strengths: ['better' as const],
    ratings: [a, b, c].map((completionId) => ({ completionId, overall: 4 })),
  };
  return { user, api, assignmentId, a, b, c, sibling, draft, good };
}

type InHand = Awaited<ReturnType<typeof inHand>>;

describe('a ranking that is refused', () => {
  it.each<[string, (hand: InHand) => object, RegExp]>([
    [
      'holds a completion of the same prompt that is not of the task',
      ({ good, a, b, sibling }) => ({ ...good, groups: [[b], [a, sibling]] }),
      /^groups\[1\]\[1\]: the completion .* is not one of this task’s\.$/,
    ],
    [
      'holds one more than the task',
      ({ good, a, b, c, sibling }) => ({ ...good, groups: [[b], [a, c, sibling]] }),
      /^groups\[1\]\[2\]: the completion .* is not one of this task’s\.$/,
    ],
    [
      'holds one twice',
      ({ good, a, b, c }) => ({
        ...good,
        groups: [
          [b, a],
          [a, c],
        ],
      }),
      /^groups\[1\]\[0\]: completion A .* is ranked twice, first at groups\[0\]\[1\]\.$/,
    ],
    [
      'leaves one out',
      ({ good, a, b }) => ({ ...good, groups: [[b], [a]] }),
      /^groups: completion C .* is not ranked: expected every completion of the task exactly once\.$/,
    ],
    [
      'brings its own shown order',
      ({ good, a, b, c }) => ({ ...good, shownOrder: [c, b, a] }),
      /^Unrecognized key: "shownOrder"|shownOrder/,
    ],
    [
      'has a strength too many',
      ({ good }) => ({ ...good, strengths: ['better', 'better'] }),
      /^strengths: expected 1, one between each group and the next, not 2\.$/,
    ],
    [
      'has a strength too few',
      ({ good }) => ({ ...good, strengths: [] }),
      /^strengths: expected 1, one between each group and the next, not 0\.$/,
    ],
    [
      'has no strengths where they are asked for',
      ({ good }) => ({ ...good, strengths: null }),
      /^strengths: missing: /,
    ],
    [
      'rates a completion that is not of the task',
      ({ good, sibling }) => ({
        ...good,
        ratings: [...good.ratings, { completionId: sibling, overall: 7 }],
      }),
      /^ratings\[3\]\.completionId: the completion .* is not one of this task’s\.$/,
    ],
    [
      'rates one twice',
      ({ good, a }) => ({ ...good, ratings: [...good.ratings, { completionId: a, overall: 7 }] }),
      /^ratings\[3\]\.completionId: completion A .* is rated twice\.$/,
    ],
    [
      'rates one not at all where that is required',
      ({ good }) => ({ ...good, ratings: good.ratings.slice(1) }),
      /^ratings: completion A .* has no rating: /,
    ],
    [
      'gives a flag twice',
      ({ good, a }) => ({
        ...good,
        ratings: [{ completionId: a, overall: 1, flags: ['harmful', 'harmful'] }, ...good.ratings.slice(1)],
      }),
      /^ratings\[0\]\.flags: completion A .* has the flag harmful twice\.$/,
    ],
  ])(
    'since it %s: one sentence says so, nothing is written, and the draft is kept',
    async (_, wrong, says) => {
      const hand = await inHand();
      const { api, assignmentId, draft } = hand;
      const content = wrong(hand) as typeof hand.good;
      await expect(
        api.labeling.submit({ assignmentId, idempotencyKey: uuidv7(), content }),
      ).rejects.toMatchObject({ code: 'BAD_REQUEST', message: expect.stringMatching(says) });
      expect(await db.$count(rankings, eq(rankings.assignmentId, assignmentId))).toBe(0);
      const [after] = await db.select().from(assignments).where(eq(assignments.id, assignmentId));
      expect(after).toMatchObject({ state: 'active', draft, draftRevision: 1 });
    },
  );
});

it('is stored under the order that was shown when it was handed out, whatever is sent', async () => {
  const { api, assignmentId, a, b, c, good } = await inHand();
  // Ids alone say what is meant: sent in any sequence, the same groups are the same ranking.
  await api.labeling.submit({
    assignmentId,
    idempotencyKey: uuidv7(),
    content: { ...good, groups: [[b], [c, a]], ratings: good.ratings.toReversed() },
  });
  const [after] = await db.select().from(assignments).where(eq(assignments.id, assignmentId));
  expect(after?.shownOrder).toEqual([a, b, c]);
  const [stored] = await db.select().from(rankings).where(eq(rankings.assignmentId, assignmentId));
  expect(stored?.groups).toEqual([[b], [c, a]]);
});

it('refuses the ranking of another person’s task, and keeps both drafts', async () => {
  const mine = await inHand();
  const theirs = await inHand();
  await expect(
    mine.api.labeling.submit({
      assignmentId: theirs.assignmentId,
      idempotencyKey: uuidv7(),
      content: theirs.good,
    }),
  ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  // And the completions of their task in one’s own.
  await expect(
    mine.api.labeling.submit({
      assignmentId: mine.assignmentId,
      idempotencyKey: uuidv7(),
      content: theirs.good,
    }),
  ).rejects.toMatchObject({
    code: 'BAD_REQUEST',
    message: expect.stringMatching(/is not one of this task’s/),
  });
  for (const { assignmentId, draft } of [mine, theirs]) {
    const [after] = await db.select().from(assignments).where(eq(assignments.id, assignmentId));
    expect(after).toMatchObject({ state: 'active', draft });
  }
});
