import type { Database } from '@/db/client.ts';
import type { TaskKind } from '@/db/schema.ts';
import { requireProject, type SessionUser } from '../people/access.ts';
import { reportError } from '../report-error.ts';
import { type TakeOptions, takeNext } from './assign.ts';
import { whyNothing } from './why-nothing.ts';
import { loadWork, type Work } from './work.ts';

/** `work`: this is what to do now; `empty`: there is nothing for this person, and why. */
export type NextWork = { status: 'work'; work: Work } | { status: 'empty'; reason: string };

/** Hands a person their next piece of work, with all that the page shows of it. */
export async function nextWork(db: Database, options: TakeOptions): Promise<NextWork> {
  const taken = await takeNext(db, options);
  if (taken === null) return { status: 'empty', reason: await whyNothing(db, options) };
  return { status: 'work', work: await loadWork(db, taken) };
}

/**
 * The work that follows a submission, in its answer.
 * @returns null when it could not be had: what was submitted is stored, and its answer must say so
 */
export async function followingWork(
  db: Database,
  user: SessionUser,
  { projectId, kind }: { projectId: string; kind?: TaskKind | undefined },
): Promise<NextWork | null> {
  try {
    const { project } = await requireProject(db, user, projectId, 'contractor');
    return await nextWork(db, { labelerId: user.id, project, kind });
  } catch (error) {
    reportError(error, 'labeling.submit, the next work');
    return null;
  }
}
