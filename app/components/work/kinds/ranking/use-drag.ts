'use client';

import { type PointerEvent as ReactPointerEvent, useCallback, useEffect, useRef, useState } from 'react';

/** Pixels that a press must move before it is a drag and no longer a click. */
const THRESHOLD = 4;
/** Pixels from the edge of what scrolls within which it scrolls along, and by how many a frame. */
const EDGE = 28;
const SCROLL = 6;

export interface Drag {
  /** What is being dragged, and where the pointer is on the screen; null when nothing is. */
  moving: { id: string; x: number; y: number } | null;
  /** The place under the pointer: the nearest element's `data-drop`. */
  over: string | null;
  /** For the element that is dragged. */
  start(id: string, event: ReactPointerEvent<HTMLElement>): void;
}

/** The place under a point, as its element names it, and the element around it that scrolls. */
function placeAtPoint(x: number, y: number): { place: string | null; scroller: Element | null } {
  for (const element of document.elementsFromPoint(x, y)) {
    const found = element.closest('[data-drop]');
    const scroller = element.closest('[data-drag-scroll]');
    if (found) return { place: found.getAttribute('data-drop'), scroller };
    if (scroller) return { place: null, scroller };
  }
  return { place: null, scroller: null };
}

/**
 * Drags with a mouse, a pen or a finger; keyboards have the rank keys. Escape puts the thing back. Near the edge of an
 * element marked `data-drag-scroll`, that scrolls.
 * @param onDrop called with what was dragged and the place where it was let go
 */
export function useDrag(onDrop: (id: string, place: string) => void): Drag {
  const [moving, setMoving] = useState<Drag['moving']>(null);
  const [over, setOver] = useState<string | null>(null);
  const from = useRef<{ id: string; x: number; y: number; pointer: number; moved: boolean } | null>(null);
  const at = useRef({ x: 0, y: 0 });
  const drop = useRef(onDrop);
  useEffect(() => {
    drop.current = onDrop;
  });

  useEffect(() => {
    let frame = 0;
    const end = () => {
      cancelAnimationFrame(frame);
      frame = 0;
      from.current = null;
      setMoving(null);
      setOver(null);
    };
    const scrollAlong = () => {
      const { x, y } = at.current;
      const { place, scroller } = placeAtPoint(x, y);
      if (scroller) {
        const box = scroller.getBoundingClientRect();
        if (y < box.top + EDGE) scroller.scrollTop -= SCROLL;
        else if (y > box.bottom - EDGE) scroller.scrollTop += SCROLL;
      }
      setOver(place);
      frame = requestAnimationFrame(scrollAlong);
    };
    const onMove = (event: PointerEvent) => {
      const began = from.current;
      if (began?.pointer !== event.pointerId) return;
      const { clientX: x, clientY: y } = event;
      if (!began.moved && Math.hypot(x - began.x, y - began.y) < THRESHOLD) return;
      began.moved = true;
      at.current = { x, y };
      setMoving({ id: began.id, x, y });
      setOver(placeAtPoint(x, y).place);
      if (frame === 0) frame = requestAnimationFrame(scrollAlong);
    };
    const onUp = (event: PointerEvent) => {
      const began = from.current;
      if (began?.pointer !== event.pointerId) return;
      const place = began.moved ? placeAtPoint(event.clientX, event.clientY).place : null;
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
      cancelAnimationFrame(frame);
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
