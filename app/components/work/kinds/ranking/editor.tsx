'use client';

import { useMemo, useState } from 'react';
import { completionLetter, FLAGS, type Flag } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import { CheckField } from '../../../ui/field.tsx';
import { useKeys } from '../../../ui/keys.tsx';
import { useNotices } from '../../../ui/notices.tsx';
import type { EditorProps } from '../kind.ts';
import { carryStrengths, move, type Order, placeAt, rankOf, tieAbove, untie, without } from './order.ts';
import { OrderPanel, type Strength } from './order-panel.tsx';
import type { RankingDraft } from './ranking.tsx';
import { RankingCard, type Rating } from './ranking-card.tsx';

/** Whether a stored word is a flag of today's vocabulary. */
export function isFlag(value: string): value is Flag {
  return value in FLAGS;
}

/** The completions, what the labeler thinks of each, and the order that they build. Nothing is placed until they place it. */
export function RankingEditor({ subject, draft, change }: EditorProps<RankingDraft>) {
  const { announce } = useNotices();
  const ids = useMemo(() => subject.completions.map((completion) => completion.id), [subject.completions]);
  const [selected, setSelected] = useState<string | null>(ids[0] ?? null);
  const [differences, setDifferences] = useState(false);
  const { settings } = subject;
  const letter = (id: string) => completionLetter(ids.indexOf(id));
  const order: Order = draft.groups;
  const { strengths } = draft;

  function setOrder(next: Order, id: string | null = selected) {
    change({ ...draft, groups: next, strengths: carryStrengths(order, strengths, next) });
    if (id === null) return;
    const rank = rankOf(next, id);
    const tied = next[rank]?.filter((other) => other !== id) ?? [];
    announce(
      rank === -1
        ? `${letter(id)} is not ranked.`
        : `${letter(id)} at rank ${rank + 1} of ${next.length}${tied.length > 0 ? `, tied with ${tied.map(letter).join(', ')}` : ''}.`,
    );
  }

  function select(id: string) {
    setSelected(id);
  }

  function step(by: number) {
    const at = selected === null ? -1 : ids.indexOf(selected);
    const id = ids[Math.max(0, Math.min(ids.length - 1, at + by))];
    if (id === undefined) return;
    setSelected(id);
    const rank = rankOf(order, id);
    announce(`Completion ${letter(id)}, ${rank === -1 ? 'not ranked' : `rank ${rank + 1}`}.`);
    document.getElementById(`completion-${letter(id)}`)?.scrollIntoView({ block: 'nearest' });
  }

  const withSelected = (act: (id: string) => void) => () => selected !== null && act(selected);

  useKeys([
    ...ids.map((_, rank) => ({
      keys: String(rank + 1),
      shownAs: `1–${ids.length}`,
      label: 'Put the selected completion at this rank',
      unlisted: rank > 0,
      run: withSelected((id) => setOrder(placeAt(order, id, rank))),
    })),
    {
      keys: '=',
      label: 'Tie it with the rank above',
      run: withSelected((id) => setOrder(tieAbove(order, id))),
    },
    { keys: 'u', label: 'Take it out of its tie', run: withSelected((id) => setOrder(untie(order, id))) },
    {
      keys: 'Backspace',
      label: 'Take it out of the order',
      run: withSelected((id) => setOrder(without(order, id))),
    },
    {
      keys: 'Shift+ArrowUp',
      label: 'Move it one rank up',
      run: withSelected((id) => setOrder(move(order, id, -1))),
    },
    {
      keys: 'Shift+ArrowDown',
      label: 'Move it one rank down',
      run: withSelected((id) => setOrder(move(order, id, 1))),
    },
    { keys: 'ArrowDown', label: 'Select the next completion', run: () => step(1) },
    { keys: 'ArrowUp', label: 'Select the one before', run: () => step(-1) },
    { keys: 'j', label: 'Select the next completion', unlisted: true, run: () => step(1) },
    { keys: 'k', label: 'Select the one before', unlisted: true, run: () => step(-1) },
    {
      keys: 'd',
      label: 'Mark what differs from the selected completion',
      run: () => setDifferences((shown) => !shown),
    },
    ...(settings.ratings === 'off'
      ? []
      : [
          {
            keys: 'r',
            label: 'Rate the selected completion (then arrows)',
            run: withSelected((id) => {
              const card = document.getElementById(`completion-${letter(id)}`);
              (
                card?.querySelector<HTMLElement>('input:checked') ?? card?.querySelector<HTMLElement>('input')
              )?.focus();
            }),
          },
          {
            keys: 'f',
            label: 'Flag the selected completion',
            run: withSelected((id) => document.getElementById(`flags-${letter(id)}`)?.click()),
          },
        ]),
  ]);

  function rate(rating: Rating) {
    const others = draft.ratings.filter((one) => one.completionId !== rating.completionId);
    change({ ...draft, ratings: [...others, rating] });
  }

  const ratingOf = (id: string): Rating => {
    const found = draft.ratings.find((rating) => rating.completionId === id);
    return { completionId: id, overall: found?.overall ?? null, flags: (found?.flags ?? []).filter(isFlag) };
  };

  const reference =
    differences && selected ? subject.completions.find((one) => one.id === selected)?.text : undefined;
  const short = subject.completions.every((completion) => completion.text.length < 420);

  return (
    <div className="mx-auto grid w-full max-w-7xl gap-6 px-4 pb-6 sm:px-6 md:grid-cols-[minmax(0,1fr)_15rem]">
      <div className={`grid content-start gap-3 ${short ? 'xl:grid-cols-2' : ''}`}>
        {subject.completions.map((completion) => {
          const rank = rankOf(order, completion.id);
          return (
            <RankingCard
              key={completion.id}
              letter={letter(completion.id)}
              text={completion.text}
              rank={rank === -1 ? null : rank + 1}
              selected={completion.id === selected}
              onSelect={() => select(completion.id)}
              rating={settings.ratings === 'off' ? null : ratingOf(completion.id)}
              onRate={rate}
              reference={reference !== undefined && completion.id !== selected ? reference : null}
            />
          );
        })}
      </div>
      <aside aria-label="Ranking" className="flex flex-col gap-4 md:sticky md:top-34 md:self-start">
        <OrderPanel
          ids={ids}
          letter={letter}
          order={order}
          strengths={strengths}
          asksStrengths={settings.strengths}
          selected={selected}
          onSelect={select}
          onOrder={setOrder}
          onStrength={(index, strength: Strength | null) => {
            const next = order.slice(1).map((_, at) => strengths[at] ?? null);
            next[index] = strength;
            change({ ...draft, strengths: next });
          }}
        />
        <CheckField
          label="All of them are bad"
          checked={draft.allBad}
          onChange={(event) => change({ ...draft, allBad: event.target.checked })}
        />
        <details>
          <summary className="text-12 text-quiet">Add a note</summary>
          <textarea
            aria-label="Note to the reviewers"
            rows={3}
            value={draft.note}
            onChange={(event) => change({ ...draft, note: event.target.value })}
            className="mt-2 w-full rounded-one border border-edge bg-surface p-2 text-14"
          />
        </details>
      </aside>
    </div>
  );
}
