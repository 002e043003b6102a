'use client';

import { useState } from 'react';
import { FLAGS, type Flag } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import { ChoiceChip } from '../../../ui/chip.tsx';
import { ReadingText } from '../../../ui/reading-text.tsx';
import { difference } from './difference.ts';

export interface Rating {
  completionId: string;
  overall: number | null;
  flags: Flag[];
}

interface RankingCardProps {
  letter: string;
  text: string;
  /** Rank counted from 1; null while it is not placed. */
  rank: number | null;
  selected: boolean;
  onSelect(): void;
  /** Null when the project asks for no ratings. */
  rating: Rating | null;
  onRate(rating: Rating): void;
  /** The text to mark the differences from; null when none are marked. */
  reference: string | null;
}

const GRADES = [1, 2, 3, 4, 5, 6, 7] as const;
const FLAG_NAMES = Object.entries(FLAGS) as [Flag, string][];
/** Characters from which a completion can be collapsed. */
const LONG = 1800;

/** One completion: its letter, its text, and what the labeler thinks of it by itself. */
export function RankingCard(props: RankingCardProps) {
  const { letter, text, rank, selected, onSelect, rating, onRate, reference } = props;
  const [collapsed, setCollapsed] = useState(false);
  return (
    <article
      id={`completion-${letter}`}
      aria-label={`Completion ${letter}`}
      aria-current={selected || undefined}
      className={`scroll-mt-28 scroll-mb-24 rounded-one border-l-4 bg-surface p-4 ${selected ? 'border-gold' : 'border-transparent'}`}
    >
      <div className="flex gap-3">
        <button
          type="button"
          onClick={onSelect}
          aria-label={`Select completion ${letter}`}
          aria-pressed={selected}
          className={`flex size-8 shrink-0 items-center justify-center rounded-one border text-17 font-strong ${selected ? 'border-gold bg-gold-wash text-gold-text' : 'border-edge'}`}
        >
          {letter}
        </button>
        {/* A click on the text selects it too; the button beside it is what keyboards and readers use. */}
        <div className="min-w-0 flex-1" onPointerUp={onSelect}>
          {reference === null ? (
            <div className={collapsed ? 'max-h-40 overflow-hidden' : ''}>
              {text.trim() === '' ? (
                <p className="text-quiet">(empty: nothing was written)</p>
              ) : (
                <ReadingText text={text} />
              )}
            </div>
          ) : (
            <Differences text={text} reference={reference} />
          )}
        </div>
        <span className="figures w-14 shrink-0 text-right text-12 text-quiet">
          {rank === null ? 'no rank' : `rank ${rank}`}
        </span>
      </div>
      <div className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2 pl-11">
        {rating && <RatingRow letter={letter} rating={rating} onRate={onRate} />}
        {text.length > LONG && (
          <button
            type="button"
            aria-expanded={!collapsed}
            onClick={() => setCollapsed(!collapsed)}
            className="text-12 text-gold-text underline"
          >
            {collapsed ? 'Show all' : 'Collapse'}
          </button>
        )}
      </div>
    </article>
  );
}

function RatingRow({
  letter,
  rating,
  onRate,
}: {
  letter: string;
  rating: Rating;
  onRate(rating: Rating): void;
}) {
  const [flagsOpen, setFlagsOpen] = useState(false);
  return (
    <>
      <fieldset className="flex items-center gap-1">
        <legend className="sr-only">Rating of completion {letter}, 1 is worst, 7 is best</legend>
        <span className="pr-1 text-12 text-quiet" aria-hidden="true">
          Rating
        </span>
        {GRADES.map((grade) => (
          <label
            key={grade}
            className="figures relative flex size-7 cursor-pointer items-center justify-center rounded-one border border-edge text-12 text-quiet hover:bg-sunken has-checked:border-gold has-checked:bg-gold-wash has-checked:font-strong has-checked:text-gold-text has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-gold"
          >
            <input
              type="radio"
              name={`rating-${letter}`}
              checked={rating.overall === grade}
              onChange={() => onRate({ ...rating, overall: grade })}
              className="absolute inset-0 cursor-pointer opacity-0"
              aria-label={`${grade}`}
            />
            {grade}
          </label>
        ))}
      </fieldset>
      <button
        type="button"
        id={`flags-${letter}`}
        aria-expanded={flagsOpen}
        onClick={() => setFlagsOpen(!flagsOpen)}
        className={`h-7 rounded-one border px-2 text-12 hover:bg-sunken ${rating.flags.length > 0 ? 'border-red text-red' : 'border-edge text-quiet'}`}
      >
        {rating.flags.length > 0 ? `${rating.flags.length} flagged` : 'Flags'} {flagsOpen ? '▴' : '▾'}
      </button>
      {flagsOpen && (
        <fieldset className="flex w-full flex-wrap gap-2">
          <legend className="sr-only">What is wrong with completion {letter}</legend>
          {FLAG_NAMES.map(([flag, name]) => {
            const pressed = rating.flags.includes(flag);
            return (
              <ChoiceChip
                key={flag}
                pressed={pressed}
                onToggle={() =>
                  onRate({
                    ...rating,
                    flags: pressed ? rating.flags.filter((one) => one !== flag) : [...rating.flags, flag],
                  })
                }
              >
                {name}
              </ChoiceChip>
            );
          })}
        </fieldset>
      )}
    </>
  );
}

function Differences({ text, reference }: { text: string; reference: string }) {
  let at = 0;
  return (
    <p dir="auto" className="reading whitespace-pre-wrap">
      {difference(text, reference).map((stretch) => {
        const key = at;
        at += stretch.text.length;
        return stretch.same ? (
          <span key={key}>{stretch.text}</span>
        ) : (
          <mark
            key={key}
            className="bg-gold-wash text-ink underline decoration-gold decoration-2 underline-offset-4"
          >
            {stretch.text}
          </mark>
        );
      })}
    </p>
  );
}
