import { existsSync, readFileSync } from 'node:fs';
import { eq, sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { prompts, rankings, users } from '@/db/schema.ts';
import { seedProject } from '@/db/seed.ts';
import { openTestDatabase } from '@/tests/support/database.ts';
import { person } from '@/tests/support/people.ts';
import { exportRows } from './export.ts';
import { freezeDataset } from './freeze.ts';
import { importFile } from './import.ts';
import { readLines } from './lines.ts';

const { db } = await openTestDatabase();

const TREES = new URL('../../../shared/data/oasst-100-trees.jsonl', import.meta.url).pathname;

async function workshop() {
  const project = await seedProject(db);
  return { project, researcher: await person(db, 'researcher', project.id) };
}

/** The rankings of a project as they are exported. */
async function frozenRankings(
  projectId: string,
): Promise<{ prompt: unknown; completions: string[]; ranks: number[] }[]> {
  const { id } = await freezeDataset(db, { projectId, kind: 'rankings', createdBy: null });
  const rows = [];
  for await (const line of exportRows(db, id, 'native')) rows.push(JSON.parse(line));
  return rows;
}

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
    expect(await frozenRankings(project.id)).toMatchObject([
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
      const out = await frozenRankings(project.id);
      expect(out.length).toBe(212);
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
