'use client';

import { Kbd } from '../../../ui/kbd.tsx';

/** What the digits do now. */
export type Mode = 'rate' | 'flag' | 'rank' | 'weigh';

export interface ModeChoice {
  mode: Mode;
  /** The key that chooses it. */
  shortcut: string;
  name: string;
  /** How much of it is done, for example `3/5`. */
  done: string;
}

interface ModeBarProps {
  choices: ModeChoice[];
  mode: Mode;
  onMode(mode: Mode): void;
  /** What a digit does now, in words. */
  says: string;
}

/** Says what the digits do, and changes it: the labeler never has to guess. */
export function ModeBar({ choices, mode, onMode, says }: ModeBarProps) {
  return (
    <div className="flex flex-col gap-1">
      {choices.length > 1 && (
        <fieldset className="flex flex-wrap gap-1">
          <legend className="sr-only">What digits do</legend>
          {choices.map((choice) => (
            <button
              key={choice.mode}
              type="button"
              aria-pressed={choice.mode === mode}
              onClick={() => onMode(choice.mode)}
              className={`inline-flex h-7 items-center gap-1 rounded-one border px-1.5 text-12 ${choice.mode === mode ? 'border-gold bg-gold-wash font-strong text-gold-text' : 'border-edge text-quiet hover:bg-sunken'}`}
            >
              {choice.name}
              {choice.done !== '' && <span className="figures hidden md:inline">{choice.done}</span>}
              <Kbd>{choice.shortcut}</Kbd>
            </button>
          ))}
        </fieldset>
      )}
      <p className="text-12 text-quiet">{says}</p>
    </div>
  );
}
