import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { encodeComparisons, marginOfStrength, orderedPairs, pairStrength } from './comparisons.ts';
import { readRankings } from './json-lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchstone-pairs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, ...lines: object[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

describe('pairs', () => {
  it('are rankings of two: with a prompt, with turns, and with the prompt inside both conversations', () => {
    const before = [user('q'), assistant('a'), user('and?')];
    const path = file(
      'pairs.jsonl',
      { prompt: 'q', chosen: 'good', rejected: 'bad', margin: 0.5, labeler: 'ann', split: 'train' },
      { prompt: [user('q')], chosen: [assistant('good')], rejected: [assistant('bad')] },
      { chosen: [...before, assistant('good')], rejected: [...before, assistant('bad')] },
      { prompt: 'q', completions: ['bad', 'good'], ranks: [2, 1] },
    );
    const rankings = [...readRankings(path)];
    expect(rankings.map(({ prompt }) => prompt)).toEqual(['q', 'q', before, 'q']);
    expect(rankings.slice(0, 3).map(({ completions, ranks }) => [completions, ranks])).toEqual(
      Array.from({ length: 3 }, () => [
        ['good', 'bad'],
        [1, 2],
      ]),
    );
    expect(rankings[0]).toMatchObject({ margin: 0.5, labeler: 'ann', split: 'train', where: `${path}:1` });
    expect(rankings[3]?.where).toBe(`${path}:4`);
  });

  it('name file, line and field of what is wrong', () => {
    for (const [line, message] of [
      [{ prompt: 'q', chosen: 'good' }, /wrong\.jsonl:2: rejected: /],
      [{ prompt: 'q', chosen: 'x', rejected: 'x' }, /wrong\.jsonl:2: rejected: the same text as chosen/],
      [{ chosen: 'x', rejected: 'y' }, /wrong\.jsonl:2: chosen: without a prompt, expected a conversation/],
      [
        { chosen: [user('q'), assistant('x')], rejected: [user('p'), assistant('y')] },
        /wrong\.jsonl:2: chosen and rejected: expected the same turns before the last one/,
      ],
      [
        { prompt: 'q', chosen: [user('q'), assistant('x')], rejected: 'y' },
        /wrong\.jsonl:2: chosen: beside a prompt, expected text or one turn of the assistant/,
      ],
      [{ prompt: 'q', chosen: 'x', rejected: 'y', margin: -1 }, /wrong\.jsonl:2: margin: expected a margin/],
      [{ prompt: 'q', chosen: 'x', rejected: 'y', score: 1 }, /wrong\.jsonl:2: Unrecognized key: "score"/],
    ] as const) {
      const path = file('wrong.jsonl', { prompt: 'q', chosen: 'x', rejected: 'y' }, line);
      expect(() => [...readRankings(path)]).toThrow(message);
    }
  });
});

describe('the strength of a pair', () => {
  // Ranks 1, 2, 2, 4: three groups, two steps.
  const ranks = [2, 1, 4, 2];
  const strength = [1, 4];

  it('is the strongest step between its two groups, and null where no step says', () => {
    const strengths = orderedPairs(ranks).map((pair) => [pair.join(), pairStrength(ranks, strength, pair)]);
    expect(Object.fromEntries(strengths)).toEqual({
      '0,2': 4,
      '1,0': 1,
      '1,2': 4,
      '1,3': 1,
      '3,2': 4,
    });
    expect(pairStrength(ranks, [null, 3], [1, 0])).toBeNull();
    expect(pairStrength(ranks, [null, 3], [1, 2])).toBe(3);
    expect(pairStrength(ranks, [], [1, 2])).toBeNull();
  });

  it('has Llama 2’s margins: 0, 1/3, 2/3, 1', () => {
    expect([1, 2, 3, 4].map(marginOfStrength)).toEqual([0, 1 / 3, 2 / 3, 1]);
    expect(marginOfStrength(null)).toBe(0);
  });

  it('is that of the whole ranking, also where a completion between does not fit the context', () => {
    const tokenizer = Tokenizer.trainCharacters(['Question: abc\nAnswer: ']);
    const ranking = {
      prompt: 'a',
      completions: ['a', 'b'.repeat(30), 'c'],
      ranks: [1, 2, 3],
      strength: [1, 3],
      where: 'file.jsonl:7',
    };
    const { comparisons, firstDropped } = encodeComparisons([ranking], tokenizer, 30);
    expect(firstDropped).toBe('file.jsonl:7, completions[1]');
    expect(comparisons[0]).toMatchObject({
      pairs: [[0, 1]],
      strengths: [3],
      margins: [2 / 3],
      ranks: [1, 3],
    });
    expect(comparisons[0]?.promptLengths).toEqual([19, 19]);
  });
});
