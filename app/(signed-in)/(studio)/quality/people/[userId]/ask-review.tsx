'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../../../../components/ui/button.tsx';
import { Dialog } from '../../../../../components/ui/dialog.tsx';
import { TextArea } from '../../../../../components/ui/field.tsx';
import { useNotices } from '../../../../../components/ui/notices.tsx';
import { useTRPC } from '../../../../../lib/trpc.ts';

const OUTCOMES = {
  made: 'The task’s labels are in review.',
  again: 'The task’s labels are reviewed once more.',
  waiting: 'The task’s labels are in review already.',
} as const;

/** Puts the labels of one task in review: this person's and the others', without names. */
export function AskReview({
  projectId,
  taskId,
  prompt,
}: {
  projectId: string;
  taskId: string;
  prompt: string;
}) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const ask = useMutation(trpc.reviews.ask.mutationOptions());
  const [open, setOpen] = useState(false);
  const [note, setNote] = useState('');
  return (
    <>
      <Button
        small
        tone="quiet"
        aria-label={`Ask for review of “${prompt.slice(0, 60)}”`}
        onClick={() => setOpen(true)}
      >
        Ask for review
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title="Ask for a review"
        description="A reviewer judges every label of this task, without seeing who gave it."
        actions={
          <>
            <Button onClick={() => setOpen(false)}>Go back</Button>
            <Button
              tone="primary"
              busy={ask.isPending}
              onClick={() =>
                ask.mutate(
                  { projectId, taskId, note: note.trim() },
                  {
                    onSuccess: async ({ outcome }) => {
                      notify({ tone: 'green', text: OUTCOMES[outcome] });
                      setOpen(false);
                      await client.invalidateQueries({ queryKey: trpc.reviews.pathKey() });
                    },
                  },
                )
              }
            >
              Put in review
            </Button>
          </>
        }
      >
        <TextArea
          label="What should be looked at, if anything"
          rows={3}
          maxLength={2000}
          value={note}
          onChange={(event) => setNote(event.target.value)}
          error={ask.error?.message}
          data-first-focus
        />
      </Dialog>
    </>
  );
}
