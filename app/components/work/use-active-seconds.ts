'use client';

import { useEffect, useRef } from 'react';

/** Seconds without a key, a pointer or a scroll after which a person counts as idle. */
const IDLE_AFTER = 60;

/**
 * Counts the seconds that a person is at work on something: page visible, and something done in the last minute.
 * @param key starts anew when it changes
 * @param start seconds counted before
 * @returns a ref to read the seconds from; it causes no rendering
 */
export function useActiveSeconds(key: string, start: number): { current: number } {
  const seconds = useRef(start);
  const counted = useRef(key);
  useEffect(() => {
    if (counted.current !== key) seconds.current = start;
    counted.current = key;
    let lastSign = Date.now();
    const sign = () => {
      lastSign = Date.now();
    };
    const signs = ['keydown', 'pointermove', 'pointerdown', 'wheel', 'scroll', 'touchstart'];
    for (const name of signs) window.addEventListener(name, sign, { passive: true });
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible' && Date.now() - lastSign < IDLE_AFTER * 1000)
        seconds.current += 1;
    }, 1000);
    return () => {
      clearInterval(timer);
      for (const name of signs) window.removeEventListener(name, sign);
    };
  }, [key, start]);
  return seconds;
}
