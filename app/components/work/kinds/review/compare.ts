import type { Subject } from '../kind.ts';

type Label = NonNullable<Subject['review']>['labels'][number];
type Demonstration = Extract<Label['content'], { kind: 'demonstration' }>;
type Ranking = Extract<Label['content'], { kind: 'ranking' }>;

/** A label under review whose content is of one kind. */
export type LabelOf<C> = Omit<Label, 'content'> & { content: C };
export type RankingLabel = LabelOf<Ranking>;
export type DemonstrationLabel = LabelOf<Demonstration>;
export type AnyLabel = Label;

export const isRanking = (label: Label): label is Label & RankingLabel => label.content.kind === 'ranking';
export const isDemonstration = (label: Label): label is Label & DemonstrationLabel =>
  label.content.kind === 'demonstration';

/** The rank of each completion, counted from 1; tied ones share it. */
export function ranksOf(groups: string[][]): Map<string, number> {
  return new Map(groups.flatMap((group, index) => group.map((id) => [id, index + 1] as const)));
}

/**
 * How the letters in a labeler's note are to be read: `A is C here, B is A`. Each labeler sees the completions in an order
 * of their own.
 * @returns empty where every letter is the reader's too
 */
export function translateLetters(theirs: string[], ours: string[], name: (index: number) => string): string {
  const differing = theirs.flatMap((id, index) => {
    const here = ours.indexOf(id);
    return here === index || here === -1 ? [] : [`${name(index)} is ${name(here)}`];
  });
  return differing.length === 0
    ? ''
    : `${differing[0]} here${differing
        .slice(1)
        .map((one) => `, ${one}`)
        .join('')}`;
}

/**
 * The pairs of completions that two of the orders put the opposite way round. A tie contradicts nothing.
 * @returns of each completion, those that it is disputed with, in the order of `ids`
 */
export function disputes(ids: string[], orders: string[][][]): Map<string, string[]> {
  const ranks = orders.map(ranksOf);
  const disputed = (a: string, b: string) => {
    const signs = new Set(ranks.map((of) => Math.sign((of.get(a) ?? 0) - (of.get(b) ?? 0))));
    return signs.has(1) && signs.has(-1);
  };
  return new Map(ids.map((id) => [id, ids.filter((other) => other !== id && disputed(id, other))]));
}
