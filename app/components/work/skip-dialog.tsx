'use client';

import { useState } from 'react';
import { SKIP_REASONS, type SkipReason } from '@/server/labeling/vocabulary.ts';
import { Button } from '../ui/button.tsx';
import { ChoiceChip } from '../ui/chip.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';

interface SkipDialogProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  /** Whether something was typed, which is then kept. */
  hasDraft: boolean;
  busy: boolean;
  onSkip(reason: SkipReason, note: string): void;
}

const REASONS = Object.entries(SKIP_REASONS) as [SkipReason, string][];

/** Asks why a task is skipped; a digit or a click answers. */
export function SkipDialog({ open, onOpenChange, hasDraft, busy, onSkip }: SkipDialogProps) {
  const [reason, setReason] = useState<SkipReason | null>(null);
  const [note, setNote] = useState('');
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Skip this task?"
      description={
        hasDraft
          ? 'What you typed is kept with it. You can undo for ten seconds; after that somebody else may get the task.'
          : 'You can undo for ten seconds; after that somebody else may get the task.'
      }
      actions={
        <>
          <Button onClick={() => onOpenChange(false)}>Keep working</Button>
          <Button
            tone="primary"
            disabled={reason === null}
            busy={busy}
            onClick={() => reason !== null && onSkip(reason, note.trim())}
          >
            Skip task
          </Button>
        </>
      }
    >
      <fieldset className="flex flex-wrap gap-2">
        <legend className="pb-2 text-12 text-quiet">Why?</legend>
        {REASONS.map(([value, name]) => (
          <ChoiceChip key={value} pressed={reason === value} onToggle={() => setReason(value)}>
            {name}
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
