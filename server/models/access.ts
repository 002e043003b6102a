import { and, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type { Executor } from '@/db/client.ts';
import { memberships, type Role } from '@/db/schema.ts';
import { AppError } from '../errors.ts';
import { requireProject, type SessionUser } from '../people/access.ts';

/**
 * The condition that rows belong to a project in which the person researches, or to none. Admins see every row.
 */
export function visibleTo(db: Executor, user: SessionUser, projectColumn: AnyPgColumn): SQL | undefined {
  if (user.role === 'admin') return undefined;
  const own = db
    .select({ id: memberships.projectId })
    .from(memberships)
    .where(
      and(
        eq(memberships.userId, user.id),
        isNull(memberships.endedAt),
        sql`${memberships.role} <> 'contractor'`,
      ),
    );
  return or(isNull(projectColumn), inArray(projectColumn, own));
}

/**
 * Checks that the person may act as `needed` where this row belongs. A row of no project is for everybody to read who
 * has the role at all, and for admins to change.
 *
 * @throws NOT_FOUND or FORBIDDEN
 */
export async function requireRow<Row extends { projectId: string | null }>(
  db: Executor,
  user: SessionUser,
  row: Row | undefined,
  what: string,
  needed: Role,
): Promise<Row> {
  if (!row) throw new AppError('NOT_FOUND', `There is no such ${what}.`);
  if (row.projectId !== null) await requireProject(db, user, row.projectId, needed);
  else if (needed === 'admin' && user.role !== 'admin') {
    throw new AppError('FORBIDDEN', `This ${what} belongs to no project: only an admin may change it.`);
  }
  return row;
}
