'use client';

import { useEffect, useState } from 'react';

/** The time, renewed every so many milliseconds; null on the server and in the first paint, so that the two agree. */
export function useNow(everyMs = 1000): number | null {
  const [now, setNow] = useState<number | null>(null);
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
