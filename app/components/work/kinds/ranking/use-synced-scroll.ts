'use client';

import { type RefObject, useEffect } from 'react';

/** The share of a pane's height by which a key scrolls it. */
const PAGE = 0.8;

/**
 * Keeps two panes at the same share of their length, whichever of them is scrolled: texts of different length reach
 * their ends together.
 * @param key the panes are looked up anew when it changes; empty while there are none
 * @returns scrolls both by a page, on (1) or back (-1)
 */
export function useSyncedScroll(
  first: RefObject<HTMLElement | null>,
  second: RefObject<HTMLElement | null>,
  key: string,
): (by: 1 | -1) => void {
  useEffect(() => {
    const panes = [first.current, second.current] as const;
    if (key === '' || !panes[0] || !panes[1]) return;
    // Where a pane was put by this hook: its own scroll event for it is not passed on.
    const put = new Map<HTMLElement, number>();
    const follow = (from: HTMLElement, to: HTMLElement) => () => {
      if (Math.abs((put.get(from) ?? -1) - from.scrollTop) < 1.5) return;
      put.delete(from);
      const way = from.scrollHeight - from.clientHeight;
      const top = way <= 0 ? 0 : (from.scrollTop / way) * (to.scrollHeight - to.clientHeight);
      to.scrollTop = top;
      put.set(to, to.scrollTop);
    };
    const [one, other] = panes;
    const onOne = follow(one, other);
    const onOther = follow(other, one);
    one.addEventListener('scroll', onOne, { passive: true });
    other.addEventListener('scroll', onOther, { passive: true });
    return () => {
      one.removeEventListener('scroll', onOne);
      other.removeEventListener('scroll', onOther);
    };
  }, [first, second, key]);

  return (by) => {
    const [one, other] = [first.current, second.current];
    const taller = one && other && other.scrollHeight > one.scrollHeight ? other : one;
    taller?.scrollBy(0, by * taller.clientHeight * PAGE);
  };
}
