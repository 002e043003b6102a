import { dateTime } from '../../lib/format.ts';
import type { Outputs } from '../../lib/trpc.ts';
import { Verdict } from './verdict.tsx';

type Given = Outputs['labeling']['historyItem']['versions'][number]['verdicts'];

/** What reviews said of one's own label; who reviewed it is not told. */
export function VerdictsGiven({ verdicts }: { verdicts: Given }) {
  if (verdicts.length === 0) return null;
  return (
    <ul aria-label="Reviews" className="flex flex-col gap-2 border-l-2 pl-4">
      {verdicts.map(({ verdict, comment, at }) => (
        <li key={at.toISOString()} className="flex flex-col gap-1">
          <p className="flex flex-wrap items-center gap-2 text-12 text-quiet">
            <Verdict verdict={verdict} /> in review · {dateTime(at)}
          </p>
          {comment !== '' && (
            <p dir="auto" className="max-w-[72ch] break-words whitespace-pre-wrap">
              {comment}
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}
