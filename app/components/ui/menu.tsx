'use client';

import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Button } from './button.tsx';

export interface MenuItem {
  /** Different from the other items'. */
  label: string;
  onSelect(): void;
  /** Marks the one that holds now. */
  checked?: boolean;
}

interface MenuProps {
  /** What stands on the button that opens it. */
  trigger: ReactNode;
  /** The button's name for screen readers; it begins with what is seen. */
  label: string;
  /** A heading inside the menu. */
  heading?: string;
  items: MenuItem[];
  align?: 'start' | 'end';
}

/** A menu of actions behind a button: arrows, Home and End move, Enter chooses, Escape and Tab leave. */
export function Menu({ trigger, label, heading, items, align = 'end' }: MenuProps) {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    list.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const onPointerDown = ({ target }: PointerEvent) => {
      if (target instanceof Node && !frame.current?.contains(target)) setOpen(false);
    };
    document.addEventListener('pointerdown', onPointerDown);
    return () => document.removeEventListener('pointerdown', onPointerDown);
  }, [open]);

  function close() {
    setOpen(false);
    frame.current?.querySelector('button')?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    const choices = [...(list.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const at = choices.findIndex((choice) => choice.matches(':focus'));
    const to: Record<string, number> = {
      ArrowDown: (at + 1) % choices.length,
      ArrowUp: (at - 1 + choices.length) % choices.length,
      Home: 0,
      End: choices.length - 1,
    };
    const next = to[event.key];
    if (next !== undefined) choices[next]?.focus();
    else if (event.key === 'Escape') close();
    else if (event.key === 'Tab') return setOpen(false);
    else return;
    event.preventDefault();
  }

  return (
    <div ref={frame} className="relative min-w-0">
      <Button
        tone="quiet"
        small
        className="max-w-full"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={label}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown' || open) return;
          event.preventDefault();
          setOpen(true);
        }}
      >
        {trigger}
      </Button>
      {open && (
        <div
          ref={list}
          id={id}
          role="menu"
          aria-label={heading ?? label}
          tabIndex={-1}
          onKeyDown={onKeyDown}
          className={`absolute top-full z-50 mt-1 max-h-[70vh] w-72 max-w-[90vw] overflow-y-auto rounded-one border bg-surface py-1 shadow-float ${align === 'end' ? 'right-0' : 'left-0'}`}
        >
          {heading !== undefined && (
            <p aria-hidden="true" className="truncate px-3 py-1 text-12 text-quiet">
              {heading}
            </p>
          )}
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              onClick={() => {
                close();
                item.onSelect();
              }}
              className="flex w-full items-center gap-2 px-3 py-1.5 text-left text-14 -outline-offset-2 hover:bg-sunken"
            >
              <span className="min-w-0 flex-1 truncate">{item.label}</span>
              {item.checked && (
                <>
                  <span className="sr-only">chosen</span>
                  <span aria-hidden="true">✓</span>
                </>
              )}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
