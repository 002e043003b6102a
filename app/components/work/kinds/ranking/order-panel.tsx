'use client';

import { type ReactNode, useRef } from 'react';
import { ChoiceRow } from './choice-row.tsx';
import { STRENGTH_NAMES, type Strength } from './rating.ts';
import type { Drag } from './use-drag.ts';
import { useMoved } from './use-moved.ts';
import type { RankingWork } from './use-ranking.ts';

interface OrderPanelProps {
  work: RankingWork;
  drag: Drag;
  /** Whether the project asks how much better each rank is than the next. */
  asksStrengths: boolean;
  /** The border whose strength digits give now; null when they do something else. */
  weighing: number | null;
  selected: string | null;
  onSelect(id: string): void;
  onStrength(border: number, strength: Strength): void;
}

/** A grade in a word, as it stands between two ranks. */
const WORDS: Record<Strength, string> = {
  negligible: 'negligibly',
  slight: 'slightly',
  better: 'better',
  significant: 'significantly',
};

/** The order that is being built: ranks from the top, ties side by side, what is not placed yet below. */
export function OrderPanel(props: OrderPanelProps) {
  const { work, drag, asksStrengths, weighing, selected, onSelect, onStrength } = props;
  const { order, letter, waiting, strengths } = work;
  const frame = useRef<HTMLElement>(null);
  useMoved(frame, JSON.stringify(order));

  const chip = (id: string) => (
    <Draggable
      key={id}
      id={id}
      drag={drag}
      name={letter(id)}
      selected={id === selected}
      onSelect={onSelect}
    />
  );

  return (
    <section ref={frame} aria-label="Your order" className="flex flex-col gap-1">
      <ol className="flex flex-col">
        {order.map((group, rank) => (
          <li key={group.join(' ')} className="flex flex-col">
            <Gap over={drag.over} index={rank}>
              {asksStrengths && rank > 0 && (
                <StrengthRow
                  border={rank - 1}
                  strength={strengths[rank - 1] ?? null}
                  active={weighing === rank - 1}
                  onStrength={onStrength}
                />
              )}
            </Gap>
            <Group over={drag.over} index={rank}>
              <span className="figures w-5 text-14 text-quiet">{rank + 1}</span>
              {group.map((id, place) => (
                <span key={id} className="flex items-center gap-2">
                  {place > 0 && <span className="text-quiet">=</span>}
                  {chip(id)}
                </span>
              ))}
            </Group>
          </li>
        ))}
      </ol>
      {order.length > 0 && <Gap over={drag.over} index={order.length} />}
      <Waiting over={drag.over} empty={waiting.length === 0}>
        {order.length === 0 && (
          <p className="w-full pb-1 text-12 text-quiet">
            Nothing is ranked yet. Select a completion and press its rank, or drag its letter here.
          </p>
        )}
        {order.length === 0 && <Gap over={drag.over} index={0} tall />}
        {waiting.length > 0 && <p className="w-full text-12 text-quiet">Not ranked yet</p>}
        {waiting.map(chip)}
      </Waiting>
    </section>
  );
}

interface StrengthRowProps {
  border: number;
  strength: Strength | null;
  active: boolean;
  onStrength(border: number, strength: Strength): void;
}

/** How much better a rank is than the next: four grades, from negligibly to significantly. */
function StrengthRow({ border, strength, active, onStrength }: StrengthRowProps) {
  return (
    <div className={`flex flex-wrap items-center gap-x-2 py-0.5 ${active ? 'rounded-one bg-gold-wash' : ''}`}>
      <ChoiceRow
        id={`strength-${border}`}
        legend={`How much better rank ${border + 1} is than rank ${border + 2}`}
        choices={STRENGTH_NAMES.map(([value, name], index) => ({
          value,
          name: `${index + 1} ${name}`,
          face: index + 1,
        }))}
        chosen={strength}
        onChoose={(grade) => onStrength(border, grade)}
        active={active}
      />
      <span aria-hidden="true" className={`text-12 ${strength ? 'text-quiet' : 'text-gold-text'}`}>
        {strength ? WORDS[strength] : 'how much?'}
      </span>
    </div>
  );
}

interface DraggableProps {
  id: string;
  drag: Drag;
  name: string;
  selected: boolean;
  onSelect(id: string): void;
}

function Draggable({ id, drag, name, selected, onSelect }: DraggableProps) {
  return (
    <button
      type="button"
      data-moves={id}
      onPointerDown={(event) => drag.start(id, event)}
      onClick={() => onSelect(id)}
      aria-pressed={selected}
      aria-label={`Completion ${name}`}
      className={`flex size-9 cursor-grab touch-none items-center justify-center rounded-one border text-14 font-strong select-none ${drag.moving?.id === id ? 'opacity-40' : ''} ${selected ? 'border-gold bg-gold-wash text-gold-text' : 'border-edge bg-surface'}`}
    >
      {name}
    </button>
  );
}

/** Looks of a place that something is held over. */
const HELD_OVER = 'bg-gold-wash outline outline-gold';

interface PlaceProps {
  /** The place that something is held over now. */
  over: string | null;
  children?: ReactNode;
}

function Gap({ index, tall = false, over, children }: PlaceProps & { index: number; tall?: boolean }) {
  const place = `gap-${index}`;
  return (
    <div
      data-drop={place}
      className={`flex items-center pl-1 sm:pl-7 ${tall ? 'h-14 w-full rounded-one border border-dashed border-edge' : 'min-h-3 py-0.5'} ${over === place ? HELD_OVER : ''}`}
    >
      {children}
    </div>
  );
}

function Group({ index, over, children }: PlaceProps & { index: number }) {
  const place = `group-${index}`;
  return (
    <div
      data-drop={place}
      className={`flex flex-wrap items-center gap-2 rounded-one px-1 py-1 ${over === place ? HELD_OVER : 'bg-sunken'}`}
    >
      {children}
    </div>
  );
}

function Waiting({ empty, over, children }: PlaceProps & { empty: boolean }) {
  return (
    <div
      data-drop="waiting"
      className={`mt-2 flex min-h-9 flex-wrap items-center gap-2 rounded-one p-1 ${over === 'waiting' ? HELD_OVER : ''}`}
    >
      {empty ? <p className="text-12 text-green">Every completion is ranked ✓</p> : children}
    </div>
  );
}
