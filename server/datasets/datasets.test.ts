import { existsSync, readFileSync } from 'node:fs';
import { eq, sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import {
  completions,
  datasetVersionLabels,
  datasetVersions,
  type Message,
  prompts,
  rankings,
  users,
} from '@/db/schema.ts';
import { seedCompletion, seedProject, seedPrompt, seedTask } from '@/db/seed.ts';
import { uuidv7 } from '@/db/uuid.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { exportDataset } from './download.ts';
import { exportRows } from './export.ts';
import type { ExportFormat } from './formats.ts';
import { freezeDataset, recomputeHash } from './freeze.ts';
import { importFile } from './import.ts';
import { readLines } from './lines.ts';

const { db } = await openTestDatabase();

const TREES = new URL('../../../shared/data/oasst-100-trees.jsonl', import.meta.url).pathname;

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
    return labeler.api.labeling.submitRanking({ assignmentId, idempotencyKey: uuidv7(), groups });
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
      await labeler.api.labeling.submitRanking({
        assignmentId,
        idempotencyKey: uuidv7(),
        groups: ids.map((id) => [id]),
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
    const sent = await api.labeling.submitDemonstration({
      assignmentId: next.work.assignment.id,
      idempotencyKey: uuidv7(),
      text: 'A rock.',
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
    const options = { versionId, format: 'chosen-rejected' as const };
    const response = await exportDataset(db, researcher.user, options);
    expect(await response.text()).toBe('{"prompt":"Which?","chosen":"a","rejected":"b"}\n');
    expect(response.headers.get('content-disposition')).toBe(
      'attachment; filename="rankings-1-chosen-rejected.jsonl"',
    );
    expect(response.headers.get('x-content-hash')).toBe(contentHash);
    await expect(exportDataset(db, labeler.user, options)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const stranger = await person(db, 'researcher');
    await expect(exportDataset(db, stranger.user, options)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('importing prompts', () => {
  it('takes text and conversations, once each, and makes tasks of the training split', async () => {
    const { project, researcher } = await workshop();
    const talk = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: 'Why?' },
    ];
    const text = [
      { prompt: 'One?', split: 'train', id: 7 },
      { prompt: talk, split: 'train', metadata: { kind: 'talk' } },
      { prompt: 'Two?', split: 'evaluation' },
      { prompt: 'One?', split: 'validation' },
    ]
      .map((line) => JSON.stringify(line))
      .join('\r\n\r\n');
    const input = {
      projectId: project.id,
      fileName: 'p.jsonl',
      text: `\ufeff${text}`,
      demonstrationTasks: true,
    };
    expect(await researcher.api.datasets.importPrompts(input)).toEqual({
      imported: 3,
      existing: 1,
      tasks: 2,
    });
    expect(await researcher.api.datasets.importPrompts(input)).toEqual({
      imported: 0,
      existing: 4,
      tasks: 0,
    });
    expect(await researcher.api.datasets.promptCounts({ projectId: project.id })).toEqual({
      train: 2,
      validation: 0,
      evaluation: 1,
    });
    const { items, total } = await researcher.api.projects.prompts({ projectId: project.id, search: 'one' });
    expect(total).toBe(1);
    expect(items).toMatchObject([{ split: 'train', source: 'p.jsonl', tasks: 1, completions: 0 }]);
  });

  it.each([
    ['{"prompt":"ok"}\n{"prompt":', /^p\.jsonl:2: not JSON \(/],
    ['{"prompt":"ok"}\n\n{"prompt":" "}', /^p\.jsonl:3: prompt: /],
    ['{"prompt":"a","spilt":"train"}', /^p\.jsonl:1: Unrecognized key: "spilt"; expected \{ prompt, id\?/],
    ['{"prompt":"a","split":"test"}', /^p\.jsonl:1: split: expected one of train, validation, evaluation/],
    [
      '{"prompt":[{"role":"assistant","content":"x"}]}',
      /^p\.jsonl:1: prompt: ends with another turn than the user’s/,
    ],
  ])('refuses %j, names the line and writes nothing', async (text, message) => {
    const { project, researcher } = await workshop();
    await expect(
      researcher.api.datasets.importPrompts({ projectId: project.id, fileName: 'p.jsonl', text }),
    ).rejects.toMatchObject({ code: 'BAD_REQUEST', message: expect.stringMatching(message) });
    expect(await db.select().from(prompts).where(eq(prompts.projectId, project.id))).toEqual([]);
  });

  it('reads lines cut anywhere, in the middle of a letter too', async () => {
    const bytes = new TextEncoder().encode('\ufeff{"a":"é😀"}\r\n\n{"b":1}');
    for (let size = 1; size <= bytes.length; size++) {
      const chunks: Uint8Array[] = [];
      for (let i = 0; i < bytes.length; i += size) chunks.push(bytes.subarray(i, i + size));
      const lines = [];
      for await (const { text, where } of readLines('f', chunks)) lines.push([where, text.trim()]);
      expect(lines).toEqual([
        ['f:1', '{"a":"é😀"}'],
        ['f:3', '{"b":1}'],
      ]);
    }
  });
});

describe('importing Open-Assistant trees', () => {
  const message = (id: string, role: string, more: object = {}) => ({
    message_id: id,
    role,
    text: `text ${id}`,
    ...more,
  });

  it('makes prompts of every turn, completions, and rankings with ties', async () => {
    const { project, researcher } = await workshop();
    const replies = [
      message('r1', 'assistant', { rank: 1 }),
      message('r0', 'assistant', {
        rank: 0,
        replies: [message('p1', 'prompter', { replies: [message('s0', 'assistant')] })],
      }),
      message('r1b', 'assistant', { rank: 1 }),
      message('gone', 'assistant', { rank: 2, deleted: true }),
      message('unranked', 'assistant', { rank: null }),
    ];
    const text = JSON.stringify({ message_tree_id: 't', prompt: message('p0', 'prompter', { replies }) });
    const input = { projectId: project.id, fileName: 'trees.jsonl', text, demonstrations: true };
    expect(await researcher.api.datasets.importTrees(input)).toEqual({
      trees: 1,
      prompts: 2,
      completions: 5,
      rankedReplies: 3,
      rankings: 1,
      demonstrations: 1,
      existing: 0,
    });
    expect(await researcher.api.datasets.importTrees(input)).toMatchObject({
      prompts: 0,
      completions: 0,
      rankings: 0,
      existing: 5,
    });
    const version = await freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });
    expect(await exported(version.id, 'native')).toMatchObject([
      { prompt: 'text p0', completions: ['text r0', 'text r1', 'text r1b'], ranks: [1, 2, 2] },
    ]);
    const rows = await db.select().from(prompts).where(eq(prompts.projectId, project.id));
    expect(rows.map((row) => row.messages.map((turn) => turn.content))).toEqual([
      ['text p0'],
      ['text p0', 'text r0', 'text p1'],
    ]);
    expect(new Set(rows.map((row) => row.split)).size).toBe(1);
  });

  it('refuses a tree with a field at fault, names it, and writes nothing of the file', async () => {
    const { project, researcher } = await workshop();
    const good = { message_tree_id: 't', prompt: message('p', 'prompter') };
    const bad = {
      message_tree_id: 'u',
      prompt: message('p', 'prompter', { replies: [message('q', 'assistant', { rank: -1 })] }),
    };
    const turned = {
      message_tree_id: 'v',
      prompt: message('p', 'prompter', { replies: [message('q', 'prompter')] }),
    };
    for (const [wrong, expected] of [
      [bad, /^t\.jsonl:2: prompt\.replies\[0\]\.rank: expected a whole number from 0/],
      [turned, /^t\.jsonl:2: prompt\.replies\[0\]\.role: prompter follows a prompter: expected assistant/],
    ] as const) {
      const text = `${JSON.stringify(good)}\n${JSON.stringify(wrong)}`;
      await expect(
        researcher.api.datasets.importTrees({ projectId: project.id, fileName: 't.jsonl', text }),
      ).rejects.toMatchObject({ message: expect.stringMatching(expected) });
    }
    expect(await db.select().from(prompts).where(eq(prompts.projectId, project.id))).toEqual([]);
  });

  it.skipIf(!existsSync(TREES))(
    'imports the 100 real trees (needs shared/data/oasst-100-trees.jsonl)',
    async () => {
      const project = await seedProject(db, { name: 'Open-Assistant' });
      const input = {
        kind: 'trees' as const,
        path: TREES,
        projectName: 'open-assistant',
        demonstrations: false,
        actorId: null,
      };
      expect(await importFile(db, input)).toEqual({
        trees: 100,
        prompts: 480,
        completions: 687,
        rankedReplies: 641,
        rankings: 212,
        demonstrations: 0,
        existing: 0,
      });
      const [labeler] = await db
        .selectDistinct({ kind: users.kind, passwordHash: users.passwordHash })
        .from(rankings)
        .innerJoin(users, eq(users.id, rankings.labelerId))
        .where(eq(rankings.projectId, project.id));
      expect(labeler).toEqual({ kind: 'imported', passwordHash: null });

      // What comes out is what went in: every ranked reply of the file, in its order.
      const version = await freezeDataset(db, { projectId: project.id, kind: 'rankings', createdBy: null });
      expect(version.counts.total).toBe(212);
      const out = (await exported(version.id, 'native')) as { completions: string[]; ranks: number[] }[];
      const inFile = rankedGroups(readFileSync(TREES, 'utf8'));
      expect(out.map((row) => row.completions)).toEqual(inFile);
      const [count] = await db
        .select({ turns: sql<number>`max(jsonb_array_length(${prompts.messages}))` })
        .from(prompts)
        .where(eq(prompts.projectId, project.id));
      expect(count?.turns).toBeGreaterThanOrEqual(3);
    },
  );
});

interface RawMessage {
  text: string;
  role: string;
  rank?: number | null;
  replies: RawMessage[];
}

/** The ranked replies of each prompter's turn, best first, read the slow and obvious way. */
function rankedGroups(file: string): string[][] {
  const groups: string[][] = [];
  const visit = (node: RawMessage) => {
    const ranked = node.replies.filter((reply) => typeof reply.rank === 'number');
    if (node.role === 'prompter' && ranked.length >= 2) {
      groups.push(ranked.sort((a, b) => Number(a.rank) - Number(b.rank)).map((reply) => reply.text));
    }
    node.replies.forEach(visit);
  };
  for (const line of file.trim().split('\n')) visit(JSON.parse(line).prompt);
  return groups;
}
