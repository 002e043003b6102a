'use client';

import { useMutation } from '@tanstack/react-query';
import { use, useMemo, useRef, useState } from 'react';
import { useTRPC } from '../../lib/trpc.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { useNotices } from '../ui/notices.tsx';
import { ConflictDialog } from './conflict-dialog.tsx';
import { WorkFrame } from './frame.tsx';
import type { Draft, Subject, Work } from './kinds/kind.ts';
import { loadKind } from './kinds/kinds.ts';
import { useActiveSeconds } from './use-active-seconds.ts';
import { useDraft } from './use-draft.ts';
import { newIdempotencyKey, useLease } from './use-lease.ts';

interface TaskPageProps {
  work: Work;
  onSkip(hasDraft: boolean): void;
  onDone(late: boolean): void;
}

/** One task of whatever kind: its draft, its lease, its frame and the way it is handed in. */
export function TaskPage({ work, onSkip, onDone }: TaskPageProps) {
  const kind = use(loadKind(work.assignment.kind));
  const trpc = useTRPC();
  const { notify } = useNotices();
  const subject = useMemo<Subject>(
    () => ({
      assignmentId: work.assignment.id,
      prompt: work.prompt,
      brief: work.brief,
      completions: work.completions,
      settings: work.project.settings,
      review: work.review,
    }),
    [work],
  );
  const activeSeconds = useActiveSeconds(work.assignment.id, work.assignment.activeSeconds);
  const draft = useDraft<Draft>(work, kind.empty(subject), kind.isDraft, activeSeconds);
  const held = useLease(work, activeSeconds);
  const submit = useMutation(trpc.labeling.submit.mutationOptions());
  const submissionKey = useRef(newIdempotencyKey());
  const [confirming, setConfirming] = useState(false);
  const missing = kind.missing(subject, draft.content);
  const name = kind.name.toLowerCase();

  async function send() {
    if (missing !== '' || submit.isPending) return;
    try {
      const answer = await submit.mutateAsync({
        assignmentId: work.assignment.id,
        idempotencyKey: submissionKey.current,
        activeSeconds: activeSeconds.current,
        content: kind.toContent(subject, draft.content),
      });
      draft.finish();
      onDone(answer.state === 'late');
    } catch (error) {
      notify({
        tone: 'red',
        text: `The ${name} was not submitted: ${error instanceof Error ? error.message : 'no answer.'} What you did is kept; try again.`,
      });
    } finally {
      setConfirming(false);
    }
  }

  return (
    <WorkFrame
      title={kind.name}
      work={work}
      activeSeconds={activeSeconds}
      held={held}
      draft={draft}
      submitVerb={kind.submitVerb}
      canSubmit={missing === ''}
      missing={missing}
      busy={submit.isPending}
      guide={kind.guide}
      guidelinesBeside={kind.guidelinesBeside}
      onSubmit={() => {
        if (missing !== '') return;
        if (kind.Confirmation) setConfirming(true);
        else void send();
      }}
      onSkip={() => onSkip(kind.isTouched(draft.content))}
    >
      <kind.Editor subject={subject} draft={draft.content} change={draft.change} />
      {kind.Confirmation && (
        <Dialog
          open={confirming}
          onOpenChange={setConfirming}
          title={`Submit this ${name}?`}
          description="It is stored exactly as it stands here."
          actions={
            <>
              <Button onClick={() => setConfirming(false)}>Change it</Button>
              <Button tone="primary" data-first-focus busy={submit.isPending} onClick={() => void send()}>
                Confirm {name}
              </Button>
            </>
          }
        >
          {confirming && <kind.Confirmation subject={subject} draft={draft.content} />}
        </Dialog>
      )}
      <ConflictDialog
        open={draft.conflict !== null}
        mine={kind.describe(subject, draft.content)}
        theirs={draft.conflict?.theirs ? kind.describe(subject, draft.conflict.theirs) : ''}
        onResolve={draft.resolve}
      />
    </WorkFrame>
  );
}
