'use client';

import { type ReactNode, useEffect, useId, useRef } from 'react';
import { Button } from './button.tsx';

interface DialogProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  title: string;
  /** One sentence under the title. */
  description?: ReactNode;
  children?: ReactNode;
  /** The buttons, the one to press next last. */
  actions?: ReactNode;
  wide?: boolean;
  /** A pane at the right edge instead of a box in the middle. */
  side?: boolean;
}

/**
 * A modal dialog on the browser's own: it keeps the focus inside, makes the page behind inert, closes on Escape and
 * gives the focus back, without a library's weight on the labeling page.
 */
export function Dialog(props: DialogProps) {
  return props.open ? <OpenDialog {...props} /> : null;
}

function OpenDialog({ onOpenChange, title, description, children, actions, wide, side }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    if (element && !element.open) element.showModal();
    // The box itself, so that its title is read, unless a child asks to be first.
    const first = element?.querySelector<HTMLElement>('[data-first-focus]') ?? element;
    // Not scrolled to: a dialog is read from its top, and its buttons stay in sight.
    first?.focus({ preventScroll: true });
    return () => {
      element?.close();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  const place = side
    ? 'mr-0 ml-auto my-0 h-dvh max-h-none w-[min(30rem,100vw)] border-l'
    : `mx-auto mt-[10vh] mb-auto max-h-[80vh] rounded-one border ${wide ? 'w-[min(52rem,94vw)]' : 'w-[min(32rem,94vw)]'}`;
  return (
    <dialog
      ref={dialog}
      tabIndex={-1}
      aria-labelledby={`${id}-title`}
      aria-describedby={description === undefined ? undefined : `${id}-description`}
      onCancel={(event) => {
        event.preventDefault();
        onOpenChange(false);
      }}
      onPointerDown={(event) => {
        // A press on the backdrop counts for the dialog itself, outside its box.
        const box = event.currentTarget.getBoundingClientRect();
        const outside =
          event.clientX < box.left ||
          event.clientX > box.right ||
          event.clientY < box.top ||
          event.clientY > box.bottom;
        if (event.target === event.currentTarget && outside) onOpenChange(false);
      }}
      className={`fixed inset-0 flex max-w-none flex-col gap-4 overflow-y-auto bg-surface p-6 text-14 text-ink shadow-float outline-none backdrop:bg-[rgb(10_14_20/0.5)] ${place}`}
    >
      <div className="flex items-start gap-4">
        <div className="min-w-0 flex-1">
          <h2 id={`${id}-title`} className="text-17 font-strong break-words">
            {title}
          </h2>
          {description !== undefined && (
            <div id={`${id}-description`} className="mt-1 text-14 break-words text-quiet">
              {description}
            </div>
          )}
        </div>
        <Button tone="quiet" small aria-label="Close" onClick={() => onOpenChange(false)}>
          ✕
        </Button>
      </div>
      {children}
      {actions !== undefined && (
        <div className="sticky -bottom-6 -mx-6 -mb-6 flex flex-wrap justify-end gap-2 bg-surface px-6 pt-3 pb-6">
          {actions}
        </div>
      )}
    </dialog>
  );
}

interface ConfirmProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  title: string;
  description: ReactNode;
  /** The verb on the button that does it. */
  verb: string;
  danger?: boolean;
  busy?: boolean;
  onConfirm(): void;
}

/** Asks once more before something that cannot be taken back. */
export function Confirm({
  open,
  onOpenChange,
  title,
  description,
  verb,
  danger,
  busy,
  onConfirm,
}: ConfirmProps) {
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={title}
      description={description}
      actions={
        <>
          <Button onClick={() => onOpenChange(false)}>Go back</Button>
          <Button tone={danger ? 'danger' : 'primary'} busy={busy ?? false} onClick={onConfirm}>
            {verb}
          </Button>
        </>
      }
    />
  );
}
