import { and, asc, eq, inArray } from 'drizzle-orm';
import type { Executor } from '@/db/client.ts';
import {
  completions,
  type DatasetKind,
  demonstrations,
  type Message,
  prompts,
  rankings,
  ratings,
  type Split,
  type Strength,
} from '@/db/schema.ts';

/** A prompt as files hold it: text when it is a single turn of the user, else the conversation. */
export type PromptValue = string | Message[];

/** One demonstration, with everything that an export may say of it. */
export interface DemonstrationRow {
  kind: 'demonstrations';
  id: string;
  messages: Message[];
  completion: string;
  labeler: string;
  split: Split;
}

/** One ranking, with everything that an export may say of it. */
export interface RankingRow {
  kind: 'rankings';
  id: string;
  messages: Message[];
  /** Best first. Of completions with the very same text only the best-ranked is here: they hold no preference. */
  completions: string[];
  /** Of each completion: 1 is best, equal is a tie. */
  ranks: number[];
  /** Between each rank and the next, 1 (negligible) to 4 (significant); null when not asked. */
  strength: number[] | null;
  /** Of each completion. */
  flags: string[][];
  labeler: string;
  split: Split;
}

export type LabelRow = DemonstrationRow | RankingRow;

const STRENGTH_GRADES: Record<Strength, number> = { negligible: 1, slight: 2, better: 3, significant: 4 };

/** Loads labels by id, in the order of the ids. */
export async function loadLabels(db: Executor, kind: DatasetKind, ids: string[]): Promise<LabelRow[]> {
  if (ids.length === 0) return [];
  const rows = kind === 'demonstrations' ? await loadDemonstrations(db, ids) : await loadRankings(db, ids);
  const byId = new Map<string, LabelRow>(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

async function loadDemonstrations(db: Executor, ids: string[]): Promise<DemonstrationRow[]> {
  const rows = await db
    .select({
      id: demonstrations.id,
      messages: prompts.messages,
      writtenPrompt: demonstrations.writtenPrompt,
      completion: demonstrations.text,
      labeler: demonstrations.labelerId,
      split: prompts.split,
    })
    .from(demonstrations)
    .innerJoin(prompts, eq(prompts.id, demonstrations.promptId))
    .where(inArray(demonstrations.id, ids));
  return rows.map(({ writtenPrompt, ...row }) => ({
    ...row,
    kind: 'demonstrations' as const,
    messages: writtenPrompt ?? row.messages,
  }));
}

async function loadRankings(db: Executor, ids: string[]): Promise<RankingRow[]> {
  const rows = await db
    .select({
      id: rankings.id,
      messages: prompts.messages,
      groups: rankings.groups,
      strengths: rankings.strengths,
      labeler: rankings.labelerId,
      split: prompts.split,
    })
    .from(rankings)
    .innerJoin(prompts, eq(prompts.id, rankings.promptId))
    .where(inArray(rankings.id, ids));
  const completionIds = [...new Set(rows.flatMap((row) => row.groups.flat()))];
  const texts = await db
    .select({ id: completions.id, text: completions.text })
    .from(completions)
    .where(inArray(completions.id, completionIds));
  const textOf = new Map(texts.map((row) => [row.id, row.text]));
  const flagged = await db
    .select({ rankingId: ratings.rankingId, completionId: ratings.completionId, flags: ratings.flags })
    .from(ratings)
    .where(and(inArray(ratings.rankingId, ids)))
    .orderBy(asc(ratings.id));
  const flagsOf = new Map(flagged.map((row) => [`${row.rankingId} ${row.completionId}`, row.flags]));

  return rows.map((row) => {
    const seen = new Set<string>();
    const kept: { text: string; group: number; flags: string[] }[] = [];
    for (const [group, ids] of row.groups.entries()) {
      for (const id of ids) {
        const text = textOf.get(id);
        if (text === undefined || seen.has(text)) continue;
        seen.add(text);
        kept.push({ text, group, flags: flagsOf.get(`${row.id} ${id}`) ?? [] });
      }
    }
    // Ranks without gaps, should a group have held nothing but repeated texts.
    const groups = [...new Set(kept.map((item) => item.group))];
    return {
      kind: 'rankings' as const,
      id: row.id,
      messages: row.messages,
      completions: kept.map((item) => item.text),
      ranks: kept.map((item) => groups.indexOf(item.group) + 1),
      strength: neighbourStrengths(row.strengths, groups),
      flags: kept.map((item) => item.flags),
      labeler: row.labeler,
      split: row.split,
    };
  });
}

/** Strengths between the groups that are left; where groups fell out between two, the strongest step counts. */
function neighbourStrengths(strengths: Strength[] | null, groups: number[]): number[] | null {
  if (strengths === null) return null;
  return groups.slice(1).map((group, index) => {
    const steps = strengths.slice(groups[index], group).map((strength) => STRENGTH_GRADES[strength]);
    return Math.max(...steps);
  });
}

/** A conversation as files hold it. */
export function promptValue(messages: Message[]): PromptValue {
  const [only] = messages;
  return messages.length === 1 && only?.role === 'user' ? only.content : messages;
}
