'use client';

import { useMemo, useRef, useState } from 'react';
import { completionLetter } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import { useNotices } from '../../../ui/notices.tsx';
import type { EditorProps } from '../kind.ts';
import { answerQuestion, nextQuestion, type Question, type Search, type Verdict } from './duel.ts';
import { carryStrengths, type Order, rankOf, spell } from './order.ts';
import type { RankingDraft } from './ranking.tsx';
import { type Rating, ratingOf, STRENGTH_NAMES, type Strength } from './rating.ts';

interface Moment {
  draft: RankingDraft;
  search: Search | null;
}

export interface RankingWork {
  /** The completions in the order in which they are shown. */
  ids: string[];
  letter(id: string): string;
  order: Order;
  strengths: (Strength | null)[];
  ratingOf(id: string): Rating;
  /** Completions that have no overall rating yet. */
  unrated: string[];
  /** Completions that are not placed yet. */
  waiting: string[];
  /** The duel's next question; null when every completion is placed. */
  question: Question | null;
  search: Search | null;
  setOrder(order: Order, moved: string | null): void;
  answer(question: Question, verdict: Verdict): void;
  setStrength(border: number, strength: Strength): void;
  rate(rating: Rating): void;
  setAllBad(allBad: boolean): void;
  setNote(note: string): void;
  undo(): void;
  redo(): void;
}

/**
 * What a labeler does to a ranking: each act changes the draft, is read out, and can be undone. The note has the
 * browser's own undo.
 */
export function useRanking({ subject, draft, change }: EditorProps<RankingDraft>): RankingWork {
  const { announce } = useNotices();
  const ids = useMemo(() => subject.completions.map((completion) => completion.id), [subject.completions]);
  const [search, setSearch] = useState<Search | null>(null);
  const past = useRef<Moment[]>([]);
  const future = useRef<Moment[]>([]);
  const order = draft.groups;
  const letter = (id: string) => completionLetter(ids.indexOf(id));
  const unrated = ids.filter((id) => ratingOf(draft.ratings, id).overall === null);
  const waitingIn = (groups: Order) => ids.filter((id) => rankOf(groups, id) === -1);

  function act(part: Partial<RankingDraft>, nextSearch: Search | null) {
    past.current.push({ draft, search });
    future.current = [];
    change({ ...draft, ...part });
    setSearch(nextSearch);
  }

  /** Goes from one heap of moments to the other: back, or forth again. */
  function step(from: Moment[], to: Moment[], done: string) {
    const moment = from.pop();
    if (!moment) {
      announce(`Nothing to be ${done}.`);
      return;
    }
    to.push({ draft, search });
    change({ ...moment.draft, note: draft.note });
    setSearch(moment.search);
    const { groups } = moment.draft;
    const waiting = waitingIn(groups);
    const ranked = groups.length === 0 ? 'Nothing is ranked' : spell(groups, letter);
    const rest = waiting.length > 0 ? `; not ranked: ${waiting.map(letter).join(', ')}` : '';
    announce(`Move ${done}. ${ranked}${rest}.`);
  }

  /** `B at rank 2 of 5, tied with D.` */
  function whereItStands(groups: Order, id: string): string {
    const rank = rankOf(groups, id);
    if (rank === -1) return `${letter(id)} is not ranked.`;
    const tied = groups[rank]?.filter((other) => other !== id) ?? [];
    const tie = tied.length > 0 ? `, tied with ${tied.map(letter).join(', ')}` : '';
    return `${letter(id)} at rank ${rank + 1} of ${groups.length}${tie}.`;
  }

  return {
    ids,
    letter,
    order,
    strengths: draft.strengths,
    ratingOf: (id) => ratingOf(draft.ratings, id),
    unrated,
    waiting: waitingIn(order),
    question: nextQuestion(order, ids, search),
    search,

    setOrder(next, moved) {
      if (JSON.stringify(next) !== JSON.stringify(order)) {
        act({ groups: next, strengths: carryStrengths(order, draft.strengths, next) }, null);
      }
      if (moved !== null) announce(whereItStands(next, moved));
      else announce('The order is empty again.');
    },

    answer(question, verdict) {
      const after = answerQuestion(order, ids, question, verdict);
      act(
        { groups: after.order, strengths: carryStrengths(order, draft.strengths, after.order) },
        after.search,
      );
      const placed = after.search === null ? `${whereItStands(after.order, question.search.id)} ` : '';
      const next = nextQuestion(after.order, ids, after.search);
      announce(
        next
          ? `${placed}${letter(next.left)} or ${letter(next.right)}?`
          : `${placed}Every completion is ranked: ${spell(after.order, letter)}. You may still change it.`,
      );
    },

    setStrength(border, strength) {
      const strengths = order.slice(1).map((_, at) => draft.strengths[at] ?? null);
      strengths[border] = strength;
      act({ strengths }, search);
      const name = STRENGTH_NAMES.find(([one]) => one === strength)?.[1].toLowerCase();
      announce(`Rank ${border + 1} is ${name} than rank ${border + 2}.`);
    },

    rate(rating) {
      const before = ratingOf(draft.ratings, rating.completionId);
      const others = draft.ratings.filter((one) => one.completionId !== rating.completionId);
      act({ ratings: [...others, rating] }, search);
      const isLast = unrated.length === 1 && unrated[0] === rating.completionId && rating.overall !== null;
      const flags = rating.flags.length === 1 ? '1 flag' : `${rating.flags.length} flags`;
      announce(
        before.overall === rating.overall
          ? `${letter(rating.completionId)} has ${flags}.`
          : `${letter(rating.completionId)} ${rating.overall === null ? 'is not rated' : `rated ${rating.overall} of 7`}.${isLast ? ' Every completion is rated.' : ''}`,
      );
    },

    setAllBad(allBad) {
      act({ allBad }, search);
      announce(allBad ? 'Marked: all of them are bad.' : 'No longer marked as all bad.');
    },

    setNote: (note) => change({ ...draft, note }),
    undo: () => step(past.current, future.current, 'undone'),
    redo: () => step(future.current, past.current, 'redone'),
  };
}
