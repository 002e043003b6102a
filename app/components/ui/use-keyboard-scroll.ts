'use client';

import { type RefObject, useLayoutEffect, useRef } from 'react';

/** Makes what scrolls reachable by keyboard, and only while it scrolls: what fits is no stop on the way. */
export function useKeyboardScroll<E extends HTMLElement>(): RefObject<E | null> {
  const ref = useRef<E>(null);
  // Before it is painted: on a busy machine there is a gap between the painting and a passive effect.
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const look = () => {
      const scrolls =
        element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight;
      if (scrolls) element.tabIndex = 0;
      else element.removeAttribute('tabindex');
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    // What is inside may grow without the box: text that is loaded, rows that are opened.
    for (const child of element.children) observer.observe(child);
    const mutations = new MutationObserver(look);
    mutations.observe(element, { childList: true, subtree: true });
    // A font that arrives late widens the lines, and no box.
    document.fonts.addEventListener('loadingdone', look);
    return () => {
      document.fonts.removeEventListener('loadingdone', look);
      observer.disconnect();
      mutations.disconnect();
    };
  }, []);
  return ref;
}
