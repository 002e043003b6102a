'use client';

import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { Dialog } from './dialog.tsx';
import { Kbd } from './kbd.tsx';

export interface KeyAction {
  /** For example `Mod+Enter`, `?`, `1`, `Shift+ArrowUp`. `Mod` is Ctrl, or ⌘ on a Mac. */
  keys: string;
  /** What it does, a verb first. */
  label: string;
  run(event: KeyboardEvent): void;
  /** Whether also while a text field has the focus. Not said, it is so with Mod only; a text's own undo is `false`. */
  whileTyping?: boolean;
  /** What the list shows in place of `keys`, for one entry that stands for several. */
  shownAs?: string;
  /** Works, but is not in the list (the second of a pair, say). */
  unlisted?: boolean;
}

interface Registry {
  add(actions: { current: KeyAction[] }): () => void;
}

const Context = createContext<Registry | null>(null);

/** `Mod+Enter` as this machine's keyboard prints it. */
export function keyName(keys: string): string {
  const mac = typeof navigator !== 'undefined' && navigator.platform.startsWith('Mac');
  return keys
    .replace('Mod', mac ? '⌘' : 'Ctrl')
    .replace('Enter', '↵')
    .replace('ArrowUp', '↑')
    .replace('ArrowDown', '↓')
    .replace('ArrowLeft', '←')
    .replace('ArrowRight', '→')
    .replaceAll('+', ' ')
    .replace(/(^| )([a-z])$/, (_, before: string, letter: string) => `${before}${letter.toUpperCase()}`);
}

type KeyPress = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>;

/** Whether a key press is the one that `keys` names. */
export function matchesKeys(event: KeyPress, keys: string): boolean {
  const parts = keys === '+' ? ['+'] : keys.split('+');
  const key = parts.at(-1) ?? '';
  const mod = event.ctrlKey || event.metaKey;
  if (mod !== parts.includes('Mod') || event.altKey !== parts.includes('Alt')) return false;
  if (parts.includes('Shift') && !event.shiftKey) return false;
  if (!parts.includes('Shift') && event.shiftKey && (key.length > 1 || /[a-z0-9]/i.test(key))) return false;
  return event.key.toLowerCase() === key.toLowerCase();
}

/** Whether the press belongs to the field that has the focus: letters to a text, arrows to a row of choices. */
function isTyping({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  )
    return true;
  if (!(target instanceof HTMLInputElement)) return false;
  if (target.type === 'radio') return key.startsWith('Arrow');
  return target.type !== 'checkbox' && target.type !== 'button';
}

/** Listens for the page's keys, and shows them all on `?`. */
export function KeysProvider({ children }: { children: ReactNode }) {
  const registered = useRef(new Set<{ current: KeyAction[] }>());
  const [help, setHelp] = useState<KeyAction[] | null>(null);
  const registry = useMemo<Registry>(
    () => ({
      add(actions) {
        registered.current.add(actions);
        return () => registered.current.delete(actions);
      },
    }),
    [],
  );

  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      if (event.defaultPrevented) return;
      const typing = isTyping(event);
      const inDialog = event.target instanceof Element && event.target.closest('dialog,[role=menu]') !== null;
      // The latest mounted wins: a page's keys over the shell's.
      for (const { current } of [...registered.current].reverse()) {
        for (const action of current) {
          if (!matchesKeys(event, action.keys)) continue;
          const always = action.whileTyping ?? action.keys.startsWith('Mod+');
          if ((typing && !always) || (inDialog && !(always && action.keys.startsWith('Mod+')))) continue;
          event.preventDefault();
          action.run(event);
          return;
        }
      }
      if (event.key === '?' && !typing && !inDialog) {
        event.preventDefault();
        setHelp(
          [...registered.current].flatMap(({ current }) => current).filter((action) => !action.unlisted),
        );
      }
    }
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);

  return (
    <Context.Provider value={registry}>
      {children}
      <Dialog
        open={help !== null}
        onOpenChange={(open) => !open && setHelp(null)}
        title="Keys on this page"
        description="Letters and digits work while no text field has the focus."
      >
        <dl className="grid grid-cols-[auto_1fr] items-baseline gap-x-4 gap-y-2">
          {(help ?? []).map((action) => (
            <div key={`${action.keys} ${action.label}`} className="contents">
              <dt>
                <span className="sr-only">{action.shownAs ?? keyName(action.keys)}</span>
                <Kbd>{action.shownAs ?? keyName(action.keys)}</Kbd>
              </dt>
              <dd>{action.label}</dd>
            </div>
          ))}
          <dt>
            <span className="sr-only">?</span>
            <Kbd>?</Kbd>
          </dt>
          <dd>Show this list</dd>
        </dl>
      </Dialog>
    </Context.Provider>
  );
}

/** Gives the page these keys while the component is shown. The actions may change on every render. */
export function useKeys(actions: KeyAction[]): void {
  const registry = useContext(Context);
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => registry?.add(latest), [registry]);
}
