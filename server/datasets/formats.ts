import type { DatasetKind, Message } from '@/db/schema.ts';
import { type DemonstrationRow, type LabelRow, promptValue, type RankingRow } from './rows.ts';

/** The formats in which each kind of dataset is exported, all of them JSON lines. */
export const EXPORT_FORMATS = {
  demonstrations: ['native', 'prompt-completion', 'messages'],
  rankings: ['native', 'chosen-rejected'],
} as const satisfies Record<DatasetKind, readonly string[]>;

export type ExportFormat = (typeof EXPORT_FORMATS)[DatasetKind][number];

export const ALL_EXPORT_FORMATS = [...new Set(Object.values(EXPORT_FORMATS).flat())];

/** Whether a kind of dataset can be exported in a format. */
export function hasFormat(kind: DatasetKind, format: ExportFormat): boolean {
  const formats: readonly ExportFormat[] = EXPORT_FORMATS[kind];
  return formats.includes(format);
}

/**
 * The lines of one label in a format: one, or for pairs as many as the ranking orders.
 * @param conversational whether texts are written as lists of turns; the same for a whole file, as its readers expect
 */
export function formatLabel(row: LabelRow, format: ExportFormat, conversational: boolean): object[] {
  if (row.kind === 'demonstrations') return [formatDemonstration(row, format, conversational)];
  // A ranking whose completions all have one text says nothing, and no reader takes it.
  if (row.completions.length < 2) return [];
  return format === 'chosen-rejected' ? pairs(row, conversational) : [nativeRanking(row)];
}

function formatDemonstration(row: DemonstrationRow, format: ExportFormat, conversational: boolean): object {
  const answer: Message = { role: 'assistant', content: row.completion };
  if (format === 'messages') return { messages: [...row.messages, answer] };
  if (format === 'prompt-completion') {
    return conversational
      ? { prompt: row.messages, completion: [answer] }
      : { prompt: promptValue(row.messages), completion: row.completion };
  }
  const { id, completion, labeler, split } = row;
  return { prompt: promptValue(row.messages), completion, id, labeler, split };
}

function nativeRanking(row: RankingRow): object {
  const { id, completions, ranks, labeler, split, strength, flags } = row;
  return {
    prompt: promptValue(row.messages),
    completions,
    ranks,
    group_id: id,
    labeler,
    split,
    ...(strength === null ? {} : { strength }),
    ...(flags.some((given) => given.length > 0) ? { flags } : {}),
  };
}

function pairs(row: RankingRow, conversational: boolean): object[] {
  const text = (content: string) =>
    conversational ? [{ role: 'assistant', content } satisfies Message] : content;
  const prompt = conversational ? row.messages : promptValue(row.messages);
  return row.completions.flatMap((better, i) =>
    row.completions.flatMap((worse, j) => {
      const [rankBetter = 0, rankWorse = 0] = [row.ranks[i], row.ranks[j]];
      return rankBetter < rankWorse ? [{ prompt, chosen: text(better), rejected: text(worse) }] : [];
    }),
  );
}
