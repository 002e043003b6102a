import type { ProjectSettings } from '@/db/schema.ts';
import { AppError } from '../../../errors.ts';
import type { RankingContent } from './schema.ts';
import { completionLetter } from './vocabulary.ts';

/**
 * Holds a ranking against its task: every completion of the task exactly once, strengths between neighbours, ratings
 * of the task's completions only, no flag twice, and what the project requires.
 * @param shownOrder the task's completions as the labeler sees them; errors name them by their letter
 * @throws BAD_INPUT with one sentence that names the first completion or field at fault
 */
export function checkRanking(shownOrder: string[], ranking: RankingContent, settings: ProjectSettings): void {
  const letters = new Map(shownOrder.map((id, index) => [id, completionLetter(index)]));
  const name = (id: string) => `completion ${letters.get(id) ?? ''} (${id})`;
  const seen = new Map<string, string>();

  for (const [g, group] of ranking.groups.entries()) {
    for (const [i, id] of group.entries()) {
      const place = `groups[${g}][${i}]`;
      if (!letters.has(id)) throw bad(`${place}: the completion ${id} is not one of this task’s.`);
      const before = seen.get(id);
      if (before !== undefined) throw bad(`${place}: ${name(id)} is ranked twice, first at ${before}.`);
      seen.set(id, place);
    }
  }
  const missing = shownOrder.find((id) => !seen.has(id));
  if (missing !== undefined) {
    throw bad(`groups: ${name(missing)} is not ranked: expected every completion of the task exactly once.`);
  }

  const neighbours = ranking.groups.length - 1;
  if (ranking.strengths !== null && ranking.strengths.length !== neighbours) {
    throw bad(
      `strengths: expected ${neighbours}, one between each group and the next, not ${ranking.strengths.length}.`,
    );
  }
  if (settings.strengths && ranking.strengths === null && neighbours > 0) {
    throw bad('strengths: missing: this project asks how much better each group is than the next.');
  }

  const rated = new Set<string>();
  for (const [r, { completionId, flags }] of ranking.ratings.entries()) {
    const place = `ratings[${r}].completionId`;
    if (!letters.has(completionId))
      throw bad(`${place}: the completion ${completionId} is not one of this task’s.`);
    if (rated.has(completionId)) throw bad(`${place}: ${name(completionId)} is rated twice.`);
    rated.add(completionId);
    const repeated = flags.find((flag, at) => flags.indexOf(flag) !== at);
    if (repeated !== undefined) {
      throw bad(`ratings[${r}].flags: ${name(completionId)} has the flag ${repeated} twice.`);
    }
  }
  if (settings.ratings === 'required') {
    const overall = new Set(ranking.ratings.filter((r) => r.overall !== null).map((r) => r.completionId));
    const unrated = shownOrder.find((id) => !overall.has(id));
    if (unrated !== undefined)
      throw bad(`ratings: ${name(unrated)} has no rating: this project asks for one of each.`);
  }
}

function bad(message: string): AppError {
  return new AppError('BAD_INPUT', message);
}
