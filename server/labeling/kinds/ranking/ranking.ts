import { asc, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { rankings, ratings } from '@/db/schema.ts';
import { written } from '../../label.ts';
import { pairAgreement } from '../../pair-agreement.ts';
import type { Kind } from '../kind.ts';
import { checkRanking } from './check.ts';
import { type RankingContent, rankingContent, rankingDraft } from './schema.ts';
import { FLAGS, type Flag } from './vocabulary.ts';

const knownAnswer = z.object({ groups: z.array(z.array(z.string())) });

/** Putting 2 to 9 completions in an order, ties allowed, each rated by itself first. */
export const ranking: Kind<RankingContent> = {
  name: 'ranking',
  content: rankingContent,
  draft: rankingDraft,
  table: rankings,

  check: ({ assignment, project }, content) => checkRanking(assignment.shownOrder, content, project.settings),

  async insert({ tx, project }, base, { groups, strengths, allBad, note, ratings: given }) {
    const rows = await tx
      .insert(rankings)
      .values({ ...base, groups, strengths, allBad, note })
      .returning({ id: rankings.id });
    const { id } = written(rows);
    const said = given.filter((rating) => rating.overall !== null || rating.flags.length > 0);
    if (said.length > 0 && project.settings.ratings !== 'off') {
      await tx.insert(ratings).values(said.map((rating) => ({ ...rating, rankingId: id })));
    }
    return id;
  },

  async load(db, labelIds) {
    const rows = await db.select().from(rankings).where(inArray(rankings.id, labelIds));
    const given = await db
      .select()
      .from(ratings)
      .where(inArray(ratings.rankingId, labelIds))
      .orderBy(asc(ratings.id));
    const known = (name: string): name is Flag => name in FLAGS;
    return new Map(
      rows.map(({ id, groups, strengths, allBad, note }) => [
        id,
        {
          kind: 'ranking' as const,
          groups,
          strengths,
          allBad,
          note,
          ratings: given
            .filter((rating) => rating.rankingId === id)
            .map(({ completionId, overall, flags }) => ({
              completionId,
              overall,
              flags: flags.filter(known),
            })),
        },
      ]),
    );
  },

  grade({ groups }, gold) {
    const known = knownAnswer.safeParse(gold);
    if (!known.success) return null;
    const { pairs, agreed } = pairAgreement(known.data.groups, groups, { ties: 'half' });
    return pairs === 0 ? null : agreed / pairs;
  },
};
