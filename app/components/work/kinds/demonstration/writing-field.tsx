'use client';

import { type KeyboardEvent, memo, type Ref, useId } from 'react';

interface WritingFieldProps {
  label: string;
  /** Keeps the label for screen readers only, where a heading says the same. */
  hiddenLabel?: boolean;
  value: string;
  placeholder?: string;
  /** Its height while it is empty. */
  size: 'line' | 'few' | 'many';
  field?: Ref<HTMLTextAreaElement>;
  /** The same function every time: the field is drawn anew for its own text only. */
  onText(text: string): void;
  onLeave?(): void;
}

const sizes = { line: 'min-h-11 py-2', few: 'min-h-24 py-3', many: 'min-h-64 py-4' } as const;

/** Escape leaves the field, so that letters and digits are keys of the page again. */
function leaveOnEscape(event: KeyboardEvent<HTMLTextAreaElement>) {
  if (event.key === 'Escape') event.currentTarget.blur();
}

/** A field for a text that a model will read: in the reading serif, as tall as what it holds. */
export const WritingField = memo(function WritingField(props: WritingFieldProps) {
  const id = useId();
  const { label, hiddenLabel = false, value, placeholder, size, field, onText, onLeave } = props;
  return (
    <div className="flex max-w-[40.6rem] flex-col gap-1">
      <label htmlFor={id} className={hiddenLabel ? 'sr-only' : 'text-12 text-quiet'}>
        {label}
      </label>
      <textarea
        id={id}
        ref={field}
        dir="auto"
        value={value}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={leaveOnEscape}
        onBlur={onLeave}
        placeholder={placeholder}
        spellCheck
        className={`reading field-sizing-content w-full max-w-full scroll-mt-28 scroll-mb-24 resize-none rounded-one border border-edge bg-surface px-4 ${sizes[size]}`}
      />
    </div>
  );
});
