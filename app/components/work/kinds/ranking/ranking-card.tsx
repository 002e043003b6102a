'use client';

import { type ReactNode, type RefObject, useLayoutEffect, useRef } from 'react';
import { useKeyboardScroll } from '../../../ui/use-keyboard-scroll.ts';
import { CompletionText } from './completion-text.tsx';
import type { Mode } from './mode-bar.tsx';
import type { Rating } from './rating.ts';
import { RatingRow } from './rating-row.tsx';
import type { Drag } from './use-drag.ts';

interface RankingCardProps {
  id: string;
  letter: string;
  text: string;
  /** Rank counted from 1; null while it is not placed. */
  rank: number | null;
  selected: boolean;
  onSelect(): void;
  drag: Drag;
  /** Null when the project asks for no ratings. */
  rating: Rating | null;
  onRate(rating: Rating): void;
  /** What digits do now. */
  mode: Mode;
  onFlag(open: boolean): void;
  /** The text to mark the differences from; null when none are marked. */
  reference: string | null;
  collapsed: boolean;
  onCollapse(collapsed: boolean): void;
  /** Scrolls by itself, beside another: given the element that does. */
  pane?: RefObject<HTMLElement | null>;
}

/** Characters from which a completion can be collapsed. */
const LONG = 1200;

export const isLong = (text: string) => text.length > LONG || text.split('\n', 26).length > 25;

/** One completion: its letter, its text, and what the labeler thinks of it by itself. */
export function RankingCard(props: RankingCardProps) {
  const { id, letter, text, rank, selected, onSelect, drag, rating, reference, collapsed, pane } = props;
  const body = <CompletionText text={text} reference={reference} />;
  return (
    <article
      id={`completion-${letter}`}
      aria-label={`Completion ${letter}`}
      aria-current={selected || undefined}
      onFocus={onSelect}
      className={`min-w-0 scroll-mt-32 scroll-mb-24 rounded-one border-l-4 bg-surface p-3 sm:p-4 ${selected ? 'border-gold' : 'border-transparent'}`}
    >
      <div className="flex flex-wrap items-start gap-x-3 gap-y-1">
        <button
          type="button"
          id={`select-${letter}`}
          tabIndex={selected ? 0 : -1}
          onPointerDown={(event) => drag.start(id, event)}
          onClick={onSelect}
          aria-label={`Select completion ${letter}`}
          aria-pressed={selected}
          className={`flex size-8 shrink-0 cursor-grab touch-none items-center justify-center rounded-one border text-17 font-strong select-none ${selected ? 'border-gold bg-gold-wash text-gold-text' : 'border-edge'} ${drag.moving?.id === id ? 'opacity-40' : ''}`}
        >
          {letter}
        </button>
        {/* A click on the text selects it too; the button beside it is what keyboards and readers use. */}
        <div className="order-last min-w-0 flex-1 basis-full sm:order-none sm:basis-0" onPointerUp={onSelect}>
          {pane ? (
            <Pane name={`Text of completion ${letter}`} pane={pane} text={text}>
              {body}
            </Pane>
          ) : (
            <div className={collapsed ? 'max-h-36 overflow-hidden' : ''}>{body}</div>
          )}
        </div>
        <span className="figures ml-auto shrink-0 text-right text-12 text-quiet">
          {rank === null ? 'no rank' : `rank ${rank}`}
        </span>
      </div>
      <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-2 sm:pl-11">
        {rating && (
          <RatingRow
            letter={letter}
            rating={rating}
            mode={selected ? props.mode : null}
            onRate={props.onRate}
            onFlag={props.onFlag}
          />
        )}
        {!pane && isLong(text) && (
          <button
            type="button"
            aria-expanded={!collapsed}
            aria-label={collapsed ? `Show all of completion ${letter}` : `Collapse completion ${letter}`}
            onClick={() => props.onCollapse(!collapsed)}
            className="text-12 text-gold-text underline"
          >
            {collapsed ? 'Show all' : 'Collapse'}
          </button>
        )}
      </div>
    </article>
  );
}

interface PaneProps {
  name: string;
  pane: RefObject<HTMLElement | null>;
  /** Another text begins at its top. */
  text: string;
  children: ReactNode;
}

/** A text that scrolls by itself, reachable by keyboard while it does. */
export function Pane({ name, pane, text, children }: PaneProps) {
  const scroller = useKeyboardScroll<HTMLElement>();
  const shown = useRef(text);
  useLayoutEffect(() => {
    pane.current = scroller.current;
    if (shown.current !== text) scroller.current?.scrollTo(0, 0);
    shown.current = text;
  });
  return (
    <section ref={scroller} aria-label={name} className="max-h-[46vh] min-h-24 overflow-y-auto pr-1">
      {children}
    </section>
  );
}
