import { and, eq, inArray, isNull } from 'drizzle-orm';
import type { Transaction } from '@/db/client.ts';
import { completions, matches, rankings, tasks } from '@/db/schema.ts';
import type { Round } from './rounds.ts';

/** Each completion's place in a ranking, 0 the best; completions of one group share it. */
export function placesOf(groups: readonly (readonly string[])[]): Map<string, number> {
  return new Map(groups.flatMap((group, place) => group.map((id) => [id, place] as const)));
}

type Outcome = 'a' | 'b' | 'tie';

/** Every pair of a ranking as a match, once, in the order of `ids`. */
export function pairsOf(
  groups: readonly (readonly string[])[],
  ids: readonly string[],
): { a: string; b: string; outcome: Outcome }[] {
  const places = placesOf(groups);
  return ids.flatMap((a, index) =>
    ids.slice(index + 1).flatMap((b) => {
      const [first, second] = [places.get(a), places.get(b)];
      if (first === undefined || second === undefined) return [];
      const outcome: Outcome = first === second ? 'tie' : first < second ? 'a' : 'b';
      return [{ a, b, outcome }];
    }),
  );
}

/** Writes the round's blind votes as matches between models. Doing it again adds nothing. */
export async function deriveMatches(tx: Transaction, round: Round): Promise<void> {
  const votes = await tx
    .select({
      id: rankings.id,
      promptId: rankings.promptId,
      labelerId: rankings.labelerId,
      groups: rankings.groups,
    })
    .from(rankings)
    .innerJoin(tasks, eq(tasks.id, rankings.taskId))
    .where(
      and(
        eq(tasks.roundId, round.id),
        eq(tasks.purpose, 'evaluation'),
        isNull(rankings.supersededAt),
        eq(rankings.late, false),
      ),
    );
  const ids = votes.flatMap((vote) => vote.groups.flat());
  if (ids.length === 0) return;
  const authors = new Map<string, string>();
  for (let i = 0; i < ids.length; i += 5000) {
    const rows = await tx
      .select({ id: completions.id, modelId: completions.modelId })
      .from(completions)
      .where(inArray(completions.id, ids.slice(i, i + 5000)));
    for (const row of rows) if (row.modelId !== null) authors.set(row.id, row.modelId);
  }
  const order = [round.baseModelId, round.inputs.sftModelId, round.inputs.ppoModelId];
  const rows = votes.flatMap((vote) => {
    const known = vote.groups
      .flat()
      .filter((id) => authors.has(id))
      .sort((a, b) => order.indexOf(authors.get(a) ?? '') - order.indexOf(authors.get(b) ?? ''));
    return pairsOf(vote.groups, known).map(({ a, b, outcome }) => ({
      projectId: round.projectId,
      roundId: round.id,
      promptId: vote.promptId,
      rankingId: vote.id,
      labelerId: vote.labelerId,
      completionA: a,
      completionB: b,
      modelA: authors.get(a) ?? '',
      modelB: authors.get(b) ?? '',
      outcome,
    }));
  });
  for (let i = 0; i < rows.length; i += 2000) {
    await tx
      .insert(matches)
      .values(rows.slice(i, i + 2000))
      .onConflictDoNothing();
  }
}
