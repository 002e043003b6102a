'use client';

import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';

interface ConflictDialogProps {
  open: boolean;
  /** What the other tab saved, in words. */
  theirs: string;
  mine: string;
  onResolve(keep: 'mine' | 'theirs'): void;
}

/** Two tabs typed on one draft: shows both and lets the person choose. Nothing was overwritten, and both are kept. */
export function ConflictDialog({ open, theirs, mine, onResolve }: ConflictDialogProps) {
  return (
    <Dialog
      open={open}
      onOpenChange={() => undefined}
      wide
      title="This draft was changed in another tab"
      description="Nothing was overwritten. Choose which one goes on; the other is kept under “Earlier drafts”."
      actions={
        <>
          <Button onClick={() => onResolve('theirs')}>Use the other tab’s</Button>
          <Button tone="primary" onClick={() => onResolve('mine')}>
            Keep this one
          </Button>
        </>
      }
    >
      <div className="grid gap-4 sm:grid-cols-2">
        {[
          ['This tab', mine],
          ['The other tab', theirs],
        ].map(([name, text]) => (
          <div key={name}>
            <h3 className="text-12 text-quiet">{name}</h3>
            <p dir="auto" className="reading max-h-60 overflow-y-auto break-words whitespace-pre-wrap">
              {text || 'empty'}
            </p>
          </div>
        ))}
      </div>
    </Dialog>
  );
}
