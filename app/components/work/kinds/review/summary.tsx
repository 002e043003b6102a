'use client';

import { Verdict } from '../../verdict.tsx';
import { demonstration } from '../demonstration/demonstration.tsx';
import type { Subject } from '../kind.ts';
import { ranking } from '../ranking/ranking.tsx';
import { isDemonstration, isRanking } from './compare.ts';
import type { ReviewContent } from './review.tsx';

/** A review to be read: each label that was judged with its verdict, and the reviewer's own answer. Only its reviewer sees it. */
export function ReviewSummary({ subject, content }: { subject: Subject; content: ReviewContent }) {
  const labels = subject.review?.labels ?? [];
  const numberOf = (labelId: string) => labels.find((label) => label.labelId === labelId)?.number ?? 0;
  const verdicts = [...content.verdicts].sort((a, b) => numberOf(a.labelId) - numberOf(b.labelId));
  const { answer } = content;
  return (
    <div className="flex flex-col gap-4">
      <ul className="flex flex-col gap-3">
        {verdicts.map(({ labelId, verdict, comment }) => {
          const label = labels.find((one) => one.labelId === labelId);
          return (
            <li key={labelId} className="flex flex-col gap-1">
              <p className="flex flex-wrap items-center gap-2">
                <strong>Label {numberOf(labelId)}</strong>
                <Verdict verdict={verdict} />
                {label && !label.current && (
                  <span className="text-12 text-quiet">a version that its labeler has replaced since</span>
                )}
              </p>
              {label && isRanking(label) && <ranking.View subject={subject} content={label.content} />}
              {label && isDemonstration(label) && (
                <p dir="auto" className="line-clamp-3 max-w-[72ch] font-serif text-17 break-words">
                  {label.content.text}
                </p>
              )}
              {comment !== '' && (
                <p dir="auto" className="max-w-[72ch] break-words whitespace-pre-wrap text-quiet">
                  “{comment}”
                </p>
              )}
            </li>
          );
        })}
      </ul>
      {answer !== null && (
        <div className="flex flex-col gap-1">
          <h3 className="font-strong">Your own answer</h3>
          {answer.kind === 'ranking' ? (
            <ranking.View subject={subject} content={answer} />
          ) : (
            <demonstration.View subject={subject} content={answer} />
          )}
        </div>
      )}
    </div>
  );
}
