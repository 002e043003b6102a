'use client';

import { Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
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

/** A modal dialog: focus is kept inside, Escape closes it, focus returns to where it was. */
export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  children,
  actions,
  wide,
  side,
}: DialogProps) {
  const place = side
    ? 'right-0 top-0 h-dvh w-[min(30rem,100vw)] border-l'
    : `left-1/2 top-[10vh] max-h-[80vh] -translate-x-1/2 rounded-one border ${wide ? 'w-[min(52rem,94vw)]' : 'w-[min(32rem,94vw)]'}`;
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-[rgb(10_14_20/0.5)]" />
        <Radix.Content
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
          className={`fixed z-50 flex flex-col gap-4 overflow-y-auto bg-surface p-6 shadow-float ${place}`}
        >
          <div className="flex items-start gap-4">
            <div className="flex-1">
              <Radix.Title className="text-17 font-strong">{title}</Radix.Title>
              {description !== undefined && (
                <Radix.Description className="mt-1 text-14 text-quiet">{description}</Radix.Description>
              )}
            </div>
            <Radix.Close asChild>
              <Button tone="quiet" small aria-label="Close">
                ✕
              </Button>
            </Radix.Close>
          </div>
          {children}
          {actions !== undefined && <div className="flex flex-wrap justify-end gap-2">{actions}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
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
