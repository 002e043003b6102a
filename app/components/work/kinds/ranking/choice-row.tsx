'use client';

import type { KeyboardEvent, ReactNode } from 'react';

interface ChoiceRowProps<T> {
  id?: string;
  /** The question, for screen readers. */
  legend: string;
  choices: { value: T; face: ReactNode; name: string }[];
  chosen: T | null;
  onChoose(value: T): void;
  /** Digits choose here now. */
  active: boolean;
}

/**
 * A row of small choices, one of which may be pressed: one stop for Tab, left and right within. Up and down are left to
 * the page, which moves between completions with them: radio buttons would take them and change the answer.
 */
export function ChoiceRow<T extends string | number>(props: ChoiceRowProps<T>) {
  const { id, legend, choices, chosen, onChoose, active } = props;
  const stop = choices.some(({ value }) => value === chosen) ? chosen : choices[0]?.value;

  function onKeyDown(event: KeyboardEvent<HTMLFieldSetElement>) {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    const buttons = [...event.currentTarget.querySelectorAll('button')];
    const focused = document.activeElement;
    const at = focused instanceof HTMLButtonElement ? buttons.indexOf(focused) : -1;
    buttons[at + by]?.focus();
  }

  return (
    <fieldset id={id} onKeyDown={onKeyDown} className="flex items-center gap-0.5">
      <legend className="sr-only">{legend}</legend>
      {choices.map(({ value, face, name }) => (
        <button
          key={value}
          type="button"
          aria-label={name}
          aria-pressed={value === chosen}
          tabIndex={value === stop ? 0 : -1}
          onClick={() => onChoose(value)}
          className={`figures flex size-6.5 items-center justify-center rounded-one border text-12 ${
            value === chosen
              ? 'border-gold bg-gold-wash font-strong text-gold-text'
              : `${active ? 'border-gold' : 'border-edge'} text-quiet hover:bg-sunken`
          }`}
        >
          {face}
        </button>
      ))}
    </fieldset>
  );
}
