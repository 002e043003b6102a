'use client';

import { useMutation } from '@tanstack/react-query';
import { TRPCClientError } from '@trpc/client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTRPC } from '../../lib/trpc.ts';
import { useSaved } from '../shell/saved.tsx';
import { DraftKeeper } from './draft-keeper.ts';
import type { Draft, Work } from './kinds/kind.ts';

interface Stored<Content> {
  revision: number;
  content: Content;
}

const storageKey = (assignmentId: string) => `touchstone-draft-${assignmentId}`;

/** What the browser kept of a draft that never reached the server; null when there is none. */
function readStored<Content>(assignmentId: string, isContent: (value: unknown) => value is Content) {
  try {
    const kept: Partial<Stored<unknown>> | null = JSON.parse(
      localStorage.getItem(storageKey(assignmentId)) ?? 'null',
    );
    return kept && typeof kept.revision === 'number' && isContent(kept.content)
      ? { revision: kept.revision, content: kept.content }
      : null;
  } catch {
    // What cannot be read is no draft of ours.
    return null;
  }
}

export interface DraftHandle<Content> {
  content: Content;
  /** Changes the draft; it is saved by itself. */
  change(content: Content): void;
  savedAt: Date | null;
  /** What another tab saved, while the person has not chosen yet. */
  conflict: { theirs: Content | null } | null;
  resolve(keep: 'mine' | 'theirs'): void;
  /** Call when the work is handed in. */
  finish(): void;
  flush(): Promise<void>;
}

/**
 * The draft of an assignment, on the screen, in the browser and on the server. Remount (key) for another assignment.
 * @param empty what an untouched draft is
 * @param isContent whether a stored value is a draft of this kind
 */
export function useDraft<Content extends Draft>(
  work: Work,
  empty: Content,
  isContent: (value: unknown) => value is Content,
  activeSeconds: { current: number },
): DraftHandle<Content> {
  const trpc = useTRPC();
  const saved = useSaved();
  const setSaved = useRef(saved.set);
  const { mutateAsync } = useMutation(trpc.labeling.saveDraft.mutationOptions());
  const send = useRef(mutateAsync);
  const assignmentId = work.assignment.id;
  const [content, setContent] = useState<Content>(isContent(work.draft.content) ? work.draft.content : empty);
  const [savedAt, setSavedAt] = useState(work.draft.savedAt);
  const [conflict, setConflict] = useState<{ theirs: Content | null } | null>(null);
  const keeper = useRef<DraftKeeper<Content> | null>(null);
  const first = useRef({ revision: work.draft.revision, saved: work.draft.savedAt !== null, isContent });

  useEffect(() => {
    const own = new DraftKeeper<Content>({
      revision: first.current.revision,
      save: async (revision, draft) => {
        const answer = await send.current({
          assignmentId,
          revision,
          content: draft,
          activeSeconds: activeSeconds.current,
        });
        if (answer.status === 'saved') return answer;
        return {
          status: 'conflict',
          revision: answer.revision,
          content: first.current.isContent(answer.content) ? answer.content : null,
        };
      },
      onState(state, at) {
        setSaved.current(state);
        if (at) setSavedAt(at);
      },
      onConflict: (theirs) => setConflict({ theirs }),
      isOffline: (error) =>
        !(error instanceof TRPCClientError) || error.data === undefined || error.data === null,
      store: {
        write: (entry) => {
          try {
            localStorage.setItem(storageKey(assignmentId), JSON.stringify(entry));
          } catch {
            // A full or forbidden storage: the server's copy is the one that counts.
          }
        },
        clear: () => localStorage.removeItem(storageKey(assignmentId)),
      },
    });
    keeper.current = own;
    setSaved.current(first.current.saved ? 'saved' : 'none');
    const kept = readStored(assignmentId, first.current.isContent);
    if (kept) {
      setContent(kept.content);
      own.change(kept.content);
    }
    const flush = () => void own.flush();
    window.addEventListener('online', flush);
    document.addEventListener('visibilitychange', flush);
    return () => {
      window.removeEventListener('online', flush);
      document.removeEventListener('visibilitychange', flush);
      void own.flush();
      own.close();
      setSaved.current('none');
    };
  }, [assignmentId, activeSeconds]);

  const change = useCallback((next: Content) => {
    setContent(next);
    keeper.current?.change(next);
  }, []);

  return {
    content,
    change,
    savedAt,
    conflict,
    resolve(keep) {
      if (keep === 'theirs' && conflict?.theirs) setContent(conflict.theirs);
      keeper.current?.resolve(keep);
      setConflict(null);
    },
    finish: () => keeper.current?.finish(),
    flush: async () => keeper.current?.flush(),
  };
}
