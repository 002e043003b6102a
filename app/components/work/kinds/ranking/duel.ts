import { type Order, placeAt, rankOf, tieWith } from './order.ts';

/**
 * An order out of questions "is this one better, or that one?": each completion is searched for its place among those
 * that are placed already, by halves. For n completions that takes at most as many questions as a merge sort,
 * n⌈log₂ n⌉ − 2^⌈log₂ n⌉ + 1, and fewer with ties (Knuth, The Art of Computer Programming 3, 5.3.1: binary insertion).
 */

/** What is known of the completion whose place is sought: it belongs among the groups `low` to `high`. */
export interface Search {
  id: string;
  low: number;
  high: number;
}

export interface Question {
  /** The one that is shown further up the page. */
  left: string;
  right: string;
  search: Search;
}

export type Verdict = 'left' | 'tie' | 'right';

/** With nothing placed, the first of the page stands for the order: it is placed when the first answer is given. */
function started(order: Order, ids: string[]): Order {
  const first = ids[0];
  return order.length > 0 || first === undefined ? order : [[first]];
}

/**
 * The next question; null when every completion is placed.
 * @param ids every completion, as they are shown
 * @param search where the last answer left off; null begins with the first completion that is not placed
 */
export function nextQuestion(order: Order, ids: string[], search: Search | null): Question | null {
  const placed = started(order, ids);
  const waiting = ids.filter((id) => rankOf(placed, id) === -1);
  const goesOn = search !== null && waiting.includes(search.id) && search.high <= placed.length;
  const id = goesOn ? search.id : waiting[0];
  if (id === undefined) return null;
  const { low, high } = goesOn ? search : { low: 0, high: placed.length };
  const other = placed[Math.floor((low + high) / 2)]?.[0];
  if (other === undefined) return null;
  const [left, right] = ids.indexOf(id) < ids.indexOf(other) ? [id, other] : [other, id];
  return { left, right, search: { id, low, high } };
}

/** The order after an answer, and where the search goes on; null once the completion has its place. */
export function answerQuestion(
  order: Order,
  ids: string[],
  { left, search }: Question,
  verdict: Verdict,
): { order: Order; search: Search | null } {
  const placed = started(order, ids);
  const { id, low, high } = search;
  const middle = Math.floor((low + high) / 2);
  const other = placed[middle]?.[0];
  if (other === undefined) return { order, search: null };
  if (verdict === 'tie') return { order: tieWith([...placed, [id]], id, other), search: null };
  const isBetter = (verdict === 'left') === (left === id);
  const next = isBetter ? { id, low, high: middle } : { id, low: middle + 1, high };
  return next.low < next.high
    ? { order: placed, search: next }
    : { order: placeAt(placed, id, next.low), search: null };
}

/** Questions that finding a place among so many groups takes at most. */
const questionsAmong = (groups: number) => Math.ceil(Math.log2(groups + 1));

/** Questions that are left at most: without ties. */
export function mostQuestionsLeft(order: Order, ids: string[], search: Search | null): number {
  const question = nextQuestion(order, ids, search);
  if (question === null) return 0;
  const placed = started(order, ids);
  const waiting = ids.filter((id) => rankOf(placed, id) === -1).length;
  let sum = questionsAmong(question.search.high - question.search.low);
  for (let more = 1; more < waiting; more++) sum += questionsAmong(placed.length + more);
  return sum;
}
