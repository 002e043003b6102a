import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRankings } from '@touchstone/trainer/data/json-lines.ts';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { completions, datasetVersionLabels, datasetVersions, type Message, prompts } from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { answerExport } from './download.ts';
import { exportRows } from './export.ts';
import type { ExportFormat } from './formats.ts';
import { freezeDataset, recomputeHash } from './freeze.ts';

const { db } = await openTestDatabase();

async function exported(versionId: string, format: ExportFormat, split?: 'train'): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const line of exportRows(db, versionId, format, { split })) {
    expect(line.endsWith('\n')).toBe(true);
    lines.push(JSON.parse(line));
  }
  return lines;
}

/** A project with a member and a way to have a prompt's completions ranked: by ranks, 1 is best. */
async function workshop() {
  const project = await seedProject(db);
  const labeler = await person(db, 'contractor', project.id);
  const researcher = await person(db, 'researcher', project.id);
  async function rank(
    prompt: string | Message[],
    ranked: Record<string, number>,
    purpose: 'training' | 'evaluation' = 'training',
  ) {
    const row = await seedPrompt(db, project.id, prompt);
    const ids = new Map<string, string>();
    for (const text of Object.keys(ranked)) ids.set((await seedCompletion(db, row, text)).id, text);
    await seedTask(db, row, { completionIds: [...ids.keys()], purpose });
    const next = await labeler.api.labeling.next({ projectId: project.id, kind: 'ranking' });
    if (next.status !== 'work') throw new Error(next.reason);
    const groups: string[][] = [];
    for (const [id, text] of ids) {
      const index = (ranked[text] ?? 1) - 1;
      groups[index] = [...(groups[index] ?? []), id];
    }
    const assignmentId = next.work.assignment.id;
    return labeler.api.labeling.submit({
      assignmentId,
      idempotencyKey: uuidv7(),
      content: { kind: 'ranking', groups },
    });
  }
  return { project, labeler, researcher, rank };
}

describe('freezing', () => {
  it('holds the training labels as they were, and its hash is that of its export', async () => {
    const { project, researcher, labeler, rank } = await workshop();
    const { labelId } = await rank('Which?', { first: 1, 'tied one': 2, 'tied two': 2, last: 3 });
    await rank('Vote?', { x: 1, y: 2 }, 'evaluation');
    const version = await researcher.api.datasets.freeze({ projectId: project.id, kind: 'rankings' });
    expect(version).toMatchObject({
      number: 1,
      name: 'rankings 1',
      counts: { total: 1, train: 1, validation: 0, evaluation: 0 },
    });
    expect(await exported(version.id, 'native')).toEqual([
      {
        prompt: 'Which?',
        completions: ['first', 'tied one', 'tied two', 'last'],
        ranks: [1, 2, 2, 3],
        group_id: labelId,
        labeler: labeler.user.id,
        split: 'train',
      },
    ]);
    expect(await recomputeHash(db, version.id)).toBe(version.contentHash);
    expect(await researcher.api.datasets.verify({ versionId: version.id })).toMatchObject({
      unchanged: true,
    });

    await rank('More?', { a: 1, b: 2 });
    const second = await researcher.api.datasets.freeze({
      projectId: project.id,
      kind: 'rankings',
      name: 'Second',
    });
    expect(second).toMatchObject({ number: 2, counts: { total: 2 } });
    expect(second.contentHash).not.toBe(version.contentHash);
    expect((await exported(version.id, 'native')).length).toBe(1);
    const listed = await researcher.api.datasets.list({ projectId: project.id });
    expect(listed.map((row) => row.name)).toEqual(['Second', 'rankings 1']);
    const detail = await researcher.api.datasets.get({ versionId: second.id });
    expect(detail).toMatchObject({ labelers: 1, models: [], createdBy: researcher.user.name });
    expect(detail.preview.length).toBe(2);
  });

  it('cannot be undone or changed, not even in the database', async () => {
    const { project, rank } = await workshop();
    await rank('Which?', { a: 1, b: 2 });
    const { id } = await freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });
    const refused = { cause: { message: expect.stringMatching(/never changed or deleted/) } };
    await expect(db.delete(datasetVersions).where(eq(datasetVersions.id, id))).rejects.toMatchObject(refused);
    await expect(
      db.update(datasetVersions).set({ name: 'other' }).where(eq(datasetVersions.id, id)),
    ).rejects.toMatchObject(refused);
    await expect(
      db.delete(datasetVersionLabels).where(eq(datasetVersionLabels.datasetVersionId, id)),
    ).rejects.toMatchObject(refused);
    const text = { text: 'changed' };
    await expect(db.update(completions).set(text)).rejects.toMatchObject(refused);
    await expect(db.update(prompts).set({ split: 'evaluation' })).rejects.toMatchObject(refused);
  });

  it('of nothing is a conflict', async () => {
    const { project, researcher } = await workshop();
    await expect(
      researcher.api.datasets.freeze({ projectId: project.id, kind: 'demonstrations' }),
    ).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(/no demonstrations to freeze/),
    });
  });

  it('numbers the versions 1 to 5 when five people freeze at once', async () => {
    const { project, rank } = await workshop();
    await rank('Which?', { a: 1, b: 2 });
    const freeze = () => freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });
    const versions = await Promise.all(Array.from({ length: 5 }, freeze));
    expect(versions.map((version) => version.number).sort()).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(versions.map((version) => version.contentHash)).size).toBe(1);
  });
});

describe('exports', () => {
  it('give every ordered pair, and no tie, as chosen and rejected', async () => {
    const { project, rank } = await workshop();
    await rank('Which?', { w: 1, x: 2, y: 2, z: 3 });
    const { id } = await freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });
    const pairs = [
      ['w', 'x'],
      ['w', 'y'],
      ['w', 'z'],
      ['x', 'z'],
      ['y', 'z'],
    ];
    expect(await exported(id, 'chosen-rejected')).toEqual(
      pairs.map(([chosen, rejected]) => ({ prompt: 'Which?', chosen, rejected })),
    );
  });

  it('are read back by the trainer, every ranking as it was given', async () => {
    const { project, labeler, rank } = await workshop();
    await rank('Which?', { w: 1, 'x "quoted"\n': 2, 'y 🪨': 2, z: 3 });
    await rank('And?', { a: 2, b: 1 });
    const { id } = await freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });
    const folder = mkdtempSync(join(tmpdir(), 'touchstone-export-'));
    try {
      const file = join(folder, 'rankings.jsonl');
      let text = '';
      for await (const line of exportRows(db, id, 'native')) text += line;
      writeFileSync(file, text);
      const about = { labeler: labeler.user.id, split: 'train' };
      expect([...readRankings(file)]).toMatchObject([
        { prompt: 'Which?', completions: ['w', 'x "quoted"\n', 'y 🪨', 'z'], ranks: [1, 2, 2, 3], ...about },
        { prompt: 'And?', completions: ['b', 'a'], ranks: [1, 2], ...about },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('write a whole file as turns when one prompt has several', async () => {
    const { project, rank } = await workshop();
    const talk: Message[] = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: 'Which?' },
    ];
    await rank('Single?', { a: 1, b: 2 });
    await rank(talk, { c: 1, d: 2 });
    const { id } = await freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });
    const answer = (content: string) => [{ role: 'assistant', content }];
    expect(await exported(id, 'chosen-rejected')).toEqual([
      { prompt: [{ role: 'user', content: 'Single?' }], chosen: answer('a'), rejected: answer('b') },
      { prompt: talk, chosen: answer('c'), rejected: answer('d') },
    ]);
    expect(await exported(id, 'native')).toMatchObject([{ prompt: 'Single?' }, { prompt: talk }]);
  });

  it('keep of completions with one text the best-ranked, and leave out a ranking without two texts', async () => {
    const { project, labeler } = await workshop();
    for (const texts of [
      ['same', 'other', 'same'],
      ['echo', 'echo'],
    ]) {
      const prompt = await seedPrompt(db, project.id);
      const ids: string[] = [];
      for (const text of texts) ids.push((await seedCompletion(db, prompt, text)).id);
      await seedTask(db, prompt, { completionIds: ids });
      const next = await labeler.api.labeling.next({ projectId: project.id });
      if (next.status !== 'work') throw new Error(next.reason);
      const assignmentId = next.work.assignment.id;
      await labeler.api.labeling.submit({
        assignmentId,
        idempotencyKey: uuidv7(),
        content: { kind: 'ranking', groups: ids.map((id) => [id]) },
      });
    }
    const { id } = await freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });
    expect(await exported(id, 'native')).toMatchObject([{ completions: ['same', 'other'], ranks: [1, 2] }]);
  });

  it('of demonstrations come as prompt and completion, and as messages', async () => {
    const project = await seedProject(db);
    await seedTask(db, await seedPrompt(db, project.id, 'What is slate?'));
    const { api, user } = await person(db, 'contractor', project.id);
    const next = await api.labeling.next({ projectId: project.id });
    if (next.status !== 'work') throw new Error(next.reason);
    const sent = await api.labeling.submit({
      assignmentId: next.work.assignment.id,
      idempotencyKey: uuidv7(),
      content: { kind: 'demonstration', text: 'A rock.' },
    });
    const { id } = await freezeDataset(db, {
      projectId: project.id,
      kind: 'demonstrations',
      createdBy: null,
    });
    const pair = { prompt: 'What is slate?', completion: 'A rock.' };
    expect(await exported(id, 'prompt-completion')).toEqual([pair]);
    expect(await exported(id, 'native')).toEqual([
      { ...pair, id: sent.labelId, labeler: user.id, split: 'train' },
    ]);
    expect(await exported(id, 'messages')).toEqual([
      {
        messages: [
          { role: 'user', content: 'What is slate?' },
          { role: 'assistant', content: 'A rock.' },
        ],
      },
    ]);
    await expect(exported(id, 'chosen-rejected')).rejects.toThrow(
      'format: demonstrations cannot be exported as chosen-rejected: expected native, prompt-completion, messages.',
    );
  });

  it('stream over HTTP to researchers of the project only', async () => {
    const { project, researcher, labeler, rank } = await workshop();
    await rank('Which?', { a: 1, b: 2 });
    const { id: versionId, contentHash } = await freezeDataset(db, {
      projectId: project.id,
      kind: 'rankings',
      createdBy: null,
    });
    const ask = (user: Parameters<typeof answerExport>[0]['user'], parameters = 'format=chosen-rejected') =>
      answerExport({ db, user }, versionId, new URLSearchParams(parameters));
    const response = await ask(researcher.user);
    expect(await response.text()).toBe('{"prompt":"Which?","chosen":"a","rejected":"b"}\n');
    expect(response.headers.get('content-disposition')).toBe(
      'attachment; filename="rankings-1-chosen-rejected.jsonl"',
    );
    expect(response.headers.get('x-content-hash')).toBe(contentHash);
    expect(await (await ask(researcher.user, 'split=validation')).text()).toBe('');
    await expect(ask(null)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(ask(labeler.user)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const stranger = await person(db, 'researcher');
    await expect(ask(stranger.user)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ask(researcher.user, 'format=xml')).rejects.toThrow(
      /expected one of native, prompt-completion/,
    );
    await expect(ask(researcher.user, 'fromat=native')).rejects.toThrow(/Unrecognized key: .*fromat/);
  });
});
