'use client';

import { useMutation } from '@tanstack/react-query';
import Link from 'next/link';
import { type ReactNode, Suspense, useCallback, useEffect, useState } from 'react';
import type { SkipReason } from '@/server/labeling/vocabulary.ts';
import { useProject } from '../../lib/project.tsx';
import { type Outputs, useTRPC } from '../../lib/trpc.ts';
import { Button, buttonClass } from '../ui/button.tsx';
import { useNotices } from '../ui/notices.tsx';
import { Empty, Failure, Loading } from '../ui/states.tsx';
import type { Work } from './kinds/kind.ts';
import { SkipDialog } from './skip-dialog.tsx';
import { TaskPage } from './task-page.tsx';
import { useSkipUndo } from './use-skip-undo.ts';

type Next = Outputs['labeling']['next'];

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
  const offerUndo = useSkipUndo();

  const take = useCallback(async () => {
    if (projectId === null) return;
    setFailure(null);
    try {
      setShown(await takeNext({ projectId }));
    } catch (error) {
      setFailure(error);
    }
  }, [projectId, takeNext]);

  useEffect(() => {
    setShown(null);
    void take();
  }, [take]);

  function done(work: Work, late: boolean) {
    const kind = work.assignment.kind;
    const what = kind.charAt(0).toUpperCase() + kind.slice(1);
    if (late) {
      notify({
        text: `${what} kept. The task already had all the labels it wanted, so this one is set aside as late.`,
      });
    } else announce(`${what} submitted. Next task.`);
    void take();
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
          onDone={(late) => done(work, late)}
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
