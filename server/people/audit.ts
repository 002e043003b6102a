import { desc, eq } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import { auditLog, users } from '@/db/schema.ts';

/**
 * Adds a line to the audit log, within the transaction of what it records.
 * @param actorId who did it; null for the system itself
 */
export async function record(
  db: Executor,
  actorId: string | null,
  action: string,
  subject: { kind: string; id: string | null },
  details: Record<string, unknown> = {},
): Promise<void> {
  await db
    .insert(auditLog)
    .values({ actorId, action, subjectKind: subject.kind, subjectId: subject.id, details });
}

/** The newest lines of the audit log. */
export function listAudit(db: Executor, limit: number) {
  return db
    .select({
      id: auditLog.id,
      actor: users.name,
      action: auditLog.action,
      subjectKind: auditLog.subjectKind,
      subjectId: auditLog.subjectId,
      details: auditLog.details,
      createdAt: auditLog.createdAt,
    })
    .from(auditLog)
    .leftJoin(users, eq(users.id, auditLog.actorId))
    .orderBy(desc(auditLog.id))
    .limit(limit);
}
