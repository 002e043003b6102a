import { expect, it } from 'vitest';
import { difference } from './difference.ts';

it('marks the words that the reference does not have in that order', () => {
  expect(difference('The red fox ran far away', 'The fox ran away')).toEqual([
    { text: 'The ', same: true },
    { text: 'red ', same: false },
    { text: 'fox ran ', same: true },
    { text: 'far ', same: false },
    { text: 'away', same: true },
  ]);
});

it('loses no character', () => {
  const text = '  one\n\ntwo   three ';
  expect(
    difference(text, 'two')
      .map((stretch) => stretch.text)
      .join(''),
  ).toBe(text);
  expect(difference('', 'two')).toEqual([]);
});

it('compares what lies between a shared beginning and end, however long those are', () => {
  const long = Array.from({ length: 4000 }, (_, index) => `word${index}`).join(' ');
  expect(difference(`${long} red ${long}`, `${long} blue ${long}`).filter(({ same }) => !same)).toEqual([
    { text: 'red ', same: false },
  ]);
  expect(difference('one one', 'one')).toEqual([
    { text: 'one ', same: true },
    { text: 'one', same: false },
  ]);
});
