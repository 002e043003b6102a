import { type SQL, sql } from 'drizzle-orm';
import { type demonstrations, memberships, type rankings } from '@/db/schema.ts';

/*
 * Which labels count. Each condition is a piece of SQL for a query that reads from `labels`; it names the table, so it
 * holds in joins and by itself.
 */

type Labels = typeof demonstrations | typeof rankings;

/** Whether a label is of somebody whose labels count no more in its project. */
export function ofRevoked(labels: Labels): SQL<boolean> {
  return sql<boolean>`exists (select 1 from ${memberships} m
    where m."user_id" = ${labels}."labeler_id" and m."project_id" = ${labels}."project_id" and m."standing" = 'revoked')`;
}
