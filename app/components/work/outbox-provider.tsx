'use client';

import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { failureOf } from '../../lib/failure.ts';
import { dateTime } from '../../lib/format.ts';
import { useTRPCClient } from '../../lib/trpc.ts';
import { useUser } from '../shell/user.tsx';
import { useNotices } from '../ui/notices.tsx';
import { clearKept, keptKey, readKept, writeKept } from './browser-store.ts';
import { clearLeftovers } from './leftover-drafts.ts';
import { Outbox, type Waiting } from './outbox.ts';

const Context = createContext<Outbox | null>(null);

/** The signed-in person's outbox; null in the first paint. */
export function useOutbox(): Outbox | null {
  return useContext(Context);
}

const isWaiting = (value: unknown): value is Waiting =>
  typeof value === 'object' && value !== null && 'submission' in value && 'draft' in value;

/** Sends what this person handed in while there was no connection, from whatever page they are on. */
export function OutboxProvider({ children }: { children: ReactNode }) {
  const { id: userId } = useUser();
  const client = useTRPCClient();
  const { notify } = useNotices();
  const [outbox, setOutbox] = useState<Outbox | null>(null);

  useEffect(() => {
    const own = new Outbox({
      send: (submission) => client.labeling.submit.mutate(submission),
      failureOf,
      store: {
        read: () => readKept<Waiting>('submission', userId, isWaiting).map(({ value }) => value),
        write: (waiting) =>
          writeKept(keptKey('submission', userId, waiting.submission.assignmentId), waiting),
        clear: (assignmentId) => clearKept(keptKey('submission', userId, assignmentId)),
      },
      onStored: ({ submission, draft }) => clearLeftovers(userId, submission.assignmentId, draft),
      async onRefused({ submission, draft, name, at }, message) {
        await client.labeling.setDraftAside.mutate({ assignmentId: submission.assignmentId, content: draft });
        notify({
          tone: 'red',
          text: `The ${name.toLowerCase()} of ${dateTime(new Date(at))} UTC was not taken: ${message} Its text is kept in your history.`,
        });
      },
    });
    setOutbox(own);
    const flush = () => void own.flush();
    flush();
    window.addEventListener('online', flush);
    return () => {
      window.removeEventListener('online', flush);
      own.close();
    };
  }, [userId, client, notify]);

  return <Context.Provider value={outbox}>{children}</Context.Provider>;
}
