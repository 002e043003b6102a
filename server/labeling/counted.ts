import { type SQL, sql } from 'drizzle-orm';
import {
  type demonstrations,
  type LeftOut,
  memberships,
  type rankings,
  reviews,
  reviewVerdicts,
} from '@/db/schema.ts';

/*
 * Which labels count. Each condition is a piece of SQL for a query that reads from `labels`; it names the table, so it
 * holds in joins and by itself.
 */

type Labels = typeof demonstrations | typeof rankings;

/** The current version of a label that was not late. */
export function current(labels: Labels): SQL<boolean> {
  return sql<boolean>`(${labels}."superseded_at" is null and not ${labels}."late")`;
}

/**
 * Whether review rejected a label. What counts is the newest of its versions that was judged, so an edit neither escapes
 * a rejection nor loses an acceptance before it is judged itself. Of several reviews of one version the majority
 * decides, and where they are even the latest. Late reviews and older versions of a review do not count.
 */
export function rejectedInReview(labels: Labels): SQL<boolean> {
  const rejections = sql`2 * count(*) filter (where v."verdict" = 'rejected')`;
  return sql<boolean>`coalesce((
    select case when ${rejections} = count(*)
      then (array_agg(v."verdict" order by r."created_at" desc, r."id" desc))[1] = 'rejected'
      else ${rejections} > count(*) end
    from ${labels} as "judged"
    join ${reviewVerdicts} v on v."label_id" = "judged"."id"
    join ${reviews} r on r."id" = v."review_id" and r."superseded_at" is null and not r."late"
    where "judged"."assignment_id" = ${labels}."assignment_id"
    group by "judged"."version" order by "judged"."version" desc limit 1), false)`;
}

/** Whether a label is of somebody whose labels count no more in its project. */
export function ofRevoked(labels: Labels): SQL<boolean> {
  return sql<boolean>`exists (select 1 from ${memberships} m
    where m."user_id" = ${labels}."labeler_id" and m."project_id" = ${labels}."project_id" and m."standing" = 'revoked')`;
}

/** Why a current label stays out of what is frozen from now on; null when it goes in. */
export function whyLeftOut(labels: Labels): SQL<keyof LeftOut | null> {
  return sql<keyof LeftOut | null>`case when ${ofRevoked(labels)} then 'revoked'
    when ${rejectedInReview(labels)} then 'rejected' end`;
}
