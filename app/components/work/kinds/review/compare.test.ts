import { describe, expect, it } from 'vitest';
import { whyInReview } from '@/server/labeling/kinds/review/vocabulary.ts';
import { disputes, ranksOf, translateLetters } from './compare.ts';

const order = (letters: string) => letters.split(' ').map((group) => [...group]);

describe('labels beside each other', () => {
  it('have the ranks that were given, ties sharing one', () => {
    expect([...ranksOf(order('C AD B'))]).toEqual([
      ['C', 1],
      ['A', 2],
      ['D', 2],
      ['B', 3],
    ]);
  });

  it('dispute a pair when two put it the opposite way round, and not when one ties it', () => {
    const found = disputes([...'ABCD'], [order('A B C D'), order('B A CD'), order('AB D C')]);
    expect([...found]).toEqual([
      ['A', ['B']],
      ['B', ['A']],
      ['C', ['D']],
      ['D', ['C']],
    ]);
    const tied = disputes([...'AB'], [order('A B'), order('AB')]);
    expect([...tied.values()].flat()).toEqual([]);
  });

  it('have their notes’ letters told in the reader’s, where the two differ', () => {
    const name = (index: number) => 'ABC'.charAt(index);
    expect(translateLetters(['x', 'y', 'z'], ['y', 'x', 'z'], name)).toBe('A is B here, B is A');
    expect(translateLetters(['x', 'y', 'z'], ['x', 'y', 'z'], name)).toBe('');
  });

  it('say why they are in review, with the number', () => {
    expect(whyInReview('low_agreement', { agreement: 0.4242, pairs: 12 }, String)).toBe(
      'Its labelers agree on 42 % of 12 pairs.',
    );
    expect(whyInReview('reward_disagreement', { margin: 2.06, preferred: 'D', over: 'B' }, String)).toBe(
      'The reward model prefers D over B by 2.1, and a labeler put them the other way round.',
    );
  });
});
