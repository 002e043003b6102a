import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answerQuestion,
  mostQuestionsLeft,
  nextQuestion,
  type Question,
  type Search,
  type Verdict,
} from './duel.ts';
import type { Order } from './order.ts';

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];

/** Asks until every completion is placed, from wherever the order stands. */
function duel(ids: string[], answer: (question: Question) => Verdict, order: Order = []) {
  let search: Search | null = null;
  let questions = 0;
  const left = [mostQuestionsLeft(order, ids, search)];
  for (;;) {
    const question = nextQuestion(order, ids, search);
    if (question === null) return { order, questions, left };
    ({ order, search } = answerQuestion(order, ids, question, answer(question)));
    questions += 1;
    left.push(mostQuestionsLeft(order, ids, search));
  }
}

/** Somebody's true preference: a grade for each completion, equal grades a tie. */
const preference = fc.array(fc.nat(8), { minLength: 2, maxLength: 9 }).map((grades) => {
  const ids = LETTERS.slice(0, grades.length);
  const gradeOf = (id: string) => grades[ids.indexOf(id)] ?? 0;
  const truth = [...new Set(grades)]
    .sort((a, b) => b - a)
    .map((grade) => ids.filter((id) => gradeOf(id) === grade));
  const answer = ({ left, right }: Question): Verdict =>
    gradeOf(left) === gradeOf(right) ? 'tie' : gradeOf(left) > gradeOf(right) ? 'left' : 'right';
  return { ids, truth, answer };
});

const sorted = (order: Order) => order.map((group) => [...group].sort());
const mergeSortBound = (n: number) => n * Math.ceil(Math.log2(n)) - 2 ** Math.ceil(Math.log2(n)) + 1;

describe('the duel', () => {
  it('ends in the true order, ties and all, within the questions that a merge sort needs', () => {
    fc.assert(
      fc.property(preference, ({ ids, truth, answer }) => {
        const { order, questions, left } = duel(ids, answer);
        expect(sorted(order)).toEqual(truth);
        expect(questions).toBeLessThanOrEqual(mergeSortBound(ids.length));
        // What it says is left falls with every answer and is never too low.
        expect(left[0]).toBe(mergeSortBound(ids.length));
        for (const [at, most] of left.entries()) {
          expect(questions - at).toBeLessThanOrEqual(most);
          if (at > 0) expect(most).toBeLessThan(left[at - 1] ?? 0);
        }
      }),
    );
  });

  it('asks nine completions 21 questions at most, and eight when all are alike', () => {
    expect(mergeSortBound(9)).toBe(21);
    expect(duel(LETTERS, () => 'tie')).toMatchObject({ order: [LETTERS], questions: 8 });
    expect(duel(LETTERS, () => 'right').questions).toBeLessThanOrEqual(21);
  });

  it('goes on from what was placed by hand', () => {
    fc.assert(
      fc.property(preference, fc.nat(8), ({ ids, truth, answer }, many) => {
        const placed = ids.slice(0, many);
        const begun = truth
          .map((group) => group.filter((id) => placed.includes(id)))
          .filter((group) => group.length > 0);
        expect(sorted(duel(ids, answer, begun).order)).toEqual(truth);
      }),
    );
  });

  it('places nothing before the first answer, and takes up a search where it was left', () => {
    const ids = LETTERS.slice(0, 4);
    expect(nextQuestion([], ids, null)).toEqual({
      left: 'a',
      right: 'b',
      search: { id: 'b', low: 0, high: 1 },
    });
    const begun: Order = [['a'], ['b'], ['c']];
    const first = nextQuestion(begun, ids, null);
    expect(first).toMatchObject({ left: 'b', right: 'd' });
    if (first === null) return;
    const { order, search } = answerQuestion(begun, ids, first, 'right');
    expect(order).toEqual(begun);
    expect(nextQuestion(order, ids, search)).toMatchObject({ left: 'a', right: 'd' });
    // Changed by hand meanwhile: the search that no longer fits is begun again.
    expect(nextQuestion([['a', 'b', 'c', 'd']], ids, search)).toBeNull();
    expect(nextQuestion([['a']], ids, { id: 'd', low: 0, high: 3 })).toMatchObject({ left: 'a', right: 'b' });
  });
});
