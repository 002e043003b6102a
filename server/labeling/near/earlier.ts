import { and, desc, eq, isNull, ne, sql } from 'drizzle-orm';
import type { Database } from '@/db/client.ts';
import { demonstrations, textSketches } from '@/db/schema.ts';
import { findOwn, type OwnAssignment } from '../own-assignment.ts';
import { bandsOf, FEWEST_WORDS, NEARLY_THE_SAME, shinglesOf, similarity, wordsOf } from './shingles.ts';

/** Demonstrations sketched in one request at most: a person's first request does not wait for thousands. */
const SKETCHED_AT_ONCE = 2000;
/** Those that share the most bands are compared shingle by shingle. */
const COMPARED = 16;
/** Characters of the earlier text that go to the page. */
const LONGEST_SHOWN = 20_000;

export interface EarlierText {
  assignmentId: string;
  submittedAt: Date;
  /** Share of three-word shingles in common, 0 to 1. */
  similarity: number;
  /** The earlier demonstration, cut. */
  text: string;
}

/**
 * The demonstration of this person's own in the same project that a text nearly repeats; null when there is none.
 * Finds by MinHash, then compares the shingles themselves, so what it names is so; one in a hundred at a similarity of
 * a half goes unseen, fewer above.
 */
export async function earlierLikeThis(
  db: Database,
  input: OwnAssignment & { text: string },
): Promise<EarlierText | null> {
  const { projectId } = await findOwn(db, input);
  if (wordsOf(input.text).length < FEWEST_WORDS) return null;
  await sketchOwn(db, input.labelerId, projectId);
  const shingles = shinglesOf(input.text);
  // As text, for the planner sees an array and takes the index.
  const bands = sql`${`{${bandsOf(shingles).join(',')}}`}::int[]`;
  const found = await db
    .select({
      assignmentId: demonstrations.assignmentId,
      submittedAt: demonstrations.createdAt,
      text: demonstrations.text,
    })
    .from(textSketches)
    .innerJoin(demonstrations, eq(demonstrations.id, textSketches.demonstrationId))
    .where(
      and(
        sql`${textSketches.bands} && ${bands}`,
        eq(demonstrations.labelerId, input.labelerId),
        eq(demonstrations.projectId, projectId),
        isNull(demonstrations.supersededAt),
        ne(demonstrations.assignmentId, input.assignmentId),
      ),
    )
    .orderBy(
      desc(
        sql`(select count(*) from unnest(${textSketches.bands}) with ordinality as own(band, place)
          join unnest(${bands}) with ordinality as given(band, place) using (band, place))`,
      ),
    )
    .limit(COMPARED);
  let closest: EarlierText | null = null;
  for (const { text, ...row } of found) {
    const shared = similarity(shingles, shinglesOf(text));
    if (shared >= NEARLY_THE_SAME && shared > (closest?.similarity ?? 0)) {
      closest = { ...row, similarity: shared, text: text.slice(0, LONGEST_SHOWN) };
    }
  }
  return closest;
}

/** Sketches this person's demonstrations that have none yet, the newest first. */
async function sketchOwn(db: Database, labelerId: string, projectId: string): Promise<void> {
  const missing = await db
    .select({ id: demonstrations.id, text: demonstrations.text })
    .from(demonstrations)
    .where(
      and(
        eq(demonstrations.labelerId, labelerId),
        eq(demonstrations.projectId, projectId),
        isNull(demonstrations.supersededAt),
        sql`not exists (select 1 from ${textSketches} where ${textSketches.demonstrationId} = ${demonstrations.id})`,
      ),
    )
    .orderBy(desc(demonstrations.createdAt))
    .limit(SKETCHED_AT_ONCE);
  if (missing.length === 0) return;
  await db
    .insert(textSketches)
    .values(missing.map(({ id, text }) => ({ demonstrationId: id, bands: bandsOf(shinglesOf(text)) })))
    .onConflictDoNothing();
}
