'use client';

import { completionLetter, FLAGS, STRENGTHS } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import type { Subject } from '../kind.ts';
import { isBlank } from './completion-text.tsx';
import type { RankingContent } from './ranking.tsx';

interface OrderSummaryProps {
  subject: Subject;
  /** As it is, or would be, stored. */
  content: RankingContent;
  /** Lines of each completion's text to show. */
  lines: 1 | 2;
}

/** Characters of a text that its beginning needs at most. */
const BEGINNING = 400;

/** A ranking to be read: ranks and ties, how much better, what was said of each completion, and the note. */
export function OrderSummary({ subject, content, lines }: OrderSummaryProps) {
  const { groups, strengths, ratings, allBad, note } = content;
  const at = (id: string) => subject.completions.findIndex((completion) => completion.id === id);
  return (
    <div className="flex flex-col gap-3">
      <ol className="flex flex-col gap-1">
        {groups.map((group, rank) => {
          const strength = strengths?.[rank];
          return (
            <li key={group.join(' ')} className="flex flex-col gap-1">
              <div className="flex gap-3">
                <span className="figures w-4 shrink-0 text-quiet">{rank + 1}</span>
                <div className="flex min-w-0 flex-1 flex-col gap-1">
                  {group.map((id, place) => {
                    const text = subject.completions[at(id)]?.text ?? '';
                    return (
                      <div key={id} className="flex gap-2">
                        <strong className="w-7 shrink-0 whitespace-nowrap">
                          {place > 0 && <span className="font-normal text-quiet">= </span>}
                          {completionLetter(at(id))}
                        </strong>
                        <div className="min-w-0 flex-1">
                          <p
                            dir="auto"
                            className={`min-w-0 font-serif break-words text-quiet ${lines === 1 ? 'line-clamp-1' : 'line-clamp-2'}`}
                          >
                            {isBlank(text) ? '(empty)' : text.trimStart().slice(0, BEGINNING)}
                          </p>
                          <Said rating={ratings.find((rating) => rating.completionId === id)} />
                        </div>
                      </div>
                    );
                  })}
                </div>
              </div>
              {strength && rank < groups.length - 1 && (
                <p className="pl-7 text-12 text-quiet">
                  ↓ {STRENGTHS[strength].toLowerCase()} than rank {rank + 2}
                </p>
              )}
            </li>
          );
        })}
      </ol>
      {allBad && <p className="text-red">Marked: all of them are bad.</p>}
      {note.trim() !== '' && (
        <p dir="auto" className="whitespace-pre-wrap break-words text-quiet">
          “{note}”
        </p>
      )}
    </div>
  );
}

/** What was said of one completion by itself. */
function Said({ rating }: { rating: RankingContent['ratings'][number] | undefined }) {
  if (!rating || (rating.overall === null && rating.flags.length === 0)) return null;
  return (
    <p className="flex flex-wrap gap-x-2 text-12">
      {rating.overall !== null && <span>rated {rating.overall} of 7</span>}
      {rating.flags.length > 0 && (
        <span className="text-red">⚑ {rating.flags.map((flag) => FLAGS[flag]).join(' · ')}</span>
      )}
    </p>
  );
}
