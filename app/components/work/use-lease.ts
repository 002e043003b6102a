'use client';

import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTRPC } from '../../lib/trpc.ts';
import type { Work } from './kinds/kind.ts';

/** Beats without a sign of the person, a whole lease together, after which a page left open lets the task go. */
const IDLE_BEATS = 3;

/**
 * Renews the lease three times in its length while the person is at it: a page left open overnight holds no task.
 * @returns false once the task is no longer in this person's hands; what is typed is still accepted then
 */
export function useLease(work: Work, activeSeconds: { current: number }): boolean {
  const trpc = useTRPC();
  const { mutateAsync } = useMutation(trpc.labeling.heartbeat.mutationOptions());
  const send = useRef(mutateAsync);
  const [held, setHeld] = useState(true);
  const assignmentId = work.assignment.id;
  const every = (work.project.settings.leaseSeconds * 1000) / 3;
  useEffect(() => {
    setHeld(true);
    let counted = activeSeconds.current;
    let idle = 0;
    const beat = () => {
      idle = activeSeconds.current === counted ? idle + 1 : 0;
      counted = activeSeconds.current;
      if (idle > IDLE_BEATS) return;
      send.current({ assignmentId, activeSeconds: activeSeconds.current }).then(
        ({ leaseUntil }) => setHeld(leaseUntil !== null),
        // Offline: the bar says so, and the next beat tries again.
        () => undefined,
      );
    };
    const back = () => {
      if (document.visibilityState !== 'visible') return;
      idle = 0;
      beat();
    };
    const timer = setInterval(beat, every);
    document.addEventListener('visibilitychange', back);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', back);
    };
  }, [assignmentId, every, activeSeconds]);
  return held;
}

/** A new name for a submission, so that sending it again stores nothing new. Works without HTTPS too. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
