'use client';

import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from 'react';
import { Button } from './button.tsx';

export interface Notice {
  text: string;
  tone?: 'plain' | 'red' | 'green';
  /** Read out in place of the text, when hearing it needs more words than seeing it. */
  spoken?: string;
  /** One thing to do about it, for example to undo; `shortcut` is the key of the page that does the same. */
  action?: { label: string; shortcut?: string; run(): void };
  /** Seconds that it stays, and longer while the pointer or the focus is on it; errors stay until closed. */
  seconds?: number;
  /** It has gone, by itself or closed. */
  onClose?(): void;
}

interface Notices {
  /** Shows a message in the corner and reads it out. @returns closes it */
  notify(notice: Notice): () => void;
  /** Reads a sentence out, unseen: what moved, what was saved. */
  announce(sentence: string): void;
}

const Context = createContext<Notices | null>(null);

/** The functions that tell the person something. */
export function useNotices(): Notices {
  const notices = useContext(Context);
  if (!notices) throw new Error('useNotices needs a NoticesProvider above it.');
  return notices;
}

const tones = { plain: 'border-edge', red: 'border-red', green: 'border-green' } as const;

/** Holds the corner messages and the live region. */
export function NoticesProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<(Notice & { id: number })[]>([]);
  const [spoken, setSpoken] = useState('');
  const nextId = useRef(1);
  const onClose = useRef(new Map<number, () => void>());

  const close = useCallback((id: number) => {
    setShown((all) => all.filter((one) => one.id !== id));
    onClose.current.get(id)?.();
    onClose.current.delete(id);
  }, []);
  const notices = useMemo<Notices>(
    () => ({
      notify(notice) {
        const id = nextId.current++;
        if (notice.onClose) onClose.current.set(id, notice.onClose);
        setShown((all) => [...all.slice(-2), { ...notice, id }]);
        const seconds = notice.seconds ?? (notice.tone === 'red' ? null : 6);
        const expire = () => {
          const looked = document.getElementById(`notice-${id}`)?.matches(':hover, :focus-within');
          if (looked) setTimeout(expire, 1000);
          else close(id);
        };
        if (seconds !== null) setTimeout(expire, seconds * 1000);
        return () => close(id);
      },
      announce(sentence) {
        // The same sentence twice is read twice only when the text changes: an unseen space makes it differ.
        setSpoken((before) => (before === sentence ? `${sentence}\u00a0` : sentence));
      },
    }),
    [close],
  );

  return (
    <Context.Provider value={notices}>
      {children}
      <div role="status" aria-live="polite" className="sr-only">
        {spoken}
      </div>
      <section
        aria-label="Messages"
        className="pointer-events-none fixed right-4 bottom-20 z-50 flex w-80 max-w-[calc(100vw-2rem)] flex-col gap-2"
      >
        {shown.map((notice) => (
          <div
            key={notice.id}
            id={`notice-${notice.id}`}
            role={notice.tone === 'red' ? 'alert' : 'status'}
            className={`pointer-events-auto flex items-start gap-3 rounded-one border bg-surface p-3 shadow-float ${tones[notice.tone ?? 'plain']}`}
          >
            <p className="min-w-0 flex-1 text-14 break-words">
              {notice.spoken === undefined ? (
                notice.text
              ) : (
                <>
                  <span aria-hidden="true">{notice.text}</span>
                  <span className="sr-only">{notice.spoken}</span>
                </>
              )}
            </p>
            {notice.action && (
              <Button
                small
                {...(notice.action.shortcut === undefined ? {} : { shortcut: notice.action.shortcut })}
                onClick={() => {
                  notice.action?.run();
                  close(notice.id);
                }}
              >
                {notice.action.label}
              </Button>
            )}
            <Button tone="quiet" small aria-label="Close this message" onClick={() => close(notice.id)}>
              ✕
            </Button>
          </div>
        ))}
      </section>
    </Context.Provider>
  );
}
