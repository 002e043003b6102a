'use client';

import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTRPC } from '../../lib/trpc.ts';
import type { Work } from './kinds/kind.ts';

/**
 * Renews the lease three times in its length while the page is open.
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
    const timer = setInterval(() => {
      send.current({ assignmentId, activeSeconds: activeSeconds.current }).then(
        ({ leaseUntil }) => setHeld(leaseUntil !== null),
        // Offline: the bar says so, and the next beat tries again.
        () => undefined,
      );
    }, every);
    return () => clearInterval(timer);
  }, [assignmentId, every, activeSeconds]);
  return held;
}

/** A new name for a submission, so that sending it again stores nothing new. Works without HTTPS too. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
