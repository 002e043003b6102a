'use client';

import { createContext, type ReactNode, useContext, useState } from 'react';

export type SavedState =
  | 'none'
  | 'typing'
  | 'saving'
  | 'saved'
  /** The server does not answer; kept in the browser. */
  | 'offline'
  /** The server failed; kept in the browser. */
  | 'failed'
  | 'signed-out'
  /** Another tab saved first. */
  | 'conflict'
  /** The server takes no more of it: the task was handed in elsewhere. */
  | 'ended'
  /** Neither on the server nor in the browser. */
  | 'unkept';

const Context = createContext<{ state: SavedState; set(state: SavedState): void } | null>(null);

/** Carries the draft's state from the page to the bar. */
export function SavedProvider({ children }: { children: ReactNode }) {
  const [state, set] = useState<SavedState>('none');
  return <Context.Provider value={{ state, set }}>{children}</Context.Provider>;
}

/** The draft's state and its setter. */
export function useSaved() {
  const saved = useContext(Context);
  if (!saved) throw new Error('useSaved needs a SavedProvider above it.');
  return saved;
}

const words: Record<SavedState, { text: string; className: string; mark: string }> = {
  none: { text: '', className: '', mark: '' },
  typing: { text: 'not saved yet', className: 'text-quiet', mark: '○' },
  saving: { text: 'saving', className: 'text-quiet', mark: '◐' },
  saved: { text: 'saved', className: 'text-green', mark: '●' },
  offline: { text: 'offline, kept here', className: 'text-red', mark: '▲' },
  failed: { text: 'not saved, kept here', className: 'text-red', mark: '▲' },
  'signed-out': { text: 'signed out, kept here', className: 'text-red', mark: '▲' },
  conflict: { text: 'changed elsewhere', className: 'text-red', mark: '▲' },
  ended: { text: 'handed in elsewhere', className: 'text-quiet', mark: '●' },
  unkept: { text: 'not saved anywhere', className: 'text-red', mark: '▲' },
};

/** The mark in the bar that says whether everything typed is on the server. */
export function SavedMark() {
  const { state } = useSaved();
  const { text, className, mark } = words[state];
  if (state === 'none') return null;
  return (
    <span className={`text-12 whitespace-nowrap ${className}`}>
      {text} <span aria-hidden="true">{mark}</span>
    </span>
  );
}
