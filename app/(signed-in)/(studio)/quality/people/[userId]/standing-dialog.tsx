'use client';

import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../../../../components/ui/button.tsx';
import { Dialog } from '../../../../../components/ui/dialog.tsx';
import { TextArea } from '../../../../../components/ui/field.tsx';
import { useNotices } from '../../../../../components/ui/notices.tsx';
import { Loaded } from '../../../../../components/ui/states.tsx';
import { type Outputs, useTRPC } from '../../../../../lib/trpc.ts';
import { ImpactList } from './impact-list.tsx';

type Person = Outputs['quality']['person'];
export type Standing = Person['standing'];

const WORDS: Record<Standing, { verb: string; what: string; done: string }> = {
  good: {
    verb: 'Reinstate',
    what: 'They get work again, and their labels enter the next dataset version like everybody’s.',
    done: 'is in good standing again.',
  },
  warned: {
    verb: 'Warn',
    what: 'They are told, and work on. Nothing else changes.',
    done: 'is warned.',
  },
  paused: {
    verb: 'Pause',
    what: 'They get no more work in this project until they are reinstated. What they hold goes back to the queue and its draft is kept. Their labels count as before.',
    done: 'is paused.',
  },
  revoked: {
    verb: 'Revoke',
    what: 'They get no more work in this project, and none of their labels enters a dataset version from now on. Versions and models that exist stay as they are: below is what holds their labels.',
    done: 'is revoked. Their labels stay out of every further version.',
  },
};

/** Asks for the words that the person is told, and before a revocation shows what is touched. */
export function StandingDialog({
  projectId,
  person,
  to,
  onClose,
  onDone,
}: {
  projectId: string;
  person: Person;
  to: Standing;
  onClose(): void;
  onDone(): Promise<void>;
}) {
  const trpc = useTRPC();
  const { notify } = useNotices();
  const [note, setNote] = useState('');
  const change = useMutation(trpc.quality.setStanding.mutationOptions());
  const impact = useQuery(
    trpc.quality.impact.queryOptions(
      { projectId, userId: person.userId },
      { enabled: to === 'revoked', staleTime: 0 },
    ),
  );
  const { verb, what, done } = WORDS[to];
  const needsNote = to !== 'good';
  const ready = (!needsNote || note.trim() !== '') && (to !== 'revoked' || impact.data !== undefined);

  function confirm() {
    if (!ready) return;
    change.mutate(
      { projectId, userId: person.userId, standing: to, from: person.standing, note: note.trim() },
      {
        onSuccess: async () => {
          notify({ tone: 'green', text: `${person.name} ${done}` });
          await onDone();
        },
      },
    );
  }

  return (
    <Dialog
      open
      wide={to === 'revoked'}
      onOpenChange={(open) => !open && onClose()}
      title={`${verb} ${person.name}?`}
      description={what}
      actions={
        <>
          <Button onClick={onClose}>Go back</Button>
          <Button
            tone={to === 'revoked' ? 'danger' : 'primary'}
            disabled={!ready}
            busy={change.isPending}
            onClick={confirm}
          >
            {verb} {person.name}
          </Button>
        </>
      }
    >
      {to === 'revoked' && <Loaded query={impact}>{(data) => <ImpactList impact={data} />}</Loaded>}
      <TextArea
        label={needsNote ? 'What they are told' : 'What they are told, if anything'}
        hint="They read this on their own pages: say what you saw and what should change."
        rows={3}
        maxLength={2000}
        value={note}
        onChange={(event) => setNote(event.target.value)}
        error={change.error?.message}
        data-first-focus
      />
    </Dialog>
  );
}
