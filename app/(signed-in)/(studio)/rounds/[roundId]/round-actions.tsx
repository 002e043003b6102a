'use client';

import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { STATE_NAMES } from '../../../../components/charts/state-strip.tsx';
import { useUser } from '../../../../components/shell/user.tsx';
import { Button } from '../../../../components/ui/button.tsx';
import { Confirm } from '../../../../components/ui/dialog.tsx';
import { KeyButton } from '../../../../components/ui/key-button.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';

type Round = Outputs['rounds']['get'];

/** What an admin may do with a round in the state that it is in. */
export function RoundActions({ round, onChanged }: { round: Round; onChanged(): void }) {
  const trpc = useTRPC();
  const user = useUser();
  const { notify } = useNotices();
  const go = useMutation(trpc.rounds.go.mutationOptions());
  const cancel = useMutation(trpc.rounds.cancel.mutationOptions());
  const retry = useMutation(trpc.rounds.retry.mutationOptions());
  const [asking, setAsking] = useState<'go' | 'cancel' | null>(null);
  if (user.role !== 'admin') return null;

  async function act(what: () => Promise<unknown>, said: string) {
    try {
      await what();
      notify({ text: said });
      onChanged();
    } catch (error) {
      notify({ tone: 'red', text: error instanceof Error ? error.message : 'No answer.' });
    }
    setAsking(null);
  }

  const { id: roundId, state } = round;
  const progress = round.states.find((one) => one.phase === 'current')?.progress;
  return (
    <>
      {round.canGo && (
        <KeyButton keys="n" onPress={() => setAsking('go')}>
          Go on now
        </KeyButton>
      )}
      {(round.status === 'failed' || round.status === 'cancelled') && (
        <Button
          tone="primary"
          busy={retry.isPending}
          onClick={() =>
            void act(() => retry.mutateAsync({ roundId }), 'The round goes on where it stopped.')
          }
        >
          Retry round
        </Button>
      )}
      {(round.status === 'active' || round.status === 'failed') && (
        <KeyButton keys="x" tone="danger" onPress={() => setAsking('cancel')}>
          Cancel round
        </KeyButton>
      )}
      <Confirm
        open={asking === 'go'}
        onOpenChange={(open) => !open && setAsking(null)}
        title={`Go on from ${STATE_NAMES[state]} now?`}
        description={`The target is not met: ${progress?.have ?? 0} of ${progress?.want ?? 0} ${progress?.unit ?? ''}. The round goes on with what there is; its open tasks are closed.`}
        verb="Go on now"
        busy={go.isPending}
        onConfirm={() => void act(() => go.mutateAsync({ roundId, state }), 'The round goes on.')}
      />
      <Confirm
        open={asking === 'cancel'}
        onOpenChange={(open) => !open && setAsking(null)}
        danger
        title="Cancel this round?"
        description="Its run writes a checkpoint and stops, its tasks are handed out no more. Nothing that people wrote is lost, and a retry goes on from here."
        verb="Cancel round"
        busy={cancel.isPending}
        onConfirm={() => void act(() => cancel.mutateAsync({ roundId }), 'The round is cancelled.')}
      />
    </>
  );
}
