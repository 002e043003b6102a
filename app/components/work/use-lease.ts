'use client';

import { useEffect, useState } from 'react';
import { type Outputs, useTRPCClient } from '../../lib/trpc.ts';
import type { Work } from './kinds/kind.ts';

export type LeaseState = Outputs['labeling']['heartbeat']['state'];

/** Beats without a sign of the person, a whole lease together, after which a page left open lets the task go. */
const IDLE_BEATS = 3;

/**
 * Renews the lease three times in its length while the person is at it: a page left open overnight holds no task. Once
 * they are back, or the connection is, a lease that ran out meanwhile is taken back when the place is still free.
 * @returns how the task stands; what is typed is still accepted after its lease ran out (`expired`)
 */
export function useLease(work: Work, activeSeconds: { current: number }): LeaseState {
  const client = useTRPCClient();
  const [state, setState] = useState<LeaseState>('active');
  const assignmentId = work.assignment.id;
  const every = (work.project.settings.leaseSeconds * 1000) / 3;
  useEffect(() => {
    setState('active');
    let counted = activeSeconds.current;
    let idle = 0;
    let beating = false;
    let closed = false;

    async function beat() {
      idle = activeSeconds.current === counted ? idle + 1 : 0;
      counted = activeSeconds.current;
      if (idle > IDLE_BEATS || beating || closed) return;
      beating = true;
      try {
        const beatOf = { assignmentId, activeSeconds: activeSeconds.current };
        let { state: now } = await client.labeling.heartbeat.mutate(beatOf);
        if (now === 'expired') ({ state: now } = await client.labeling.takeBack.mutate({ assignmentId }));
        if (!closed) setState(now);
      } catch {
        // Offline: the bar says so, and the next beat tries again.
      } finally {
        beating = false;
      }
    }

    const back = () => {
      if (document.visibilityState !== 'visible') return;
      idle = 0;
      void beat();
    };
    const timer = setInterval(() => void beat(), every);
    window.addEventListener('online', back);
    document.addEventListener('visibilitychange', back);
    return () => {
      closed = true;
      clearInterval(timer);
      window.removeEventListener('online', back);
      document.removeEventListener('visibilitychange', back);
    };
  }, [assignmentId, every, activeSeconds, client]);
  return state;
}

/** A new name for a submission, so that sending it again stores nothing new. Works without HTTPS too. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
