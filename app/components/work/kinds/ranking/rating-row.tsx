'use client';

import { ChoiceChip } from '../../../ui/chip.tsx';
import { Kbd } from '../../../ui/kbd.tsx';
import { ChoiceRow } from './choice-row.tsx';
import type { Mode } from './mode-bar.tsx';
import { FLAG_NAMES, flagKey, GRADES, type Rating } from './rating.ts';

interface RatingRowProps {
  letter: string;
  rating: Rating;
  /** What digits do to this completion now; null when they do nothing to it. */
  mode: Mode | null;
  onRate(rating: Rating): void;
  /** Opens or closes the flags. */
  onFlag(open: boolean): void;
}

/** A rating with one flag more, or one less. */
export function toggleFlag(rating: Rating, flag: Rating['flags'][number]): Rating {
  const flags = rating.flags.includes(flag)
    ? rating.flags.filter((one) => one !== flag)
    : [...rating.flags, flag];
  return { ...rating, flags };
}

/** What the labeler thinks of one completion by itself: 1 to 7, and what is wrong with it. */
export function RatingRow({ letter, rating, mode, onRate, onFlag }: RatingRowProps) {
  const open = mode === 'flag';
  return (
    <>
      <span className="text-12 text-quiet" aria-hidden="true">
        Rating
      </span>
      <ChoiceRow
        legend={`Rating of completion ${letter}, 1 is worst, 7 is best`}
        choices={GRADES.map((grade) => ({ value: grade, face: grade, name: `Rate ${letter} ${grade} of 7` }))}
        chosen={rating.overall}
        onChoose={(grade) => onRate({ ...rating, overall: rating.overall === grade ? null : grade })}
        active={mode === 'rate'}
      />
      <button
        type="button"
        aria-expanded={open}
        aria-label={`Flags of completion ${letter}${rating.flags.length > 0 ? `, ${rating.flags.length} flagged` : ''}`}
        onClick={() => onFlag(!open)}
        className={`h-6.5 rounded-one border px-2 text-12 hover:bg-sunken ${rating.flags.length > 0 ? 'border-red text-red' : 'border-edge text-quiet'}`}
      >
        {rating.flags.length > 0 ? `⚑ ${rating.flags.length} flagged` : '⚑ Flags'}
      </button>
      {open ? (
        <fieldset className="flex w-full flex-wrap gap-2">
          <legend className="sr-only">What is wrong with completion {letter}</legend>
          {FLAG_NAMES.map(([flag, name], index) => (
            <ChoiceChip
              key={flag}
              pressed={rating.flags.includes(flag)}
              onToggle={() => onRate(toggleFlag(rating, flag))}
            >
              {name} <Kbd>{flagKey(index)}</Kbd>
            </ChoiceChip>
          ))}
        </fieldset>
      ) : (
        rating.flags.length > 0 && (
          <p className="w-full text-12 text-red">
            {FLAG_NAMES.filter(([flag]) => rating.flags.includes(flag))
              .map(([, name]) => name)
              .join(' · ')}
          </p>
        )
      )}
    </>
  );
}
