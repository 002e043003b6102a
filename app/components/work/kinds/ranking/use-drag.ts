'use client';

import { type PointerEvent as ReactPointerEvent, useCallback, useEffect, useRef, useState } from 'react';

/** Pixels that a press must move before it is a drag and no longer a click. */
const THRESHOLD = 4;

export interface Drag {
  /** What is being dragged, and how far from its place; null when nothing is. */
  moving: { id: string; x: number; y: number } | null;
  /** The place under the pointer: the nearest element's `data-drop`. */
  over: string | null;
  /** For the element that is dragged. */
  start(id: string, event: ReactPointerEvent<HTMLElement>): void;
}

/** The place under a point, as its element names it. */
function placeAtPoint(x: number, y: number): string | null {
  for (const element of document.elementsFromPoint(x, y)) {
    const place = element.closest('[data-drop]')?.getAttribute('data-drop');
    if (place) return place;
  }
  return null;
}

/**
 * Drags with a mouse, a pen or a finger; keyboards have the rank keys. Escape puts the thing back.
 * @param onDrop called with what was dragged and the place where it was let go
 */
export function useDrag(onDrop: (id: string, place: string) => void): Drag {
  const [moving, setMoving] = useState<Drag['moving']>(null);
  const [over, setOver] = useState<string | null>(null);
  const from = useRef<{ id: string; x: number; y: number; pointer: number; moved: boolean } | null>(null);
  const drop = useRef(onDrop);
  useEffect(() => {
    drop.current = onDrop;
  });

  useEffect(() => {
    const end = () => {
      from.current = null;
      setMoving(null);
      setOver(null);
    };
    const onMove = (event: PointerEvent) => {
      const began = from.current;
      if (began?.pointer !== event.pointerId) return;
      const x = event.clientX - began.x;
      const y = event.clientY - began.y;
      if (!began.moved && Math.hypot(x, y) < THRESHOLD) return;
      began.moved = true;
      setMoving({ id: began.id, x, y });
      setOver(placeAtPoint(event.clientX, event.clientY));
    };
    const onUp = (event: PointerEvent) => {
      const began = from.current;
      if (began?.pointer !== event.pointerId) return;
      const place = began.moved ? placeAtPoint(event.clientX, event.clientY) : null;
      end();
      if (place !== null) drop.current(began.id, place);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && from.current?.moved) end();
    };
    window.addEventListener('pointermove', onMove);
    window.addEventListener('pointerup', onUp);
    window.addEventListener('pointercancel', end);
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('pointermove', onMove);
      window.removeEventListener('pointerup', onUp);
      window.removeEventListener('pointercancel', end);
      window.removeEventListener('keydown', onKey);
    };
  }, []);

  const start = useCallback((id: string, event: ReactPointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    from.current = { id, x: event.clientX, y: event.clientY, pointer: event.pointerId, moved: false };
  }, []);

  return { moving, over, start };
}
