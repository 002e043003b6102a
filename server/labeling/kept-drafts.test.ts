import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { assignments, draftRevisions } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { amountOf, isWorthKeeping, MOST_KEPT } from './kept-drafts.ts';

const { db } = await openTestDatabase();

const written = (text: string) => ({ kind: 'demonstration' as const, text, prompt: null, checklist: [] });
const minute = (minutes: number) => new Date(minutes * 60_000);

async function inHand() {
  const project = await seedProject(db);
  await seedTask(db, await seedPrompt(db, project.id));
  const { api } = await person(db, 'contractor', project.id);
  const next = await api.labeling.next({ projectId: project.id });
  if (next.status !== 'work') throw new Error(next.reason);
  const assignmentId = next.work.assignment.id;
  const save = (revision: number, text: string, more: { keepsBefore?: boolean } = {}) =>
    api.labeling.saveDraft({ assignmentId, revision, content: written(text), ...more });
  const kept = async () =>
    (await api.labeling.earlierDrafts({ assignmentId })).map(({ content }) =>
      content.kind === 'demonstration' ? content.text : '',
    );
  return { api, assignmentId, save, kept };
}

describe('which earlier drafts are kept', () => {
  it('counts what a person put in, not the form it is stored in', () => {
    expect(amountOf(written(''))).toBe(0);
    expect(amountOf({ ...written('gold'), prompt: [{ role: 'user', content: 'How?' }] })).toBe(8);
    expect(
      amountOf({
        kind: 'ranking',
        groups: [['a'], ['b']],
        allBad: true,
        ratings: [{ overall: 7, flags: [] }],
      }),
    ).toBe(4);
  });

  it('keeps what is replaced by less than half of it, at any moment', () => {
    const before = { revision: 1, content: written('x'.repeat(100)), savedAt: minute(0) };
    const kept = { count: 0, last: minute(0) };
    expect(isWorthKeeping(before, written('x'.repeat(49)), kept)).toBe(true);
    expect(isWorthKeeping(before, written('x'.repeat(50)), kept)).toBe(false);
  });

  it('keeps one in five minutes while it grows, one in a minute while it shrinks, and fewer the more there are', () => {
    const worth = (minutes: number, next: number, count = 0) =>
      isWorthKeeping(
        { revision: 1, content: written('x'.repeat(100)), savedAt: minute(minutes) },
        written('x'.repeat(next)),
        { count, last: minute(0) },
      );
    expect([worth(4.9, 101), worth(5, 101)]).toEqual([false, true]);
    expect([worth(0.9, 99), worth(1, 99)]).toEqual([false, true]);
    expect([worth(19.9, 101, 20), worth(20, 101, 20)]).toEqual([false, true]);
    expect([worth(60, 10, 199), worth(60, 10, 200)]).toEqual([true, false]);
  });
});

describe('earlier drafts on the server', () => {
  it('hold a long text that one save wiped out', async () => {
    const { save, kept } = await inHand();
    await save(0, 'fifteen minutes of work on slate and gold');
    await save(1, 'f');
    expect(await kept()).toEqual(['fifteen minutes of work on slate and gold']);
  });

  it('hold no save of every second', async () => {
    const { save, kept } = await inHand();
    for (let revision = 0; revision < 5; revision++) await save(revision, 'slate '.repeat(revision + 1));
    expect(await kept()).toEqual([]);
  });

  it('hold the loser of a conflict, whichever text was chosen', async () => {
    const { api, assignmentId, save, kept } = await inHand();
    await save(0, 'from the first tab');
    expect(await save(0, 'from the second tab')).toMatchObject({ status: 'conflict', revision: 1 });
    // Mine: theirs is kept.
    await save(1, 'from the second tab', { keepsBefore: true });
    expect(await kept()).toEqual(['from the first tab']);
    // Theirs: mine is kept, once however often it is sent, and the draft stays.
    for (let time = 0; time < 2; time++) {
      await api.labeling.setDraftAside({ assignmentId, content: written('from a third tab') });
    }
    expect(await kept()).toEqual(['from a third tab', 'from the first tab']);
    const [row] = await db.select().from(assignments).where(eq(assignments.id, assignmentId));
    expect(row?.draft).toEqual(written('from the second tab'));
    // The next save goes on from the number that the keeping left.
    expect(await save(row?.draftRevision ?? 0, 'from the second tab, on')).toMatchObject({ status: 'saved' });
  });

  it('take a text that comes after the task was handed in', async () => {
    const { api, assignmentId, save, kept } = await inHand();
    await api.labeling.submit({
      assignmentId,
      idempotencyKey: uuidv7(),
      content: { kind: 'demonstration', text: 'Handed in.', checklist: ['helpful', 'truthful', 'harmless'] },
    });
    await expect(save(0, 'typed in another tab')).rejects.toThrow('submitted already');
    await api.labeling.setDraftAside({ assignmentId, content: written('typed in another tab') });
    expect(await kept()).toEqual(['typed in another tab']);
  });

  it('are bounded: past two hundred of a task none is taken, and it is said', async () => {
    const { api, assignmentId, save } = await inHand();
    await save(0, 'the draft');
    await db.insert(draftRevisions).values(
      Array.from({ length: MOST_KEPT }, (_, index) => ({
        assignmentId,
        revision: index + 1000,
        content: written(`kept ${index}`),
        savedAt: new Date(),
      })),
    );
    await save(1, 't');
    await expect(api.labeling.setDraftAside({ assignmentId, content: written('one more') })).rejects.toThrow(
      '200 earlier drafts of this task are kept already',
    );
    const rows = await db.select().from(draftRevisions).where(eq(draftRevisions.assignmentId, assignmentId));
    expect(rows).toHaveLength(MOST_KEPT);
    expect(await api.labeling.earlierDrafts({ assignmentId })).toHaveLength(50);
  });

  it('are nobody else’s to read or to write', async () => {
    const { assignmentId, save } = await inHand();
    await save(0, 'private');
    const { api: other } = await inHand();
    await expect(other.labeling.earlierDrafts({ assignmentId })).rejects.toThrow('another person’s');
    await expect(
      other.labeling.setDraftAside({ assignmentId, content: written('not mine') }),
    ).rejects.toThrow('another person’s');
  });
});
