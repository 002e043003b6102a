import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { TrainerError } from '../errors.ts';
import { splitWords, WORD_PATTERN } from '../tokenizer/split.ts';
import {
  readDemonstrations,
  readDocuments,
  readLines,
  readPrompts,
  readRankings,
  readTexts,
} from './json-lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchstone-json-lines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, ...lines: unknown[]): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return path;
}

function failure(read: () => Iterable<unknown>): string {
  try {
    for (const _ of read());
  } catch (error) {
    expect(error).toBeInstanceOf(TrainerError);
    return error instanceof Error ? error.message : '';
  }
  throw new Error('expected an error');
}

const ranking = { prompt: 'p', completions: ['a', 'b', 'c'], ranks: [2, 1, 2] };

describe('JSON lines', () => {
  it('gives a text file in pieces that leave its words whole', () => {
    const text = 'It’s the first of “many” lines,  12 of them.\n\n  你好 мир!\n'.repeat(20_000);
    const pieces = [...readTexts(file('large.txt', text))];
    const words = (part: string): string[] => [...splitWords(part, new RegExp(WORD_PATTERN, 'gu'))];
    expect(pieces.length).toBeGreaterThan(3);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(300_000);
    expect(pieces.flatMap(words).join('|') === words(text).join('|')).toBe(true);
    const unbroken = 'x'.repeat(600_000);
    expect([...readTexts(file('unbroken.txt', unbroken))].join('') === unbroken).toBe(true);
    expect(failure(() => readTexts(file('none.txt', '')))).toContain('none.txt is empty: expected text');
    expect([...readTexts(file('texts.jsonl', { text: 'one' }, { text: 'two' }))]).toEqual(['one', 'two']);
  });

  it('reads documents, and a text file as one', () => {
    const path = file('documents.jsonl', { text: 'one' }, '', { text: 'two\n', source: 's' });
    expect([...readDocuments(path)]).toEqual([
      { text: 'one', source: undefined },
      { text: 'two\n', source: 's' },
    ]);
    expect([...readDocuments(file('all.txt', 'line 1', 'line 2'))]).toEqual([
      { text: 'line 1\nline 2', source: 'all.txt' },
    ]);
  });

  it('reads long files in pieces without cutting characters', () => {
    const lines = Array.from({ length: 4000 }, (_, i) => `${i} ${'é你👩'.repeat(i % 40)}`);
    expect([...readLines(file('long.txt', ...lines))]).toEqual(lines);
  });

  it('reads demonstrations as prompt and completion or as messages', () => {
    const path = file(
      'demonstrations.jsonl',
      { prompt: 'q', completion: 'a' },
      {
        messages: [
          { role: 'user', content: 'q' },
          { role: 'assistant', content: 'a' },
        ],
      },
      {
        messages: [
          { role: 'system', content: 's' },
          { role: 'user', content: 'q' },
          { role: 'assistant', content: 'a' },
        ],
      },
    );
    const read = [...readDemonstrations(path)];
    expect(read.map(({ prompt }) => prompt)).toEqual([
      'q',
      'q',
      [
        { role: 'system', content: 's' },
        { role: 'user', content: 'q' },
      ],
    ]);
    expect(read.map(({ completion }) => completion)).toEqual(['a', 'a', 'a']);
  });

  it('reads rankings and prompts', () => {
    const path = file('rankings.jsonl', { ...ranking, group_id: 'g', labeler: 'l', split: 'train' });
    expect([...readRankings(path)][0]).toMatchObject({
      ...ranking,
      group_id: 'g',
      labeler: 'l',
      split: 'train',
    });
    expect([...readPrompts(file('prompts.jsonl', { prompt: 'p', id: '7' }))]).toMatchObject([
      { prompt: 'p', id: '7' },
    ]);
  });

  it.each([
    ['not JSON', '{"prompt": "p",', ':2: not JSON'],
    ['no object', [1], ':2: expected an object'],
    ['an unknown field', { ...ranking, rank: 1 }, ':2: Unrecognized key: "rank"'],
    ['a wrong field', { ...ranking, prompt: 5 }, ':2: prompt: expected text or a list of { role, content }'],
    ['a rank of 0', { ...ranking, ranks: [0, 1, 2] }, ':2: ranks[0]: expected ranks from 1'],
    [
      'a rank between',
      { ...ranking, ranks: [1, 1.5, 2] },
      ':2: ranks[1]: expected ranks that are whole numbers',
    ],
    ['too few ranks', { ...ranking, ranks: [1, 2] }, ':2: ranks: 2 ranks for 3 completions'],
    [
      'a completion twice',
      { ...ranking, completions: ['a', 'b', 'a'] },
      ':2: completions[2]: the same text as completions[0]',
    ],
    [
      'one completion',
      { ...ranking, completions: ['a'], ranks: [1] },
      ':2: completions: expected at least 2',
    ],
    ['no completions', { prompt: 'p', ranks: [] }, ':2: completions: Invalid input'],
  ])('names file, line and field: %s', (_, line, message) => {
    const path = file('bad.jsonl', ranking, line);
    expect(failure(() => readRankings(path))).toContain(`${path}${message}`);
  });

  it('refuses demonstrations without an answer and files that are not there', () => {
    const user = { role: 'user', content: 'q' };
    expect(failure(() => readDemonstrations(file('d.jsonl', { messages: [user, user] })))).toContain(
      ":1: messages: the last turn is the user's: expected the assistant's",
    );
    expect(failure(() => readDemonstrations(file('d.jsonl', { prompt: 'q', completion: ' ' })))).toContain(
      ':1: completion: expected a completion that is not empty',
    );
    expect(failure(() => readPrompts(join(folder, 'absent.jsonl')))).toContain('Cannot read');
  });
});
