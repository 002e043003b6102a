'use client';

import type { ReactNode } from 'react';
import { type ProjectSummary, useProject } from '../../lib/project.tsx';
import { Page } from '../ui/page-frame.tsx';
import { Empty, LoadedPage } from '../ui/states.tsx';

/** A page about the chosen project. It has its heading in every state: loading, failed, and for who has no project. */
export function WithProject({
  title,
  none,
  children,
}: {
  title: string;
  /** What to say to somebody who is in no project. */
  none: string;
  children(project: ProjectSummary): ReactNode;
}) {
  const { project, query } = useProject();
  return (
    <LoadedPage query={query} title={title}>
      {() =>
        project ? (
          children(project)
        ) : (
          <Page title={title}>
            <Empty title="You are in no project yet">{none}</Empty>
          </Page>
        )
      }
    </LoadedPage>
  );
}
