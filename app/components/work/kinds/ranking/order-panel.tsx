'use client';

import type { ReactNode } from 'react';
import { STRENGTHS } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import { type Order, placeAt, rankOf, tieWith, without } from './order.ts';
import { type Drag, useDrag } from './use-drag.ts';

export type Strength = keyof typeof STRENGTHS;

interface OrderPanelProps {
  ids: string[];
  letter(id: string): string;
  order: Order;
  strengths: (Strength | null)[];
  /** Whether the project asks how much better each rank is than the next. */
  asksStrengths: boolean;
  selected: string | null;
  onSelect(id: string): void;
  /** The new order, and which completion was moved. */
  onOrder(order: Order, moved: string): void;
  onStrength(index: number, strength: Strength | null): void;
}

const GRADES = Object.entries(STRENGTHS) as [Strength, string][];

/** The order that is being built: ranks from the top, ties side by side, what is not placed yet below. */
export function OrderPanel(props: OrderPanelProps) {
  const { ids, letter, order, strengths, asksStrengths, selected, onSelect, onOrder, onStrength } = props;
  const waiting = ids.filter((id) => rankOf(order, id) === -1);

  const drag = useDrag(drop);

  function drop(id: string, target: string) {
    if (target === 'waiting') return onOrder(without(order, id), id);
    const gap = /^gap-(\d+)$/.exec(target)?.[1];
    if (gap !== undefined) {
      const from = rankOf(order, id);
      const alone = from !== -1 && order[from]?.length === 1;
      // Taking a rank of its own out of the order shifts the gaps below it.
      return onOrder(placeAt(order, id, Number(gap) - (alone && from < Number(gap) ? 1 : 0)), id);
    }
    const group = /^group-(\d+)$/.exec(target)?.[1];
    const other = group === undefined ? undefined : order[Number(group)]?.find((one) => one !== id);
    if (other !== undefined) onOrder(tieWith(order, id, other), id);
  }

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
    <section aria-label="Your order" className="flex flex-col gap-1">
      <h2 className="text-12 font-strong tracking-wide text-quiet">YOUR ORDER</h2>
      <ol className="flex flex-col">
        {order.map((group, rank) => (
          <li key={group.join(' ')} className="flex flex-col">
            {rank === 0 ? (
              <Gap over={drag.over} index={0} />
            ) : (
              <Gap over={drag.over} index={rank}>
                {asksStrengths && (
                  <select
                    aria-label={`How much better rank ${rank} is than rank ${rank + 1}`}
                    value={strengths[rank - 1] ?? ''}
                    onChange={(event) =>
                      onStrength(
                        rank - 1,
                        GRADES.find(([grade]) => grade === event.target.value)?.[0] ?? null,
                      )
                    }
                    className={`h-7 rounded-one border bg-surface px-1 text-12 ${strengths[rank - 1] ? 'border-edge text-ink' : 'border-gold text-gold-text'}`}
                  >
                    <option value="">how much better?</option>
                    {GRADES.map(([grade, name]) => (
                      <option key={grade} value={grade}>
                        {name.toLowerCase()}
                      </option>
                    ))}
                  </select>
                )}
              </Gap>
            )}
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
            Nothing is ranked yet. Select a completion and press its rank, or drag it here.
          </p>
        )}
        {order.length === 0 && <Gap over={drag.over} index={0} tall />}
        {waiting.length > 0 && <p className="w-full text-12 text-quiet">Not ranked yet</p>}
        {waiting.map(chip)}
      </Waiting>
    </section>
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
  const moving = drag.moving?.id === id ? drag.moving : null;
  return (
    <button
      type="button"
      onPointerDown={(event) => drag.start(id, event)}
      onClick={() => onSelect(id)}
      aria-pressed={selected}
      aria-label={`Completion ${name}`}
      style={moving ? { transform: `translate(${moving.x}px, ${moving.y}px)` } : undefined}
      className={`flex size-9 touch-none items-center justify-center rounded-one border text-14 font-strong select-none ${moving ? 'pointer-events-none relative z-20 cursor-grabbing shadow-float' : 'cursor-grab'} ${selected ? 'border-gold bg-gold-wash text-gold-text' : 'border-edge bg-surface'}`}
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
      className={`flex items-center pl-7 ${tall ? 'h-14 w-full rounded-one border border-dashed border-edge' : 'min-h-3 py-0.5'} ${over === place ? HELD_OVER : ''}`}
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
      className={`mt-3 flex min-h-9 flex-wrap items-center gap-2 rounded-one p-1 ${over === 'waiting' ? HELD_OVER : ''}`}
    >
      {empty ? <p className="text-12 text-green">Every completion is ranked ✓</p> : children}
    </div>
  );
}
