'use client';

import { useCallback, useState } from 'react';
import { flushSync } from 'react-dom';
import { useNotices } from '../../../ui/notices.tsx';
import type { Subject } from '../kind.ts';
import type { Pair } from './compare-view.tsx';
import type { Mode } from './mode-bar.tsx';
import { placeAt, rankOf } from './order.ts';
import { isLong } from './ranking-card.tsx';
import { FLAG_NAMES, flagKey, GRADES, STRENGTH_NAMES } from './rating.ts';
import { toggleFlag } from './rating-row.tsx';
import type { RankingWork } from './use-ranking.ts';

export interface Desk {
  /** The completion that keys act on; it has the focus too, once a key has moved it. */
  selected: string | null;
  select(id: string): void;
  /** Selects the next completion, or the one before. */
  step(by: 1 | -1): void;
  mode: Mode;
  setMode(mode: Mode): void;
  /** The mode without having chosen one. */
  baseMode: Mode;
  /** What digits do now, in words. */
  says: string;
  /** A digit's key was pressed. */
  digit(digit: number): void;
  /** The border between ranks whose strength digits give. */
  weighing: number | null;
  weighNext(by: 1 | -1): void;
  /** Whether the order comes later: the project wants each completion rated first. */
  orderWaits: boolean;
  /** Does something to the order with the selected completion, unless the order comes later. */
  withOrder(act: (id: string) => void): () => void;
  view: 'all' | 'duel' | Pair;
  toggleDuel(): void;
  leaveDuel(): void;
  toggleCompare(): void;
  differences: boolean;
  toggleDifferences(): void;
  isCollapsed(id: string): boolean;
  collapse(id: string, collapsed: boolean): void;
  toggleAllCollapsed(): void;
}

/** Characters from which a completion begins collapsed: it would bury all that comes after it. */
const ENORMOUS = 20_000;

const initiallyCollapsed = (subject: Subject) => () =>
  new Set(subject.completions.filter(({ text }) => text.length > ENORMOUS).map(({ id }) => id));

/** Where the labeler is on the page: what is selected, what digits do, and how the completions are laid out. */
export function useDesk(subject: Subject, work: RankingWork): Desk {
  const { announce } = useNotices();
  const { ids, letter, order, strengths, unrated, waiting } = work;
  const { settings } = subject;
  const first = settings.ratings === 'required' && unrated.length > 0;
  const [selected, setSelected] = useState<string | null>(ids[0] ?? null);
  const [mode, setMode] = useState<Mode>(first ? 'rate' : 'rank');
  const [border, setBorder] = useState(0);
  const [view, setView] = useState<Desk['view']>('all');
  const [differences, setDifferences] = useState(false);
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(initiallyCollapsed(subject));
  const orderWaits = first && order.length === 0;
  const baseMode: Mode = orderWaits ? 'rate' : 'rank';
  const borders = order.length - 1;
  const weighing = mode === 'weigh' && borders > 0 ? Math.min(border, borders - 1) : null;

  function select(id: string) {
    setSelected(id);
    if (mode === 'weigh') setMode(baseMode);
    if (Array.isArray(view) && !view.includes(id)) {
      setView(view[1] === selected ? [view[0], id] : [id, view[1]]);
    }
  }

  /*
   * Selection and focus are one thing. The page changes at once, since a card that has just come takes the focus; and
   * the focus moves at once, since the next key may be one of a text field.
   */

  function focusCard(id: string, change: () => void) {
    flushSync(change);
    document.getElementById(`select-${letter(id)}`)?.focus({ preventScroll: true });
    document.getElementById(`completion-${letter(id)}`)?.scrollIntoView({ block: 'nearest' });
  }

  function focusBorder(at: number, change: () => void) {
    flushSync(change);
    document.querySelector<HTMLElement>(`#strength-${at} button[tabindex="0"]`)?.focus();
  }

  function step(by: 1 | -1) {
    const other = Array.isArray(view) ? view.find((id) => id !== selected) : undefined;
    const among = ids.filter((id) => id !== other);
    const at = selected === null ? -1 : among.indexOf(selected);
    const id = among[Math.max(0, Math.min(among.length - 1, at + by))];
    if (id === undefined) return;
    focusCard(id, () => select(id));
    const rank = rankOf(order, id);
    const { overall } = work.ratingOf(id);
    const rated = settings.ratings === 'off' ? '' : overall === null ? ', not rated' : `, rated ${overall}`;
    announce(`Completion ${letter(id)}${rated}, ${rank === -1 ? 'not ranked' : `rank ${rank + 1}`}.`);
  }

  function saysOf(next: Mode, at: number): string {
    const name = selected === null ? 'the completion' : letter(selected);
    if (next === 'rate') {
      if (settings.ratings === 'required' && unrated.length === 0) {
        return `Every completion is rated: O goes on to the order. 1–7 still rates ${name}.`;
      }
      return `1–7 rates ${name}; 0 takes its rating away.`;
    }
    if (next === 'flag') return `Digits flag what is wrong with ${name}.`;
    if (next === 'weigh') {
      return `1–4: how much better rank ${at + 1} is than ${at + 2}.`;
    }
    return `1–${ids.length} puts ${name} at that rank.`;
  }

  function waitsFor(): string {
    return `Rate each completion first: ${unrated.map(letter).join(', ')} ${unrated.length === 1 ? 'is' : 'are'} not rated yet.`;
  }

  function chooseMode(next: Mode) {
    if (orderWaits && (next === 'rank' || next === 'weigh')) return announce(waitsFor());
    if (next !== 'weigh') {
      if (selected === null) setMode(next);
      else focusCard(selected, () => setMode(next));
      return announce(saysOf(next, 0));
    }
    if (borders < 1) return announce('Rank the completions first; then say how much better each rank is.');
    const unset = Array.from({ length: borders }, (_, at) => at).find((at) => !strengths[at]);
    weigh(unset ?? 0);
  }

  function weigh(at: number) {
    focusBorder(at, () => {
      setMode('weigh');
      setBorder(at);
    });
    announce(saysOf('weigh', at));
  }

  function digit(pressed: number) {
    if (weighing !== null) {
      const strength = STRENGTH_NAMES[pressed - 1]?.[0];
      if (!strength) return announce('The grades go from 1, negligibly, to 4, significantly.');
      work.setStrength(weighing, strength);
      // On to the next that has none; the last stays, to be seen.
      const after = Array.from({ length: borders }, (_, at) => at).filter(
        (at) => at !== weighing && !strengths[at],
      );
      const next = after.find((at) => at > weighing) ?? after[0];
      if (next !== undefined) focusBorder(next, () => setBorder(next));
      return;
    }
    if (selected === null) return;
    if (mode === 'rate') {
      const overall = GRADES.find((grade) => grade === pressed) ?? null;
      if (overall === null && pressed !== 0) return announce('Ratings go from 1, worst, to 7, best.');
      work.rate({ ...work.ratingOf(selected), overall });
    } else if (mode === 'flag') {
      const flag = FLAG_NAMES.find((_, index) => flagKey(index) === String(pressed))?.[0];
      if (flag) work.rate(toggleFlag(work.ratingOf(selected), flag));
    } else if (pressed < 1 || pressed > ids.length) {
      announce(`There are ranks 1 to ${ids.length}.`);
    } else {
      focusCard(selected, () => work.setOrder(placeAt(order, selected, pressed - 1), selected));
    }
  }

  const leaveDuel = useCallback(() => setView('all'), []);

  return {
    selected,
    select,
    step,
    mode: mode === 'weigh' && weighing === null ? baseMode : mode,
    setMode: chooseMode,
    baseMode,
    says: saysOf(mode, weighing ?? 0),
    digit,
    weighing,
    weighNext: (by) => weighing !== null && weigh(Math.max(0, Math.min(borders - 1, weighing + by))),
    orderWaits,
    withOrder: (act) => () => {
      if (orderWaits) return announce(waitsFor());
      if (selected === null) return;
      focusCard(selected, () => act(selected));
    },
    view,
    toggleDuel() {
      if (view === 'duel') return setView('all');
      if (orderWaits) return announce(waitsFor());
      if (waiting.length === 0) {
        return announce('Every completion is ranked already. Take one out of the order to compare it again.');
      }
      setView('duel');
    },
    leaveDuel,
    toggleCompare() {
      if (Array.isArray(view)) return setView('all');
      const left = selected ?? ids[0];
      const right = ids[(ids.indexOf(left ?? '') + 1) % ids.length];
      if (left === undefined || right === undefined) return;
      setView([left, right]);
      announce(`${letter(left)} beside ${letter(right)}.`);
    },
    differences,
    toggleDifferences() {
      setDifferences(!differences);
      announce(differences ? 'Differences are no longer marked.' : 'Differences are marked.');
    },
    isCollapsed: (id) => collapsed.has(id),
    collapse(id, collapse) {
      const next = new Set(collapsed);
      if (collapse) next.add(id);
      else next.delete(id);
      setCollapsed(next);
    },
    toggleAllCollapsed() {
      const long = subject.completions.filter(({ text }) => isLong(text)).map(({ id }) => id);
      const all = long.every((id) => collapsed.has(id));
      setCollapsed(new Set(all ? [] : long));
      announce(all ? 'Every completion is shown whole.' : 'Long completions are collapsed.');
    },
  };
}
