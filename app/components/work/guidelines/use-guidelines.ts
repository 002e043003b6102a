'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { type Outputs, useTRPC } from '../../../lib/trpc.ts';
import { useNotices } from '../../ui/notices.tsx';
import type { Work } from '../kinds/kind.ts';

type News = Outputs['guidelines']['news'];

/** How often an open page asks whether a new version has been published. */
const ASK_MS = 60_000;

export interface Guidelines {
  /** What this task's label is tied to; null when there were none. */
  made: Work['guideline'];
  /** The newest version; null when there is none, or not known yet. */
  current: News['current'];
  readVersion: number | null;
  /** There is a version that this person has not read. */
  unread: boolean;
  /** The newest version is newer than the one this label is tied to. */
  isNewer: boolean;
  busy: boolean;
  /** The newest version has been read. */
  gotIt(): void;
  /** Ties this task to the newest version. */
  adopt(): void;
}

/** The guidelines of a task: which version holds for it, and whether there is news. */
export function useGuidelines(work: Work): Guidelines {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { announce, notify } = useNotices();
  const projectId = work.project.id;
  const assignmentId = work.assignment.id;
  const news = useQuery(
    trpc.guidelines.news.queryOptions({ projectId }, { staleTime: ASK_MS, refetchInterval: ASK_MS }),
  );
  const markRead = useMutation(trpc.guidelines.markRead.mutationOptions());
  const adoption = useMutation(trpc.labeling.adoptGuideline.mutationOptions());
  const [adopted, setAdopted] = useState<{ assignmentId: string; guideline: Work['guideline'] } | null>(null);
  const made = adopted?.assignmentId === assignmentId ? adopted.guideline : work.guideline;
  const current = news.data?.current ?? null;
  const readVersion = news.data?.readVersion ?? null;
  const newest = current?.version ?? 0;

  // A version that appears while the page is open is said aloud; the one that was there from the start is not.
  const known = useRef(newest);
  useEffect(() => {
    if (known.current !== 0 && newest > known.current) {
      announce(`Version ${newest} of the guidelines was published.`);
    }
    known.current = newest;
  }, [newest, announce]);

  const setRead = (version: number) =>
    client.setQueryData(trpc.guidelines.news.queryKey({ projectId }), (before) =>
      before ? { ...before, readVersion: Math.max(before.readVersion ?? 0, version) } : before,
    );
  const failed = (error: { message: string }) =>
    notify({ tone: 'red', text: `That was not kept: ${error.message}` });

  return {
    made,
    current,
    readVersion,
    unread: newest > (readVersion ?? 0),
    isNewer: newest > (made?.version ?? 0),
    busy: markRead.isPending || adoption.isPending,
    gotIt() {
      if (!current) return;
      markRead.mutate(
        { projectId, guidelineId: current.id },
        {
          onSuccess() {
            setRead(current.version);
            announce(`Version ${current.version} of the guidelines is read.`);
          },
          onError: failed,
        },
      );
    },
    adopt() {
      if (!current) return;
      adoption.mutate(
        { assignmentId, guidelineId: current.id },
        {
          onSuccess(guideline) {
            setAdopted({ assignmentId, guideline });
            setRead(guideline.version);
            announce(`This task goes by version ${guideline.version} of the guidelines now.`);
          },
          onError(error) {
            failed(error);
            void news.refetch();
          },
        },
      );
    },
  };
}
