'use client';

import { useCallback, useEffect, useRef, useState } from 'react';
import { failureOf } from '../../lib/failure.ts';
import { useTRPCClient } from '../../lib/trpc.ts';
import { useSaved } from '../shell/saved.tsx';
import { useUser } from '../shell/user.tsx';
import { clearKept, writeKept } from './browser-store.ts';
import { DraftKeeper } from './draft-keeper.ts';
import type { Draft, Work } from './kinds/kind.ts';
import { draftKey, type KeptDraft } from './leftover-drafts.ts';
import { Tabs, tabName } from './tabs.ts';
import { newIdempotencyKey } from './use-lease.ts';

export interface DraftHandle<Content> {
  content: Content;
  /** Changes the draft; it is saved by itself. `keepsBefore`: what stood there before is kept whatever it was. */
  change(content: Content, keepsBefore?: boolean): void;
  savedAt: Date | null;
  /** What another tab saved, while the person has not chosen yet. */
  conflict: { theirs: Content | null } | null;
  /** @throws Error when theirs is chosen and mine could be kept nowhere: then nothing changes */
  resolve(keep: 'mine' | 'theirs'): Promise<void>;
  /** True once the task was handed in from elsewhere; what was typed here since is kept among the earlier drafts. */
  ended: boolean;
  /** Call while the work is on its way to be handed in, and `resume` when it was not. */
  pause(): void;
  resume(): void;
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
  const client = useTRPCClient();
  const { id: userId } = useUser();
  const saved = useSaved();
  const setSaved = useRef(saved.set);
  const assignmentId = work.assignment.id;
  const [content, setContent] = useState<Content>(isContent(work.draft.content) ? work.draft.content : empty);
  const [savedAt, setSavedAt] = useState(work.draft.savedAt);
  const [conflict, setConflict] = useState<{ theirs: Content | null } | null>(null);
  const [ended, setEnded] = useState(false);
  const keeper = useRef<DraftKeeper<Content> | null>(null);
  const tabs = useRef<Tabs | null>(null);
  const first = useRef({ ...work.draft, isContent });

  /** Keeps a text among the earlier drafts: in the browser until the server has it. */
  const setAside = useCallback(
    async (draft: Content) => {
      const key = draftKey(userId, assignmentId, newIdempotencyKey());
      const entry: KeptDraft = {
        assignmentId,
        tab: tabName(),
        revision: null,
        content: draft,
        at: Date.now(),
      };
      const stored = writeKept(key, entry);
      try {
        await client.labeling.setDraftAside.mutate({ assignmentId, content: draft });
        clearKept(key);
      } catch (error) {
        if (!stored) throw error;
      }
    },
    [client, userId, assignmentId],
  );

  useEffect(() => {
    const start = first.current;
    const channel = new Tabs(userId);
    const key = draftKey(userId, assignmentId);
    const own = new DraftKeeper<Content>({
      revision: start.revision,
      base: start.isContent(start.content) ? start.content : null,
      save: async (revision, draft, keepsBefore) => {
        const answer = await client.labeling.saveDraft.mutate({
          assignmentId,
          revision,
          content: draft,
          activeSeconds: activeSeconds.current,
          ...(keepsBefore ? { keepsBefore } : {}),
        });
        if (answer.status === 'saved') {
          channel.tell({ what: 'saved', assignmentId, revision: answer.revision, content: draft });
          return answer;
        }
        return {
          status: 'conflict',
          revision: answer.revision,
          content: start.isContent(answer.content) ? answer.content : null,
        };
      },
      onState(state, at) {
        setSaved.current(state);
        if (at) setSavedAt(at);
      },
      onConflict: (theirs) => setConflict({ theirs }),
      onRefused(_error, draft) {
        setEnded(true);
        // Where even that fails, the browser's own copy of the draft still stands.
        setAside(draft).then(
          () => clearKept(key),
          () => undefined,
        );
      },
      failureOf,
      store: {
        write: ({ revision, content: draft }) => {
          const entry: KeptDraft = { assignmentId, tab: tabName(), revision, content: draft, at: Date.now() };
          return writeKept(key, entry);
        },
        clear: () => clearKept(key),
      },
    });
    keeper.current = own;
    tabs.current = channel;
    setSaved.current(start.savedAt === null ? 'none' : 'saved');
    const stopListening = channel.listen((message) => {
      if (message.what === 'saved' && message.assignmentId === assignmentId) {
        if (start.isContent(message.content) && own.adopt(message.revision, message.content)) {
          setContent(message.content);
        }
      } else if (message.what === 'ended' && message.assignmentId === assignmentId) {
        setEnded(true);
        void own.flush();
      }
    });
    const flush = () => void own.flush();
    const ask = (event: BeforeUnloadEvent) => {
      if (own.wouldLose) event.preventDefault();
    };
    window.addEventListener('online', flush);
    window.addEventListener('beforeunload', ask);
    document.addEventListener('visibilitychange', flush);
    return () => {
      window.removeEventListener('online', flush);
      window.removeEventListener('beforeunload', ask);
      document.removeEventListener('visibilitychange', flush);
      stopListening();
      void own.flush();
      own.close();
      channel.close();
      setSaved.current('none');
    };
  }, [client, userId, assignmentId, activeSeconds, setAside]);

  const change = useCallback((next: Content, keepsBefore = false) => {
    setContent(next);
    keeper.current?.change(next, keepsBefore);
  }, []);

  return {
    content,
    change,
    savedAt,
    conflict,
    async resolve(keep) {
      if (keep === 'theirs') {
        const mine = keeper.current?.mine;
        if (mine) await setAside(mine);
        setContent(conflict?.theirs ?? empty);
      }
      keeper.current?.resolve(keep);
      setConflict(null);
    },
    ended,
    pause: () => keeper.current?.pause(),
    resume: () => keeper.current?.resume(),
    finish() {
      keeper.current?.finish();
      tabs.current?.tell({ what: 'ended', assignmentId });
    },
    flush: async () => keeper.current?.flush(),
  };
}
