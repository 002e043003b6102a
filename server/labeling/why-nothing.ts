import type { Executor } from '@/db/client.ts';
import type { TaskKind } from '@/db/schema.ts';
import { allowance, findMember, type Worker } from './allowance.ts';
import { screeningResult } from './screening.ts';

/** Why there is no work for a person at this moment, in a sentence for them. */
export async function whyNothing(
  db: Executor,
  worker: Worker & { kind?: TaskKind | undefined },
): Promise<string> {
  const { project, labelerId, kind } = worker;
  const member = await findMember(db, worker);
  const allowed = await allowance(db, worker, member);
  if (allowed.queue === 'none') return allowed.reason;
  const { screening } = project.settings;
  if (allowed.queue === 'screening' && screening !== null) {
    const { done } = await screeningResult(db, project.id, labelerId, screening);
    return `Screening comes before other work in ${project.name}, and it has no further task for you: you did ${done} of ${screening.tasks}. An admin of the project can add some or let you through.`;
  }
  if (kind === 'review' && !member.mayReview) {
    return `Reviews in ${project.name} go to its reviewers, and you are not one of them.`;
  }
  const what = kind === undefined ? 'tasks' : `${kind} tasks`;
  return `There are no ${what} for you in ${project.name} right now.`;
}
