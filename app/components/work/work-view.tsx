'use client';

import { useMutation } from '@tanstack/react-query';
import Link from 'next/link';
import { type ReactNode, Suspense, useCallback, useEffect, useState } from 'react';
import type { SkipReason } from '@/server/labeling/vocabulary.ts';
import { useProject } from '../../lib/project.tsx';
import { useTRPC, useTRPCClient } from '../../lib/trpc.ts';
import { useUser } from '../shell/user.tsx';
import { Button, buttonClass } from '../ui/button.tsx';
import { useNotices } from '../ui/notices.tsx';
import { Empty, Failure, Loading } from '../ui/states.tsx';
import type { Work } from './kinds/kind.ts';
import { sendLeftovers } from './leftover-drafts.ts';
import type { Next } from './outbox.ts';
import { useOutbox } from './outbox-provider.tsx';
import { SkipDialog } from './skip-dialog.tsx';
import { Tabs } from './tabs.ts';
import { TaskPage } from './task-page.tsx';
import { useSkipUndo } from './use-skip-undo.ts';

/** The contractor's page: one task at a time; the queue decides which. */
export function WorkView() {
  const trpc = useTRPC();
  const { project, query: projects } = useProject();
  const { notify, announce } = useNotices();
  const next = useMutation(trpc.labeling.next.mutationOptions());
  const skip = useMutation(trpc.labeling.skip.mutationOptions());
  const undo = useMutation(trpc.labeling.undoSkip.mutationOptions());
  const [shown, setShown] = useState<Next | null>(null);
  const [skipping, setSkipping] = useState<{ hasDraft: boolean } | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const projectId = project?.id ?? null;
  const takeNext = next.mutateAsync;
  const client = useTRPCClient();
  const { id: userId } = useUser();
  const outbox = useOutbox();
  const offerUndo = useSkipUndo();

  const take = useCallback(async () => {
    if (projectId === null || outbox === null) return;
    setFailure(null);
    try {
      // What this browser still holds goes first: the next task may be the very one it belongs to.
      await outbox.flush();
      const tabs = new Tabs(userId);
      const aside = await sendLeftovers(client, userId, tabs).finally(() => tabs.close());
      if (aside > 0) {
        notify({
          text: 'A draft that this browser had kept was older than what is saved. It is among the earlier drafts of its task.',
          seconds: 20,
        });
      }
      setShown(await takeNext({ projectId }));
    } catch (error) {
      setFailure(error);
    }
  }, [projectId, takeNext, outbox, client, userId, notify]);

  useEffect(() => {
    setShown(null);
    void take();
  }, [take]);

  function done(work: Work, late: boolean | null, following: Next | undefined) {
    const kind = work.assignment.kind;
    const what = kind.charAt(0).toUpperCase() + kind.slice(1);
    if (late) {
      notify({
        text: `${what} kept. The task already had all the labels it wanted, so this one is set aside as late.`,
      });
    } else if (late !== null) announce(`${what} submitted. Next task.`);
    if (following && work.project.id === projectId) setShown(following);
    else void take();
  }

  async function skipTask(work: Work, reason: SkipReason, note: string) {
    const { id } = work.assignment;
    try {
      await skip.mutateAsync({ assignmentId: id, reason, note });
    } catch (error) {
      setSkipping(null);
      notify({
        tone: 'red',
        text: `The task was not skipped: ${error instanceof Error ? error.message : 'no answer.'}`,
      });
      return;
    }
    setSkipping(null);
    offerUndo(async () => {
      setShown({ status: 'work', work: await undo.mutateAsync({ assignmentId: id }) });
    });
    await take();
  }

  if (failure !== null) {
    return (
      <Aside>
        <Failure error={failure} onRetry={() => void take()} safe="Everything saved before is safe." />
      </Aside>
    );
  }
  if (projects.data === undefined && projects.error) {
    return (
      <Aside>
        <Failure
          error={projects.error}
          onRetry={() => void projects.refetch()}
          safe="Everything saved before is safe."
        />
      </Aside>
    );
  }
  if (projects.data !== undefined && project === null) {
    return (
      <Aside>
        <Empty title="You are in no project yet">
          Tasks appear here as soon as an admin adds you to a project. There is nothing else you need to do.
        </Empty>
      </Aside>
    );
  }
  if (shown === null) {
    return (
      <Aside>
        <Loading rows={6} label="Getting the next task" />
      </Aside>
    );
  }
  if (shown.status === 'empty') {
    return (
      <Aside>
        <Empty
          title="Nothing to do right now"
          action={
            <div className="flex gap-2">
              <Button tone="primary" busy={next.isPending} onClick={() => void take()}>
                Look again
              </Button>
              <Link href="/work/history" className={buttonClass()}>
                Open my history
              </Link>
            </div>
          }
        >
          {shown.reason}
        </Empty>
      </Aside>
    );
  }
  const { work } = shown;
  return (
    <>
      <Suspense
        fallback={
          <Aside>
            <Loading rows={6} label="Opening the task" />
          </Aside>
        }
      >
        <TaskPage
          key={work.assignment.id}
          work={work}
          onSkip={(hasDraft) => setSkipping({ hasDraft })}
          onDone={(late, following) => done(work, late, following)}
        />
      </Suspense>
      <SkipDialog
        key={`skip ${work.assignment.id}`}
        open={skipping !== null}
        onOpenChange={(open) => !open && setSkipping(null)}
        hasDraft={skipping?.hasDraft ?? false}
        busy={skip.isPending}
        onSkip={(reason, note) => void skipTask(work, reason, note)}
      />
    </>
  );
}

/** What stands where a task would be. */
function Aside({ children }: { children: ReactNode }) {
  return (
    <div className="mx-auto w-full max-w-3xl px-4 py-10">
      <h1 className="sr-only">Work</h1>
      {children}
    </div>
  );
}
