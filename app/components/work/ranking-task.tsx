'use client';

import { useMutation } from '@tanstack/react-query';
import { useMemo, useRef, useState } from 'react';
import { completionLetter, FLAGS, type Flag } from '@/server/labeling/vocabulary.ts';
import { useTRPC } from '../../lib/trpc.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { CheckField } from '../ui/field.tsx';
import { useKeys } from '../ui/keys.tsx';
import { useNotices } from '../ui/notices.tsx';
import { ConflictDialog } from './conflict-dialog.tsx';
import { WorkFrame } from './frame.tsx';
import {
  carryStrengths,
  move,
  type Order,
  placeAt,
  rankOf,
  spell,
  tieAbove,
  untie,
  without,
} from './order.ts';
import { OrderPanel, type Strength } from './order-panel.tsx';
import { RankingCard, type Rating } from './ranking-card.tsx';
import { useActiveSeconds } from './use-active-seconds.ts';
import { type Draft, useDraft, type Work } from './use-draft.ts';
import { newIdempotencyKey, useLease } from './use-lease.ts';

export type RankingDraft = Extract<Draft, { kind: 'ranking' }>;

export const EMPTY_RANKING: RankingDraft = {
  kind: 'ranking',
  groups: [],
  strengths: [],
  allBad: false,
  ratings: [],
  note: '',
};

/** Whether a stored value is the draft of a ranking. */
export function isRankingDraft(value: unknown): value is RankingDraft {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'ranking';
}

/** Whether a stored word is a flag of today's vocabulary. */
function isFlag(value: string): value is Flag {
  return value in FLAGS;
}

interface TaskProps {
  work: Work;
  onSkip(hasDraft: boolean): void;
  onDone(late: boolean): void;
}

/** Ranks the completions of one task. Nothing is placed until the labeler places it. */
export function RankingTask({ work, onSkip, onDone }: TaskProps) {
  const trpc = useTRPC();
  const { announce, notify } = useNotices();
  const activeSeconds = useActiveSeconds(work.assignment.id, work.assignment.activeSeconds);
  const draft = useDraft<RankingDraft>(work, EMPTY_RANKING, isRankingDraft, activeSeconds);
  const held = useLease(work, activeSeconds);
  const submit = useMutation(trpc.labeling.submitRanking.mutationOptions());
  const submissionKey = useRef(newIdempotencyKey());
  const [confirming, setConfirming] = useState(false);
  const ids = useMemo(() => work.completions.map((completion) => completion.id), [work.completions]);
  const [selected, setSelected] = useState<string | null>(ids[0] ?? null);
  const [differences, setDifferences] = useState(false);

  const letter = (id: string) => completionLetter(ids.indexOf(id));
  const order: Order = draft.content.groups.map((group) => group.filter((id) => ids.includes(id)));
  const strengths = draft.content.strengths ?? [];
  const { settings } = work.project;
  const complete = order.flat().length === ids.length;
  const strengthsMissing = settings.strengths && order.slice(1).some((_, index) => !strengths[index]);
  const unrated =
    settings.ratings === 'required' &&
    ids.some((id) => !draft.content.ratings?.find((rating) => rating.completionId === id)?.overall);
  const missing = !complete
    ? `${ids.length - order.flat().length} of ${ids.length} not ranked yet.`
    : strengthsMissing
      ? 'Say between neighbours how much better.'
      : unrated
        ? 'Rate each completion 1 to 7.'
        : '';

  function setOrder(next: Order, id: string | null = selected) {
    draft.change({ ...draft.content, groups: next, strengths: carryStrengths(order, strengths, next) });
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
    const others = (draft.content.ratings ?? []).filter((one) => one.completionId !== rating.completionId);
    draft.change({ ...draft.content, ratings: [...others, rating] });
  }

  const ratingOf = (id: string): Rating => {
    const found = draft.content.ratings?.find((rating) => rating.completionId === id);
    return { completionId: id, overall: found?.overall ?? null, flags: (found?.flags ?? []).filter(isFlag) };
  };

  async function send() {
    try {
      const answer = await submit.mutateAsync({
        assignmentId: work.assignment.id,
        idempotencyKey: submissionKey.current,
        activeSeconds: activeSeconds.current,
        groups: order,
        strengths: settings.strengths ? strengths.flatMap((strength) => (strength ? [strength] : [])) : null,
        ratings: settings.ratings === 'off' ? [] : ids.map(ratingOf),
        allBad: draft.content.allBad ?? false,
        note: draft.content.note ?? '',
      });
      draft.finish();
      setConfirming(false);
      onDone(answer.state === 'late');
    } catch (error) {
      setConfirming(false);
      notify({
        tone: 'red',
        text: `The ranking was not submitted: ${error instanceof Error ? error.message : 'no answer.'} Your order is kept; try again.`,
      });
    }
  }

  const reference =
    differences && selected ? work.completions.find((one) => one.id === selected)?.text : undefined;
  const short = work.completions.every((completion) => completion.text.length < 420);

  return (
    <WorkFrame
      title="Ranking"
      work={work}
      activeSeconds={activeSeconds}
      held={held}
      draft={draft}
      submitVerb="Submit ranking"
      canSubmit={missing === ''}
      missing={missing}
      busy={submit.isPending}
      onSubmit={() => missing === '' && setConfirming(true)}
      onSkip={() => onSkip(draft.savedAt !== null || order.length > 0)}
    >
      <div className="mx-auto grid w-full max-w-7xl gap-6 px-4 pb-6 sm:px-6 md:grid-cols-[minmax(0,1fr)_15rem]">
        <div className={`grid content-start gap-3 ${short ? 'xl:grid-cols-2' : ''}`}>
          {work.completions.map((completion) => {
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
              draft.change({ ...draft.content, strengths: next });
            }}
          />
          <CheckField
            label="All of them are bad"
            checked={draft.content.allBad ?? false}
            onChange={(event) => draft.change({ ...draft.content, allBad: event.target.checked })}
          />
          <details>
            <summary className="text-12 text-quiet">Add a note</summary>
            <textarea
              aria-label="Note to the reviewers"
              rows={3}
              value={draft.content.note ?? ''}
              onChange={(event) => draft.change({ ...draft.content, note: event.target.value })}
              className="mt-2 w-full rounded-one border border-edge bg-surface p-2 text-14"
            />
          </details>
        </aside>
      </div>
      <Dialog
        open={confirming}
        onOpenChange={setConfirming}
        title="Submit this order?"
        description={`It is stored exactly so: ${spell(order, letter)}.`}
        actions={
          <>
            <Button onClick={() => setConfirming(false)}>Change it</Button>
            <Button tone="primary" data-first-focus busy={submit.isPending} onClick={send}>
              Confirm ranking
            </Button>
          </>
        }
      >
        <ol className="flex flex-col gap-3">
          {order.map((group, rank) => (
            <li key={group.join(' ')} className="flex gap-3">
              <span className="figures w-5 text-quiet">{rank + 1}</span>
              <div className="flex min-w-0 flex-1 flex-col gap-1">
                {group.map((id) => (
                  <p key={id} className="flex gap-2">
                    <strong>{letter(id)}</strong>
                    <span dir="auto" className="line-clamp-2 min-w-0 font-serif text-quiet">
                      {work.completions.find((completion) => completion.id === id)?.text || '(empty)'}
                    </span>
                  </p>
                ))}
              </div>
            </li>
          ))}
        </ol>
        {draft.content.allBad && <p className="text-red">Marked: all of them are bad.</p>}
      </Dialog>
      <ConflictDialog
        open={draft.conflict !== null}
        mine={spell(order, letter)}
        theirs={spell(draft.conflict?.theirs?.groups ?? [], letter)}
        onResolve={draft.resolve}
      />
    </WorkFrame>
  );
}
