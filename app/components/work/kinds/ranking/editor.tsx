'use client';

import { lazy, type ReactNode, type RefObject, Suspense, useRef, useState } from 'react';
import { ChoiceChip } from '../../../ui/chip.tsx';
import { CheckField } from '../../../ui/field.tsx';
import { Kbd } from '../../../ui/kbd.tsx';
import { useKeys } from '../../../ui/keys.tsx';
import { Loading } from '../../../ui/states.tsx';
import type { EditorProps } from '../kind.ts';
import { ModeBar, type ModeChoice } from './mode-bar.tsx';
import { dropOn, rankOf } from './order.ts';
import { OrderPanel } from './order-panel.tsx';
import type { RankingDraft } from './ranking.tsx';
import { isLong, RankingCard } from './ranking-card.tsx';
import { rankingKeys } from './ranking-keys.ts';
import { type Desk, useDesk } from './use-desk.ts';
import { useDrag } from './use-drag.ts';
import { type RankingWork, useRanking } from './use-ranking.ts';

// Not everybody needs them: loaded when asked for.
const DuelView = lazy(() => import('./duel-view.tsx'));
const CompareView = lazy(() => import('./compare-view.tsx'));

/** Characters up to which completions are short enough for two columns. */
const SHORT = 420;

/** The completions, what the labeler thinks of each, and the order that they build. Nothing is placed until they place it. */
export function RankingEditor({ subject, draft, change }: EditorProps<RankingDraft>) {
  const work = useRanking({ subject, draft, change });
  const desk = useDesk(subject, work);
  const { settings, completions } = subject;
  const { ids, letter, order } = work;
  const [hadNote] = useState(draft.note !== '');
  const noteBox = useRef<HTMLDetailsElement>(null);
  const note = useRef<HTMLTextAreaElement>(null);
  const drag = useDrag((id, place) => {
    desk.select(id);
    work.setOrder(dropOn(order, id, place), id);
  });
  const text = (id: string) => completions.find((completion) => completion.id === id)?.text ?? '';

  useKeys(
    rankingKeys({
      subject,
      work,
      desk,
      writeNote() {
        // At once: what is typed next belongs into it.
        if (noteBox.current) noteBox.current.open = true;
        note.current?.focus();
      },
      toggleAllBad: () => work.setAllBad(!draft.allBad),
    }),
  );

  /** The text that differences are marked from: beside another, that one; else the selected. */
  function reference(id: string): string | null {
    if (!desk.differences) return null;
    const other = Array.isArray(desk.view) ? desk.view.find((one) => one !== id) : desk.selected;
    return other === null || other === undefined || other === id ? null : text(other);
  }

  const card = (id: string, pane?: RefObject<HTMLElement | null>) => {
    const rank = rankOf(order, id);
    return (
      <RankingCard
        key={id}
        id={id}
        letter={letter(id)}
        text={text(id)}
        rank={rank === -1 ? null : rank + 1}
        selected={id === desk.selected}
        onSelect={() => id !== desk.selected && desk.select(id)}
        drag={drag}
        rating={settings.ratings === 'off' ? null : work.ratingOf(id)}
        onRate={work.rate}
        mode={desk.mode}
        onFlag={(open) => {
          desk.select(id);
          desk.setMode(open ? 'flag' : desk.baseMode);
        }}
        reference={reference(id)}
        collapsed={desk.isCollapsed(id)}
        onCollapse={(collapsed) => desk.collapse(id, collapsed)}
        {...(pane ? { pane } : {})}
      />
    );
  };

  return (
    <div className="mx-auto grid w-full max-w-7xl gap-4 px-4 pb-6 sm:gap-6 sm:px-6 min-[37.5rem]:grid-cols-[minmax(0,1fr)_11.5rem] md:grid-cols-[minmax(0,1fr)_15.5rem]">
      <div className="flex min-w-0 flex-col gap-3">
        <Layouts desk={desk} anyLong={completions.some((one) => isLong(one.text))} />
        <Suspense fallback={<Loading rows={4} label="Laying the completions out" />}>
          {desk.view === 'duel' ? (
            <DuelView work={work} text={text} differences={desk.differences} onLeave={desk.leaveDuel} />
          ) : Array.isArray(desk.view) ? (
            <CompareView
              ids={ids}
              letter={letter}
              pair={desk.view}
              selected={desk.selected}
              onSelect={desk.select}
              onLeave={desk.toggleCompare}
              card={card}
            />
          ) : (
            <div
              className={`grid gap-3 ${completions.every((one) => one.text.length < SHORT) ? 'xl:grid-cols-2' : ''}`}
            >
              {ids.map((id) => card(id))}
            </div>
          )}
        </Suspense>
      </div>
      <aside
        aria-label="Ranking"
        className="flex flex-col gap-3 min-[37.5rem]:sticky min-[37.5rem]:top-34 min-[37.5rem]:max-h-[calc(100dvh-13.5rem)] min-[37.5rem]:self-start"
      >
        {desk.view !== 'duel' && (
          <ModeBar
            choices={modeChoices(subject.settings, work)}
            mode={desk.mode}
            onMode={desk.setMode}
            says={desk.says}
          />
        )}
        <div data-drag-scroll className="-m-1 flex min-h-0 flex-col gap-3 overflow-y-auto p-1">
          <h2 className="text-12 font-strong tracking-wide text-quiet">YOUR ORDER</h2>
          {desk.orderWaits ? (
            <p className="text-14 text-quiet">
              It comes after the ratings: {ids.length - work.unrated.length} of {ids.length} are rated.
            </p>
          ) : (
            <OrderPanel
              work={work}
              drag={drag}
              asksStrengths={settings.strengths}
              weighing={desk.weighing}
              selected={desk.view === 'duel' ? (work.question?.search.id ?? null) : desk.selected}
              onSelect={desk.select}
              onStrength={work.setStrength}
            />
          )}
          <CheckField
            label={
              <>
                All of them are bad <Kbd>B</Kbd>
              </>
            }
            checked={draft.allBad}
            onChange={(event) => work.setAllBad(event.target.checked)}
          />
          <details ref={noteBox} open={hadNote}>
            <summary className="text-12 text-quiet">
              {draft.note === '' ? 'Add a note' : 'Your note'} <Kbd>N</Kbd>
            </summary>
            <textarea
              ref={note}
              aria-label="Note to the reviewers"
              dir="auto"
              rows={3}
              value={draft.note}
              onChange={(event) => work.setNote(event.target.value)}
              onKeyDown={(event) => {
                if (event.key !== 'Escape' || desk.selected === null) return;
                event.preventDefault();
                document.getElementById(`select-${letter(desk.selected)}`)?.focus();
              }}
              className="mt-2 w-full rounded-one border border-edge bg-surface p-2 text-14"
            />
          </details>
        </div>
      </aside>
      {drag.moving && (
        <div
          aria-hidden="true"
          style={{ left: drag.moving.x - 18, top: drag.moving.y - 18 }}
          className="pointer-events-none fixed z-50 flex size-9 items-center justify-center rounded-one border border-gold bg-gold-wash text-14 font-strong text-gold-text shadow-float"
        >
          {letter(drag.moving.id)}
        </div>
      )}
    </div>
  );
}

/** How the completions are laid out, for those who do not use the keys. */
function Layouts({ desk, anyLong }: { desk: Desk; anyLong: boolean }): ReactNode {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <ChoiceChip pressed={desk.view === 'duel'} onToggle={desk.toggleDuel}>
        Duel <Kbd>V</Kbd>
      </ChoiceChip>
      <ChoiceChip pressed={Array.isArray(desk.view)} onToggle={desk.toggleCompare}>
        Side by side <Kbd>C</Kbd>
      </ChoiceChip>
      <ChoiceChip pressed={desk.differences} onToggle={desk.toggleDifferences}>
        Differences <Kbd>D</Kbd>
      </ChoiceChip>
      {anyLong && desk.view === 'all' && (
        <ChoiceChip pressed={false} onToggle={desk.toggleAllCollapsed}>
          Collapse or show all <Kbd>⇧ E</Kbd>
        </ChoiceChip>
      )}
    </div>
  );
}

/** The modes that this project has, with how far each is. */
function modeChoices(
  settings: EditorProps<RankingDraft>['subject']['settings'],
  work: RankingWork,
): ModeChoice[] {
  const { ids, unrated, waiting, order, strengths } = work;
  const borders = Math.max(0, order.length - 1);
  const given = Array.from({ length: borders }, (_, at) => strengths[at]).filter(Boolean).length;
  return [
    ...(settings.ratings === 'off'
      ? []
      : [
          {
            mode: 'rate' as const,
            shortcut: 'R',
            name: 'Rate',
            done: `${ids.length - unrated.length}/${ids.length}`,
          },
          { mode: 'flag' as const, shortcut: 'F', name: 'Flag', done: '' },
        ]),
    {
      mode: 'rank' as const,
      shortcut: 'O',
      name: 'Rank',
      done: `${ids.length - waiting.length}/${ids.length}`,
    },
    ...(settings.strengths
      ? [
          {
            mode: 'weigh' as const,
            shortcut: 'W',
            name: 'How much',
            done: borders > 0 ? `${given}/${borders}` : '',
          },
        ]
      : []),
  ];
}
