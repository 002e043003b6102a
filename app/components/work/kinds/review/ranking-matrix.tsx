'use client';

import { useKeyboardScroll } from '../../../ui/use-keyboard-scroll.ts';
import { disputes, type RankingLabel, ranksOf } from './compare.ts';

interface RankingMatrixProps {
  ids: string[];
  letter(id: string): string;
  labels: RankingLabel[];
  /** Id of the label that the keys act on. */
  selected: string | null;
  verdictOf(labelId: string): 'accepted' | 'rejected' | null;
}

const MARKS = { accepted: '✓', rejected: '✕' } as const;

/** Completion by label: the rank that each gave, its rating and flags, and which completions are disputed with which. */
export function RankingMatrix({ ids, letter, labels, selected, verdictOf }: RankingMatrixProps) {
  const region = useKeyboardScroll<HTMLElement>();
  const orders = labels.map(({ content }) => content.groups);
  const disputed = disputes(ids, orders);
  const ranks = new Map(labels.map(({ labelId, content }) => [labelId, ranksOf(content.groups)]));
  const pairs = [...disputed.values()].reduce((sum, others) => sum + others.length, 0) / 2;
  const all = (ids.length * (ids.length - 1)) / 2;
  return (
    <section ref={region} aria-label="The labels beside each other" className="overflow-x-auto">
      <table className="w-full border-collapse text-14">
        <caption className="pb-2 text-left text-12 text-quiet">
          {labels.length === 1
            ? 'The rank that each completion got.'
            : pairs === 0
              ? `The labels put none of ${all} pairs the opposite way round.`
              : `The labels put ${pairs} of ${all} pairs the opposite way round (≠).`}
        </caption>
        <thead>
          <tr className="text-12 text-quiet">
            <th scope="col" className="border-b py-1 pr-2 text-left font-normal">
              <span className="sr-only">Completion</span>
            </th>
            {labels.map(({ labelId, number }) => (
              <th
                key={labelId}
                scope="col"
                className={`border-b px-2 py-1 text-left whitespace-nowrap ${labelId === selected ? 'border-b-2 border-gold font-strong text-ink' : 'font-normal'}`}
              >
                Label {number}
                <VerdictMark verdict={verdictOf(labelId)} />
              </th>
            ))}
            {labels.length > 1 && (
              <th scope="col" className="border-b py-1 pl-2 text-left font-normal">
                Disputed
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {ids.map((id) => {
            const others = disputed.get(id) ?? [];
            return (
              <tr key={id}>
                <th scope="row" className="border-b py-1.5 pr-2 text-left font-strong">
                  {letter(id)}
                </th>
                {labels.map(({ labelId, content }) => (
                  <td
                    key={labelId}
                    className={`border-b px-2 py-1.5 whitespace-nowrap ${labelId === selected ? 'bg-gold-wash' : ''}`}
                  >
                    <span className="figures text-17 font-strong">{ranks.get(labelId)?.get(id) ?? '–'}</span>{' '}
                    <Opinion rating={content.ratings.find(({ completionId }) => completionId === id)} />
                  </td>
                ))}
                {labels.length > 1 && (
                  <td className="border-b py-1.5 pl-2 whitespace-nowrap">
                    {others.length === 0 ? (
                      <span className="text-quiet">no</span>
                    ) : (
                      <strong>≠ {others.map(letter).join(', ')}</strong>
                    )}
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function VerdictMark({ verdict }: { verdict: 'accepted' | 'rejected' | null }) {
  if (verdict === null) return null;
  return (
    <span className={verdict === 'accepted' ? 'text-green' : 'text-red'}>
      <span aria-hidden="true"> {MARKS[verdict]}</span>
      <span className="sr-only">, {verdict}</span>
    </span>
  );
}

function Opinion({ rating }: { rating: RankingLabel['content']['ratings'][number] | undefined }) {
  if (!rating) return null;
  const { overall, flags } = rating;
  return (
    <span className="pl-1 text-12 text-quiet">
      {overall !== null && `rated ${overall}`}
      {flags.length > 0 && (
        <span className="text-red">
          {overall !== null && ' '}⚑{flags.length}
          <span className="sr-only"> {flags.length === 1 ? 'flag' : 'flags'}</span>
        </span>
      )}
    </span>
  );
}
