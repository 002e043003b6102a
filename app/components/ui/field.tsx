'use client';

import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react';

const control =
  'w-full rounded-one border border-edge bg-surface px-3 text-14 text-ink disabled:bg-sunken disabled:text-quiet aria-invalid:border-red';

interface FieldProps {
  label: string;
  /** What is expected, shown under the label. */
  hint?: ReactNode;
  /** What is wrong, in a sentence; read out when it appears. */
  error?: string | null | undefined;
  /** Keeps the label for screen readers only. */
  hiddenLabel?: boolean;
}

function Frame({
  id,
  label,
  hint,
  error,
  hiddenLabel,
  children,
}: FieldProps & { id: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className={hiddenLabel ? 'sr-only' : 'text-14 font-strong'}>
        {label}
      </label>
      {hint !== undefined && (
        <p id={`${id}-hint`} className="text-12 text-quiet">
          {hint}
        </p>
      )}
      {children}
      {error && (
        <p id={`${id}-error`} role="alert" className="text-12 text-red">
          {error}
        </p>
      )}
    </div>
  );
}

function described(id: string, { hint, error }: FieldProps) {
  const ids = [hint !== undefined ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return { id, 'aria-describedby': ids || undefined, 'aria-invalid': error ? true : undefined };
}

/** A one-line input with its label, hint and error. */
export function TextField({
  label,
  hint,
  error,
  hiddenLabel,
  className = '',
  ...rest
}: FieldProps & Omit<InputHTMLAttributes<HTMLInputElement>, 'id'>) {
  const id = useId();
  const frame = { label, hint, error, hiddenLabel: hiddenLabel ?? false };
  return (
    <Frame id={id} {...frame}>
      <input {...rest} {...described(id, frame)} className={`${control} h-9 ${className}`} />
    </Frame>
  );
}

/** A text area with its label, hint and error. */
export function TextArea({
  label,
  hint,
  error,
  hiddenLabel,
  className = '',
  ...rest
}: FieldProps & Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'id'>) {
  const id = useId();
  const frame = { label, hint, error, hiddenLabel: hiddenLabel ?? false };
  return (
    <Frame id={id} {...frame}>
      <textarea {...rest} {...described(id, frame)} className={`${control} py-2 ${className}`} />
    </Frame>
  );
}

/** A native select with its label: it works with every keyboard, reader and phone. */
export function SelectField({
  label,
  hint,
  error,
  hiddenLabel,
  className = '',
  children,
  ...rest
}: FieldProps & Omit<SelectHTMLAttributes<HTMLSelectElement>, 'id'>) {
  const id = useId();
  const frame = { label, hint, error, hiddenLabel: hiddenLabel ?? false };
  return (
    <Frame id={id} {...frame}>
      <select {...rest} {...described(id, frame)} className={`${control} h-9 ${className}`}>
        {children}
      </select>
    </Frame>
  );
}

/** A check box with its label to the right. */
export function CheckField({
  label,
  className = '',
  ...rest
}: { label: ReactNode } & Omit<InputHTMLAttributes<HTMLInputElement>, 'type'>) {
  return (
    <label className={`flex items-start gap-2 text-14 ${className}`}>
      <input type="checkbox" {...rest} className="mt-1 size-4 shrink-0 accent-gold" />
      <span>{label}</span>
    </label>
  );
}
