'use client';

import { useEffect, useRef, useState } from 'react';
import { SKIP_REASONS, type SkipReason } from '@/server/labeling/vocabulary.ts';
import { Button } from '../ui/button.tsx';
import { ChoiceChip } from '../ui/chip.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';
import { Kbd } from '../ui/kbd.tsx';
import { useNotices } from '../ui/notices.tsx';

interface SkipDialogProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  /** Whether something was typed, which is then kept. */
  hasDraft: boolean;
  busy: boolean;
  onSkip(reason: SkipReason, note: string): void;
}

const REASONS = Object.entries(SKIP_REASONS) as [SkipReason, string][];

/**
 * Asks why a task is skipped. With nothing typed, a digit answers and skips in one; with a draft, the digit chooses and
 * Enter confirms. With the pointer or with Tab, a reason is chosen and a word may be added.
 */
export function SkipDialog({ open, onOpenChange, hasDraft, busy, onSkip }: SkipDialogProps) {
  const [reason, setReason] = useState<SkipReason | null>(null);
  const [note, setNote] = useState('');
  const { announce } = useNotices();

  function onKey(event: KeyboardEvent) {
    const { target, key } = event;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const isText = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
    if (!plain || busy) return;
    const [chosen, name] = (!isText && /^[1-9]$/.test(key) && REASONS[Number(key) - 1]) || [];
    if (chosen !== undefined && name !== undefined) {
      event.preventDefault();
      setReason(chosen);
      if (hasDraft) announce(`${name}. Enter skips the task.`);
      else onSkip(chosen, '');
    } else if (key === 'Enter' && reason !== null && !(target instanceof HTMLButtonElement)) {
      event.preventDefault();
      onSkip(reason, note.trim());
    }
  }
  const latest = useRef(onKey);
  useEffect(() => {
    latest.current = onKey;
  });
  useEffect(() => {
    if (!open) return;
    const listen = (event: KeyboardEvent) => latest.current(event);
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, [open]);

  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Skip this task?"
      description={
        hasDraft
          ? 'What you typed is kept with it. You can undo for ten seconds; after that somebody else may get the task.'
          : 'A digit skips it at once. You can undo for ten seconds; after that somebody else may get the task.'
      }
      actions={
        <>
          <Button onClick={() => onOpenChange(false)}>Keep working</Button>
          <Button
            tone="primary"
            disabled={reason === null}
            busy={busy}
            shortcut="↵"
            onClick={() => reason !== null && onSkip(reason, note.trim())}
          >
            Skip task
          </Button>
        </>
      }
    >
      <fieldset className="flex flex-wrap gap-2">
        <legend className="pb-2 text-12 text-quiet">Why?</legend>
        {REASONS.map(([value, name], index) => (
          <ChoiceChip key={value} pressed={reason === value} onToggle={() => setReason(value)}>
            {name} <Kbd>{index + 1}</Kbd>
          </ChoiceChip>
        ))}
      </fieldset>
      {reason !== null && (
        <TextField
          label="A word more, if you like"
          value={note}
          maxLength={2000}
          onChange={(event) => setNote(event.target.value)}
        />
      )}
    </Dialog>
  );
}
