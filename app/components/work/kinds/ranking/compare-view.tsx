'use client';

import { type ReactNode, type RefObject, useEffect, useRef } from 'react';
import { Button } from '../../../ui/button.tsx';
import { ChoiceChip } from '../../../ui/chip.tsx';
import { useKeys } from '../../../ui/keys.tsx';
import { useSyncedScroll } from './use-synced-scroll.ts';

export type Pair = [left: string, right: string];

interface CompareViewProps {
  ids: string[];
  letter(id: string): string;
  pair: Pair;
  /** One of the two: its side is the one that turns to another completion. */
  selected: string | null;
  onSelect(id: string): void;
  onLeave(): void;
  card(id: string, pane: RefObject<HTMLElement | null>): ReactNode;
}

/** Two completions side by side, scrolling together. */
export default function CompareView(props: CompareViewProps) {
  const { ids, letter, pair, selected, onSelect, onLeave, card } = props;
  const left = useRef<HTMLElement>(null);
  const right = useRef<HTMLElement>(null);
  const scroll = useSyncedScroll(left, right, pair.join(' '));
  const frame = useRef<HTMLElement>(null);
  useEffect(() => {
    // In a block: newer browsers return a promise here, and an effect may return a function alone.
    frame.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  useKeys([
    { keys: 'ArrowLeft', label: 'Select the left side', run: () => onSelect(pair[0]) },
    { keys: 'ArrowRight', label: 'Select the right side', run: () => onSelect(pair[1]) },
    { keys: 'PageDown', label: 'Scroll both on', run: () => scroll(1) },
    { keys: 'PageUp', label: 'Scroll both back', run: () => scroll(-1) },
  ]);
  return (
    <section
      ref={frame}
      aria-label="Side by side"
      className="flex min-w-0 scroll-mt-32 scroll-mb-24 flex-col gap-3"
    >
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="text-14 font-strong">
          {letter(pair[0])} beside {letter(pair[1])}
        </h2>
        {ids.map((id) => (
          <ChoiceChip
            key={id}
            pressed={pair.includes(id)}
            disabled={pair.includes(id)}
            label={`Show ${letter(id)} in the place of ${selected === null ? 'the left' : letter(selected)}`}
            onToggle={() => onSelect(id)}
          >
            {letter(id)}
          </ChoiceChip>
        ))}
        <span className="flex-1" />
        <Button small onClick={onLeave} shortcut="C">
          Show all
        </Button>
      </div>
      <div className="grid items-start gap-3 min-[44rem]:grid-cols-2">
        {card(pair[0], left)}
        {card(pair[1], right)}
      </div>
    </section>
  );
}
