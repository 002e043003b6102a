import type { KeyAction } from '../../../ui/keys.tsx';
import type { Subject } from '../kind.ts';
import { move, tieAbove, untie, without } from './order.ts';
import { isLong } from './ranking-card.tsx';
import type { Desk } from './use-desk.ts';
import type { RankingWork } from './use-ranking.ts';

interface Acts {
  subject: Subject;
  work: RankingWork;
  desk: Desk;
  /** Opens the note and puts the cursor there. */
  writeNote(): void;
  toggleAllBad(): void;
}

/** The keys of the ranking page as it stands: what digits do depends on the mode, which the page shows. */
export function rankingKeys(acts: Acts): KeyAction[] {
  const { work, desk, writeNote, toggleAllBad } = acts;
  const always: KeyAction[] = [
    { keys: 'v', label: 'Duel: compare two at a time', run: desk.toggleDuel },
    { keys: 'd', label: 'Mark what differs', run: desk.toggleDifferences },
    { keys: 'b', label: 'All of them are bad', run: toggleAllBad },
    { keys: 'n', label: 'Write a note to the reviewers', run: writeNote },
    { keys: 'Mod+z', label: 'Undo the last move', whileTyping: false, run: work.undo },
    { keys: 'Mod+Shift+z', label: 'Do it again', whileTyping: false, run: work.redo },
    { keys: 'Mod+y', label: 'Do it again', whileTyping: false, unlisted: true, run: work.redo },
  ];
  if (desk.view === 'duel') return always;
  return [
    ...digits(acts),
    ...modes(acts),
    ...(desk.weighing === null ? selecting(acts) : weighing(desk)),
    ...ordering(acts),
    { keys: 'c', label: 'Two side by side, or all again', run: desk.toggleCompare },
    ...collapsing(acts),
    ...always,
  ];
}

function digits({ work, desk }: Acts): KeyAction[] {
  const [shownAs, label] = {
    rate: ['1–7', 'Rate the selected completion (0: no rating)'],
    flag: ['0–9', 'Flag what is wrong with the selected completion'],
    rank: [`1–${work.ids.length}`, 'Put the selected completion at this rank'],
    weigh: ['1–4', 'Say how much better this rank is than the next'],
  }[desk.mode] as [string, string];
  return Array.from({ length: 10 }, (_, digit) => ({
    keys: String(digit),
    shownAs,
    label,
    unlisted: digit > 0,
    run: () => desk.digit(digit),
  }));
}

function modes({ subject: { settings }, desk }: Acts): KeyAction[] {
  return [
    ...(settings.ratings === 'off'
      ? []
      : [
          { keys: 'r', label: 'Digits rate', run: () => desk.setMode('rate') },
          {
            keys: 'f',
            label: 'Digits flag; again to leave the flags',
            run: () => desk.setMode(desk.mode === 'flag' ? desk.baseMode : 'flag'),
          },
        ]),
    ...(settings.ratings === 'off' && !settings.strengths
      ? []
      : [{ keys: 'o', label: 'Digits rank', run: () => desk.setMode('rank') }]),
    ...(settings.strengths
      ? [{ keys: 'w', label: 'Digits say how much better', run: () => desk.setMode('weigh') }]
      : []),
    ...(desk.mode === desk.baseMode && !Array.isArray(desk.view)
      ? []
      : [
          {
            keys: 'Escape',
            label: 'Back to where you were',
            run: () => (desk.mode === desk.baseMode ? desk.toggleCompare() : desk.setMode(desk.baseMode)),
          },
        ]),
  ];
}

function selecting({ desk }: Acts): KeyAction[] {
  return [
    { keys: 'ArrowDown', label: 'Select the next completion', run: () => desk.step(1) },
    { keys: 'ArrowUp', label: 'Select the one before', run: () => desk.step(-1) },
    { keys: 'j', label: 'Select the next completion', unlisted: true, run: () => desk.step(1) },
    { keys: 'k', label: 'Select the one before', unlisted: true, run: () => desk.step(-1) },
  ];
}

function weighing(desk: Desk): KeyAction[] {
  return [
    { keys: 'ArrowDown', label: 'To the next pair of ranks', run: () => desk.weighNext(1) },
    { keys: 'ArrowUp', label: 'To the pair of ranks before', run: () => desk.weighNext(-1) },
  ];
}

function ordering({ work, desk }: Acts): KeyAction[] {
  const { order, setOrder } = work;
  const acting = (keys: string, label: string, next: (id: string) => string[][]): KeyAction => ({
    keys,
    label,
    run: desk.withOrder((id) => setOrder(next(id), id)),
  });
  return [
    acting('=', 'Tie it with the rank above', (id) => tieAbove(order, id)),
    acting('u', 'Take it out of its tie', (id) => untie(order, id)),
    acting('Shift+ArrowUp', 'Move it one rank up', (id) => move(order, id, -1)),
    acting('Shift+ArrowDown', 'Move it one rank down', (id) => move(order, id, 1)),
    acting('Backspace', 'Take it out of the order', (id) => without(order, id)),
    {
      keys: 'Shift+Backspace',
      label: 'Take everything out of the order',
      run: desk.withOrder(() => setOrder([], null)),
    },
  ];
}

function collapsing({ subject, desk }: Acts): KeyAction[] {
  const { selected } = desk;
  const long = subject.completions.filter(({ text }) => isLong(text)).map(({ id }) => id);
  if (long.length === 0 || desk.view !== 'all') return [];
  return [
    {
      keys: 'e',
      label: 'Collapse the selected completion, or show it whole',
      run: () =>
        selected !== null && long.includes(selected) && desk.collapse(selected, !desk.isCollapsed(selected)),
    },
    { keys: 'Shift+e', label: 'Collapse all, or show all whole', run: desk.toggleAllCollapsed },
  ];
}
