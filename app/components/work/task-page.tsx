'use client';

import { lazy, Suspense, use, useEffect, useMemo, useRef, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { useNotices } from '../ui/notices.tsx';
import { ConflictDialog } from './conflict-dialog.tsx';
import { DraftTrouble } from './draft-trouble.tsx';
import { WorkFrame } from './frame.tsx';
import type { Draft, Subject, Work } from './kinds/kind.ts';
import { loadKind } from './kinds/kinds.ts';
import type { Next, Outcome } from './outbox.ts';
import { useOutbox } from './outbox-provider.tsx';
import { useActiveSeconds } from './use-active-seconds.ts';
import { useDraft } from './use-draft.ts';
import { type LeaseState, newIdempotencyKey, useLease } from './use-lease.ts';
import { WaitingDialog } from './waiting-dialog.tsx';

const EarlierDrafts = lazy(() => import('./earlier-drafts.tsx'));

interface TaskPageProps {
  work: Work;
  onSkip(hasDraft: boolean): void;
  /**
   * @param late whether it is set aside as late; null when it was handed in elsewhere
   * @param next what the answer brought along; absent when it has to be asked for
   */
  onDone(late: boolean | null, next?: Next): void;
}

/** One task of whatever kind: its draft, its lease, its frame and the way it is handed in. */
export function TaskPage({ work, onSkip, onDone }: TaskPageProps) {
  const kind = use(loadKind(work.assignment.kind));
  const assignmentId = work.assignment.id;
  const { notify, announce } = useNotices();
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
  const lease = useLease(work, activeSeconds);
  const outbox = useOutbox();
  const [sending, setSending] = useState(false);
  const [waiting, setWaiting] = useState<Extract<Outcome, { state: 'waiting' }>['why'] | null>(null);
  const [earlier, setEarlier] = useState(false);
  const submissionKey = useRef(newIdempotencyKey());
  const [confirming, setConfirming] = useState(false);
  const missing = kind.missing(subject, draft.content);
  const name = kind.name.toLowerCase();

  // While this page itself hands it in, that it is handed in is no news.
  const elsewhere = sending || waiting !== null ? null : endedElsewhere(draft.ended, lease);

  const pause = useRef(draft.pause);
  const outcome = useRef<(outcome: Outcome) => void>(() => undefined);
  useEffect(() => {
    outcome.current = (came) => {
      setConfirming(false);
      setSending(false);
      setWaiting(came.state === 'waiting' ? came.why : null);
      if (came.state === 'stored') {
        draft.finish();
        onDone(came.late, came.next);
      } else if (came.state === 'refused') {
        draft.resume();
        notify({ tone: 'red', text: `The ${name} was not submitted: ${came.message} What you did is kept.` });
      } else if (waiting === null) announce(`The ${name} is kept in this browser and handed in by itself.`);
    };
  });
  // Also what was handed in before a reload, or is sent again by itself, ends here.
  useEffect(() => {
    if (!outbox) return;
    if (outbox.has(assignmentId)) {
      setWaiting('server');
      pause.current();
    }
    return outbox.watch(assignmentId, (came) => outcome.current(came));
  }, [outbox, assignmentId]);

  async function send() {
    if (missing !== '' || sending || !outbox) return;
    setSending(true);
    draft.pause();
    await outbox.handIn({
      submission: {
        assignmentId,
        idempotencyKey: submissionKey.current,
        activeSeconds: activeSeconds.current,
        content: kind.toContent(subject, draft.content),
        next: { projectId: work.project.id },
      },
      draft: draft.content,
      name: kind.name,
      at: Date.now(),
    });
  }

  function takeBack() {
    if (outbox?.withdraw(assignmentId)) {
      // What is handed in later may differ: it is another submission.
      submissionKey.current = newIdempotencyKey();
      setWaiting(null);
      draft.resume();
      announce(`The ${name} is yours again to change.`);
    }
  }

  return (
    <WorkFrame
      title={kind.name}
      work={work}
      activeSeconds={activeSeconds}
      held={lease !== 'expired'}
      draft={draft}
      submitVerb={kind.submitVerb}
      canSubmit={missing === ''}
      missing={missing}
      busy={sending}
      guide={kind.guide}
      guidelinesBeside={kind.guidelinesBeside}
      onSubmit={() => {
        if (missing !== '') return;
        if (kind.Confirmation) setConfirming(true);
        else void send();
      }}
      onSkip={() => onSkip(kind.isTouched(draft.content))}
      onEarlier={() => setEarlier(true)}
      trouble={<DraftTrouble onSignedIn={() => void draft.flush()} />}
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
              <Button tone="primary" data-first-focus busy={sending} onClick={() => void send()}>
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
        onResolve={(keep) => {
          draft.resolve(keep).catch(() =>
            notify({
              tone: 'red',
              text: 'Nothing was changed: this tab’s text could not be kept. Try again when there is a connection.',
            }),
          );
        }}
      />
      <Dialog
        open={elsewhere !== null && draft.conflict === null}
        onOpenChange={() => undefined}
        title={`This ${name} was ${elsewhere} from another tab`}
        description="What you typed here since is kept with it, in your history."
        actions={
          <Button tone="primary" data-first-focus onClick={() => onDone(null)}>
            Take the next task
          </Button>
        }
      />
      {waiting !== null && (
        <WaitingDialog
          name={name}
          why={waiting}
          onTryNow={() => void outbox?.flush()}
          onTakeBack={takeBack}
        />
      )}
      {earlier && (
        <Suspense>
          <EarlierDrafts
            subject={subject}
            kind={kind}
            onClose={() => setEarlier(false)}
            onBringBack={(before) => {
              draft.change(before, true);
              setEarlier(false);
              announce('The earlier draft is back. What stood there before is kept.');
            }}
          />
        </Suspense>
      )}
    </WorkFrame>
  );
}

/** What became of the task in another tab or on another machine; null while it is this page's. */
function endedElsewhere(handedIn: boolean, lease: LeaseState): string | null {
  if (lease === 'skipped') return 'skipped';
  return handedIn || lease === 'submitted' || lease === 'late' ? 'handed in' : null;
}
