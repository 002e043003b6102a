import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { convertTrees } from './oasst.ts';

const TREES = new URL('../../../shared/data/oasst-100-trees.jsonl', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'touchstone-oasst-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let ids = 0;
const node = (
  role: 'prompter' | 'assistant',
  text: string,
  more: object = {},
  ...replies: object[]
): object => ({
  message_id: `m${++ids}`,
  role,
  text,
  lang: 'en',
  emojis: { '+1': 1 },
  ...more,
  replies,
});
const asks = (text: string, ...replies: object[]): object => node('prompter', text, {}, ...replies);
const says = (text: string, rank: number | null, more: object = {}, ...replies: object[]): object =>
  node('assistant', text, { rank, ...more }, ...replies);

const trees = [
  {
    message_tree_id: 'one',
    tree_state: 'ready_for_export',
    prompt: asks(
      'Who paints?',
      says('Nobody.', 2),
      says('A robot says Frida.', 0, { synthetic: true }),
      says('Frida.', 1, {}, asks('And who else?', says('Diego.', null))),
      says('Gone.', 3, { deleted: true }, asks('Unread?', says('Unread.', 0))),
      says('Nobody.', 4),
    ),
  },
  {
    message_tree_id: 'two',
    prompt: asks('Tie?', says('x', 0), says('y', 0), says('z', 1)),
  },
  {
    message_tree_id: 'three',
    prompt: asks('Sprache?', node('assistant', 'Deutsch.', { rank: 0, lang: 'de' }), says('English.', 1)),
  },
];

function write(name: string, lines: readonly object[]): string {
  const file = join(folder, name);
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

describe('Open-Assistant trees', () => {
  const file = write('trees.jsonl', trees);

  it('become prompts of several turns, rankings of siblings, demonstrations that a person wrote', () => {
    const converted = convertTrees(file, { validationFraction: 0 });
    expect(converted.trees).toBe(3);
    const second = [
      { role: 'user', content: 'Who paints?' },
      { role: 'assistant', content: 'Frida.' },
      { role: 'user', content: 'And who else?' },
    ];
    expect(converted.prompts.map(({ prompt }) => prompt)).toEqual([
      'Who paints?',
      second,
      'Tie?',
      'Sprache?',
    ]);
    const rankings = converted.rankings.map(({ completions, ranks }) => ({ completions, ranks }));
    // Best first; of the two that say "Nobody." the better one.
    expect(rankings).toEqual([
      { completions: ['A robot says Frida.', 'Frida.', 'Nobody.'], ranks: [1, 2, 3] },
      { completions: ['x', 'y', 'z'], ranks: [1, 1, 2] },
      { completions: ['Deutsch.', 'English.'], ranks: [1, 2] },
    ]);
    const demonstrations = converted.demonstrations.map(({ prompt, completion }) => [prompt, completion]);
    expect(demonstrations).toEqual([
      ['Who paints?', 'Frida.'],
      [second, 'Diego.'],
      ['Tie?', 'x'],
      ['Sprache?', 'Deutsch.'],
    ]);
    // Each message once, the deleted ones and what hangs below them not.
    const texts = converted.documents.map(({ text }) => text);
    expect(texts).toHaveLength(7 + 4 + 3);
    expect(texts).not.toContain('Unread.');
  });

  it('of one language leave the others out, with what hangs on them', () => {
    const { rankings, demonstrations } = convertTrees(file, { validationFraction: 0, language: 'en' });
    expect(rankings).toHaveLength(2);
    expect(demonstrations.at(-1)?.completion).toBe('English.');
  });

  it('stay whole on one side of the split, in the share that was asked for', () => {
    const many = write(
      'many.jsonl',
      Array.from({ length: 400 }, (_, i) => ({ ...trees[0], message_tree_id: `tree ${i}` })),
    );
    const { prompts, rankings } = convertTrees(many, { validationFraction: 0.25 });
    const heldOut = rankings.filter(({ split }) => split === 'validation').length;
    expect(heldOut).toBeGreaterThan(70);
    expect(heldOut).toBeLessThan(130);
    for (let i = 0; i < prompts.length; i += 2) expect(prompts[i]?.split).toBe(prompts[i + 1]?.split);
    const all = convertTrees(many, { validationFraction: 1 });
    expect(all.rankings.every(({ split }) => split === 'validation')).toBe(true);
  });

  it('name file, line and field of what is wrong', () => {
    const bad = (prompt: object) => write('bad.jsonl', [...trees, { message_tree_id: 'four', prompt }]);
    for (const [prompt, message] of [
      [asks('a', says('b', -1)), /bad\.jsonl:4: prompt\.replies\[0\]\.rank: expected a whole number from 0/],
      [
        asks('a', asks('b')),
        /bad\.jsonl:4: prompt\.replies\[0\]\.role: prompter out of turn: expected assistant/,
      ],
      [asks('a', says(' ', 0)), /bad\.jsonl:4: prompt\.replies\[0\]\.text: expected text that is not empty/],
    ] as const) {
      expect(() => convertTrees(bad(prompt), { validationFraction: 0 })).toThrow(message);
    }
  });

  it.skipIf(!existsSync(TREES))(
    'of the 100 real ones: 480 prompts, 641 ranked replies (needs shared/data/oasst-100-trees.jsonl)',
    () => {
      const converted = convertTrees(TREES, { validationFraction: 0.2, language: 'en' });
      expect(converted.trees).toBe(100);
      expect(converted.documents).toHaveLength(1167);
      expect(converted.prompts).toHaveLength(480);
      // As the server's importer counts them.
      expect(converted.rankings).toHaveLength(212);
      const rankedReplies = converted.rankings.reduce((sum, { ranks }) => sum + ranks.length, 0);
      expect(rankedReplies).toBe(641);
      expect(converted.demonstrations.length).toBeGreaterThan(212);
    },
  );
});
