import { eq, sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { assignments, draftRevisions, prompts, tasks } from '@/db/schema.ts';
import { seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { freezeDataset } from '@/server/datasets/freeze.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { type Caller, person } from '@/tests/support/people.ts';
import { LONGEST_TEXT } from './vocabulary.ts';

const { db } = await openTestDatabase();
const key = () => uuidv7();

async function take(api: Caller, projectId: string) {
  const next = await api.labeling.next({ projectId });
  if (next.status !== 'work') throw new Error(next.reason);
  return next.work;
}

async function writer(settings: Parameters<typeof seedProject>[1] = {}) {
  const project = await seedProject(db, { guideline: '# Be kind', ...settings });
  const { user, api } = await person(db, 'contractor', project.id);
  const write = async (prompt: string, text: string) => {
    await seedTask(db, await seedPrompt(db, project.id, prompt));
    const { assignment } = await take(api, project.id);
    const { labelId } = await api.labeling.submit({
      assignmentId: assignment.id,
      idempotencyKey: key(),
      content: { kind: 'demonstration', text },
    });
    return { assignmentId: assignment.id, labelId };
  };
  return { project, user, api, write };
}

describe('a prompt that the labeler writes too', () => {
  const briefed = async (form: 'plain' | 'few_shot' | 'user_based') => {
    const { project, api } = await writer();
    await db
      .insert(tasks)
      .values({ projectId: project.id, kind: 'demonstration', brief: { form, instruction: 'About bread.' } });
    const { assignment, prompt } = await take(api, project.id);
    expect(prompt).toBeNull();
    const send = (turns: string[], roles = ['user', 'assistant']) =>
      api.labeling.submit({
        assignmentId: assignment.id,
        idempotencyKey: key(),
        content: {
          kind: 'demonstration',
          text: 'With care.',
          prompt: turns.map((content, i) => ({
            role: roles[i % 2] === 'user' ? ('user' as const) : ('assistant' as const),
            content,
          })),
        },
      });
    return { project, api, send, assignmentId: assignment.id };
  };

  it('is one turn, or with examples at least five that take turns; another form is refused in one sentence', async () => {
    const refused = (message: RegExp) => ({ code: 'BAD_REQUEST', message: expect.stringMatching(message) });
    const plain = await briefed('plain');
    await expect(plain.send(['a', 'b', 'c'])).rejects.toMatchObject(refused(/one turn, the user’s, not 3/));
    await expect(plain.send([' '])).rejects.toMatchObject(refused(/is empty/));
    const few = await briefed('few_shot');
    await expect(few.send(['a', 'b', 'c'])).rejects.toMatchObject(refused(/2 to 20 examples .* not 1/));
    await expect(few.send(['a', 'b', 'c', 'd', 'e'], ['user', 'user'])).rejects.toMatchObject(
      refused(/prompt\[1\]\.role: expected assistant/),
    );
    await few.send(['Say it in French.\n\ndog', 'chien', 'cat', 'chat', 'bird']);
    const { items } = await few.api.labeling.history({ search: 'french chien BIRD' });
    expect(items.map(({ prompt, assignmentId }) => [prompt, assignmentId])).toEqual([
      ['bird', few.assignmentId],
    ]);
  });

  it('that the project has already is linked to it', async () => {
    const { project, send, assignmentId } = await briefed('user_based');
    await send(['How do I keep bread?']);
    const again = await person(db, 'contractor', project.id);
    await db.insert(tasks).values({
      projectId: project.id,
      kind: 'demonstration',
      brief: { form: 'user_based', instruction: 'About bread.' },
    });
    const { assignment } = await take(again.api, project.id);
    await again.api.labeling.submit({
      assignmentId: assignment.id,
      idempotencyKey: key(),
      content: {
        kind: 'demonstration',
        text: 'In linen.',
        prompt: [{ role: 'user', content: 'How do I keep bread?' }],
      },
    });
    const stored = await db.select().from(prompts).where(eq(prompts.projectId, project.id));
    expect(stored).toMatchObject([{ externalId: assignmentId, metadata: { form: 'user_based' } }]);
  });
});

describe('what does not fit', () => {
  it('is refused in one sentence, with the draft kept: a text too long by one, a kind of another task', async () => {
    const { project, api } = await writer();
    await seedTask(db, await seedPrompt(db, project.id));
    const { assignment } = await take(api, project.id);
    const assignmentId = assignment.id;
    const text = 'x'.repeat(LONGEST_TEXT);
    await api.labeling.saveDraft({
      assignmentId,
      revision: 0,
      content: { kind: 'demonstration', text, prompt: null, checklist: [] },
    });
    const idempotencyKey = key();
    const send = (content: Parameters<typeof api.labeling.submit>[0]['content']) =>
      api.labeling.submit({ assignmentId, idempotencyKey, content });
    await expect(send({ kind: 'demonstration', text: `${text}x` })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(/text: is longer than 400,000 characters/),
    });
    await expect(send({ kind: 'ranking', groups: [[uuidv7()]] })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
    const { draft } = await api.labeling.historyItem({ assignmentId });
    expect(draft.content).toMatchObject({ text });
    expect(await send({ kind: 'demonstration', text })).toMatchObject({ state: 'submitted' });
  });
});

describe('the history', () => {
  it('finds each word somewhere in prompt, text, skip note or draft, taking % and _ as they are', async () => {
    const { api, write, project } = await writer();
    const bread = await write('How is bread kept?', 'Wrapped in linen, 100 % dry.');
    await write('What is slate?', 'A rock.');
    await seedTask(db, await seedPrompt(db, project.id, 'Who made this?'));
    const skipped = await take(api, project.id);
    await api.labeling.skip({ assignmentId: skipped.assignment.id, reason: 'unclear', note: 'Which thing?' });
    const found = async (search: string) =>
      (await api.labeling.history({ search })).items.map(({ assignmentId }) => assignmentId);
    expect(await found('linen KEPT')).toEqual([bread.assignmentId]);
    expect(await found('linen slate')).toEqual([]);
    expect(await found('100 %')).toEqual([bread.assignmentId]);
    expect(await found('1_0')).toEqual([]);
    expect(await found('which thing')).toEqual([skipped.assignment.id]);
    expect(await found('\\')).toEqual([]);
  });

  it('is filtered by kind, state, project and UTC day, and pages do not overlap', async () => {
    const { api, write, project, user } = await writer();
    const all: string[] = [];
    for (let i = 0; i < 5; i++) all.unshift((await write(`Prompt ${i}`, `Text ${i}`)).assignmentId);
    await db
      .update(assignments)
      .set({ endedAt: new Date('2026-03-01T23:59:59Z') })
      .where(eq(assignments.id, all[4] ?? ''));
    const ids = async (filter: Parameters<typeof api.labeling.history>[0]) =>
      (await api.labeling.history(filter)).items.map(({ assignmentId }) => assignmentId);
    expect(await ids({ day: '2026-03-01' })).toEqual([all[4]]);
    expect(await ids({ day: '2026-03-02' })).toEqual([]);
    expect(await ids({ state: 'submitted', kind: 'demonstration', projectId: project.id })).toEqual(all);
    expect(await ids({ kind: 'ranking' })).toEqual([]);
    expect(await ids({ state: 'skipped' })).toEqual([]);
    const first = await api.labeling.history({ limit: 3 });
    expect(first.next).toBe(all[2]);
    expect(await ids({ limit: 3, before: first.next ?? '' })).toEqual(all.slice(3));
    await expect(api.labeling.history({ day: '1 March' })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    const other = await person(db, 'contractor', project.id);
    expect((await other.api.labeling.history({})).items).toEqual([]);
    expect(user.id).not.toBe(other.user.id);
  });

  it('says what is frozen, under which guideline it was made, and shows the drafts that were kept', async () => {
    const { api, write, project } = await writer();
    const { assignmentId } = await write('What is slate?', 'A rock.');
    const one = async () => (await api.labeling.history({})).items[0];
    expect(await one()).toMatchObject({ frozen: false, guidelineVersion: 1, version: 1, verdict: null });
    await freezeDataset(db, { projectId: project.id, kind: 'demonstrations', createdBy: null });
    expect(await one()).toMatchObject({ frozen: true });
    await db.insert(draftRevisions).values(
      [1, 2].map((revision) => ({
        assignmentId,
        revision,
        content: { kind: 'demonstration' as const, text: `Draft ${revision}`, prompt: null, checklist: [] },
        savedAt: new Date(),
      })),
    );
    const { keptDrafts } = await api.labeling.historyItem({ assignmentId });
    expect(keptDrafts.map(({ content }) => 'text' in content && content.text)).toEqual([
      'Draft 2',
      'Draft 1',
    ]);
  });

  it('of ten thousand labels reads its first page off the index', async () => {
    const { project, user } = await writer();
    await db.execute(sql`
      with p as (
        insert into prompts (id, project_id, messages, content_hash, source, split)
        select gen_random_uuid(), ${project.id}, '[{"role":"user","content":"q"}]', 'h' || n, 'test', 'train'
        from generate_series(1, 10000) n returning id),
      t as (
        insert into tasks (id, project_id, prompt_id, kind)
        select gen_random_uuid(), ${project.id}, p.id, 'demonstration' from p returning id)
      insert into assignments (id, task_id, project_id, kind, labeler_id, state)
      select gen_random_uuid(), t.id, ${project.id}, 'demonstration', ${user.id}, 'submitted' from t`);
    await db.execute(sql`analyze`);
    const plan = await db.execute(sql`explain (analyze, format json)
      select id from assignments where labeler_id = ${user.id} order by id desc limit 31`);
    const told = JSON.stringify(plan);
    expect(told).toContain('assignments_history');
    expect(told).not.toContain('"Sort"');
  }, 120_000);
});

describe('own statistics', () => {
  it('count by UTC day and week, reasons of skips, and gold only where the project shows it', async () => {
    const hidden = await writer();
    const shown = await writer({ settings: { gold: { rate: 0.1, shown: true } } });
    for (const { write, api, project } of [hidden, shown]) {
      const { assignmentId } = await write('What is slate?', 'A rock.');
      const old = await write('What is gold?', 'A metal.');
      await db
        .update(assignments)
        .set({ goldScore: 1, activeSeconds: 30 })
        .where(eq(assignments.id, assignmentId));
      await db
        .update(assignments)
        .set({ endedAt: new Date(Date.now() - 20 * 86_400_000), activeSeconds: 50 })
        .where(eq(assignments.id, old.assignmentId));
      await seedTask(db, await seedPrompt(db, project.id));
      const { assignment } = await take(api, project.id);
      await api.labeling.skip({ assignmentId: assignment.id, reason: 'too_hard' });
    }
    const stats = await shown.api.labeling.stats({ projectId: shown.project.id });
    expect(stats.byKind).toEqual([
      { kind: 'demonstration', today: 1, week: 1, total: 2, skipped: 1, medianSeconds: 40 },
    ]);
    expect(stats.days).toHaveLength(28);
    expect(stats.days.at(-1)).toEqual({
      day: new Date().toISOString().slice(0, 10),
      labels: 1,
      medianSeconds: 30,
    });
    expect(stats.days.reduce((sum, { labels }) => sum + labels, 0)).toBe(2);
    expect(stats.skips).toEqual([{ reason: 'too_hard', count: 1 }]);
    expect(stats.gold).toMatchObject({ rate: 1, tasks: 1 });
    // One task says little: the interval says so.
    expect(stats.gold?.low).toBeLessThan(0.5);
    const other = await hidden.api.labeling.stats({ projectId: hidden.project.id });
    expect(other.gold).toBeNull();
    expect(other.agreement).toBeNull();
    expect(other.reviewed).toEqual({ accepted: 0, rejected: 0 });
  });
});
