import fc from 'fast-check';
import { expect, it } from 'vitest';
import { changes, folded } from './changes.ts';

it('marks the words that went and those that came', () => {
  expect(changes('Be kind.\nBe short.\n', 'Be kind.\nBe very brief.\n')).toEqual([
    { text: 'Be kind.\nBe ', change: 'same' },
    { text: 'short.', change: 'removed' },
    { text: 'very brief.', change: 'added' },
    { text: '\n', change: 'same' },
  ]);
  expect(changes('', 'New.')).toEqual([{ text: 'New.', change: 'added' }]);
  expect(changes('Same.', 'Same.')).toEqual([{ text: 'Same.', change: 'same' }]);
  expect(changes('', '')).toEqual([]);
});

it('holds both texts whole, whatever they are', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'the', ' ', '\n', '\n\n', '# ', 'ü', '金'), { maxLength: 60 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const pieces = changes(before, after);
      const of = (without: string) =>
        pieces.flatMap((piece) => (piece.change === without ? [] : [piece.text])).join('');
      expect(of('added')).toBe(before);
      expect(of('removed')).toBe(after);
    }),
  );
});

it('finds one changed word in a text of two hundred thousand characters', () => {
  const lines = Array.from(
    { length: 4000 },
    (_, index) => `Rule ${index}: ${'be clear and kind '.repeat(2)}`,
  );
  const after = lines.with(2000, lines[2000]?.replace('clear', 'brief') ?? '');
  const found = changes(lines.join('\n'), after.join('\n')).filter(({ change }) => change !== 'same');
  expect(found).toEqual([
    { text: 'clear', change: 'removed' },
    { text: 'brief', change: 'added' },
  ]);
});

it('folds what stays the same, away from the changes', () => {
  const text = '1\n2\n3\n4\n5\n6\n7\n8\n';
  expect(folded(text, 'between')).toEqual(['1\n2\n', 4, '7\n8\n']);
  expect(folded(text, 'first')).toEqual(['', 6, '7\n8\n']);
  expect(folded(text, 'last')).toEqual(['1\n2\n', 6, '']);
  expect(folded('1\n2\n', 'between')).toEqual(['1\n2\n', 0, '']);
});
