import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { type AssignmentState, assignments, type Draft, projects } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import type { Project } from '../people/access.ts';
import { leaseEnd } from './assign.ts';
import { keep, worthKeeping } from './kept-drafts.ts';
import { written } from './label.ts';
import { type Assignment, lockOwn, type OwnAssignment, requireKind } from './own-assignment.ts';

export type DraftSaved =
  | { status: 'saved'; revision: number; savedAt: Date; leaseUntil: Date | null }
  /** Somebody (another tab) saved since: nothing was overwritten, and this is what the server holds. */
  | { status: 'conflict'; revision: number; content: Draft | null; savedAt: Date | null };

interface Save extends OwnAssignment {
  revision: number;
  content: Draft;
  activeSeconds?: number | undefined;
  keepsBefore?: boolean | undefined;
}

/**
 * Saves what is typed so far. A save names the revision it was typed upon: when the server holds another, nothing is
 * overwritten and the server's text comes back. Accepted as long as nothing was submitted, lease or no lease, so that
 * an expired lease loses no words. Renews a live lease. What it replaces is kept when kept-drafts.ts says so.
 * @param input.revision the revision that this draft changes; 0 for the first
 * @param input.keepsBefore keeps the draft that it replaces whatever the policy says: it lost a conflict
 */
export async function saveDraft(db: Database, input: Save): Promise<DraftSaved> {
  return (await saveUnlocked(db, input)) ?? (await saveLocked(db, input));
}

/**
 * Saves without a transaction, as nearly every save can be: the revision that it names lets no other save between.
 * @returns null when something stands in its way, or the text before is to be kept
 */
async function saveUnlocked(db: Database, input: Save): Promise<DraftSaved | null> {
  const { assignmentId, labelerId, revision, content, keepsBefore = false } = input;
  const own = and(eq(assignments.id, assignmentId), eq(assignments.labelerId, labelerId));
  const [row] = await db
    .select({ assignment: assignments, project: { settings: projects.settings } })
    .from(assignments)
    .innerJoin(projects, eq(projects.id, assignments.projectId))
    .where(own);
  if (!row || row.assignment.kind !== content.kind || row.assignment.draftRevision !== revision) return null;
  const { assignment, project } = row;
  if (hasEnded(assignment) || (await worthKeeping(db, assignment, content, keepsBefore)) !== null)
    return null;
  const [saved] = await db
    .update(assignments)
    .set(changes(assignment, project, input))
    .where(and(own, eq(assignments.draftRevision, revision), eq(assignments.state, assignment.state)))
    .returning(SAVED);
  return saved ? answer(saved) : null;
}

function saveLocked(db: Database, input: Save): Promise<DraftSaved> {
  return db.transaction(async (tx) => {
    const { assignment, project } = await lockOwn(tx, input);
    requireKind(assignment, input.content.kind);
    if (hasEnded(assignment)) {
      throw new AppError('CONFLICT', 'This task is submitted already: change it in your history.');
    }
    if (assignment.draftRevision !== input.revision) {
      return {
        status: 'conflict',
        revision: assignment.draftRevision,
        content: assignment.draft,
        savedAt: assignment.draftSavedAt,
      };
    }
    const before = await worthKeeping(tx, assignment, input.content, input.keepsBefore ?? false);
    if (before) await keep(tx, assignment.id, before);
    const rows = await tx
      .update(assignments)
      .set(changes(assignment, project, input))
      .where(eq(assignments.id, assignment.id))
      .returning(SAVED);
    return answer(written(rows));
  });
}

const hasEnded = ({ state }: Assignment) => state === 'submitted' || state === 'late';

const SAVED = {
  draftRevision: assignments.draftRevision,
  draftSavedAt: assignments.draftSavedAt,
  leaseUntil: assignments.leaseUntil,
};

function changes(
  assignment: Assignment,
  project: Pick<Project, 'settings'>,
  { content, activeSeconds = 0 }: Save,
) {
  return {
    draft: content,
    draftRevision: assignment.draftRevision + 1,
    draftSavedAt: sql`now()`,
    activeSeconds: sql`greatest(${assignments.activeSeconds}, ${activeSeconds})`,
    ...(assignment.state === 'active' ? { leaseUntil: leaseEnd(project) } : {}),
  };
}

const answer = ({
  draftRevision,
  draftSavedAt,
  leaseUntil,
}: Pick<Assignment, keyof typeof SAVED>): DraftSaved => ({
  status: 'saved',
  revision: draftRevision,
  savedAt: draftSavedAt ?? new Date(),
  leaseUntil,
});

/** How an assignment stands; `leaseUntil` is null unless it is in its labeler's hands (`active`). */
export interface Lease {
  state: AssignmentState;
  leaseUntil: Date | null;
}

/** Says that the person is still at it: renews the lease, while it is theirs. */
export async function heartbeat(
  db: Database,
  input: OwnAssignment & { activeSeconds?: number | undefined },
): Promise<Lease> {
  return db.transaction(async (tx) => {
    const { assignment, project } = await lockOwn(tx, input);
    if (assignment.state !== 'active') return { state: assignment.state, leaseUntil: null };
    const [renewed] = await tx
      .update(assignments)
      .set({
        leaseUntil: leaseEnd(project),
        activeSeconds: sql`greatest(${assignments.activeSeconds}, ${input.activeSeconds ?? 0})`,
      })
      .where(eq(assignments.id, assignment.id))
      .returning({ leaseUntil: assignments.leaseUntil });
    return { state: 'active', leaseUntil: renewed?.leaseUntil ?? null };
  });
}
