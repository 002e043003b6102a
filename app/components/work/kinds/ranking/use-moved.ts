'use client';

import { type RefObject, useLayoutEffect, useRef } from 'react';

/** Milliseconds of the one motion there is: a thing that goes to its new place. */
const MOTION = 150;

/**
 * Lets the elements marked `data-moves="<id>"` inside a frame glide from where they were to where they are; those who
 * asked for reduced motion see them there at once.
 * @param places changes when something may have moved
 */
export function useMoved(frame: RefObject<HTMLElement | null>, places: string): void {
  const before = useRef(new Map<string, { x: number; y: number }>());
  const known = useRef(places);
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const origin = element.getBoundingClientRect();
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const moved = known.current !== places;
    known.current = places;
    for (const one of element.querySelectorAll<HTMLElement>('[data-moves]')) {
      const id = one.dataset.moves ?? '';
      const box = one.getBoundingClientRect();
      const at = { x: box.left - origin.left, y: box.top - origin.top };
      const was = before.current.get(id);
      before.current.set(id, at);
      if (!was || !moved || still || (was.x === at.x && was.y === at.y)) continue;
      one.animate([{ transform: `translate(${was.x - at.x}px, ${was.y - at.y}px)` }, { transform: 'none' }], {
        duration: MOTION,
        easing: 'ease-out',
      });
    }
  });
}
