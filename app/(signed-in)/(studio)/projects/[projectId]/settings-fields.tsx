'use client';

import type { ReactNode } from 'react';
import { CheckField, TextField } from '../../../../components/ui/field.tsx';

/** Settings that belong together, under a heading. */
export function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="flex flex-col gap-4 border-t pt-4">
      <legend className="float-left mb-1 w-full text-17 font-strong">{title}</legend>
      {children}
    </fieldset>
  );
}

interface NumberProps {
  label: string;
  hint?: string;
  value: number;
  min: number;
  max: number;
  step?: number;
  onChange(value: number): void;
}

/** A number that must be given. */
export function NumberField({ onChange, step = 1, ...rest }: NumberProps) {
  return (
    <TextField
      {...rest}
      type="number"
      step={step}
      required
      value={Number.isNaN(rest.value) ? '' : rest.value}
      onChange={(event) => onChange(event.target.valueAsNumber)}
    />
  );
}

/** A share, typed in per cent. */
export function PercentField({
  value,
  onChange,
  max = 100,
  ...rest
}: Omit<NumberProps, 'min' | 'max'> & { max?: number }) {
  return (
    <NumberField
      {...rest}
      min={0}
      max={max}
      step={0.1}
      value={Math.round(value * 1000) / 10}
      onChange={(percent) => onChange(percent / 100)}
    />
  );
}

/** A setting that may be off; `children` are its numbers. */
export function Switchable<T>({
  label,
  value,
  whenOn,
  onChange,
  children,
}: {
  label: string;
  value: T | null;
  /** What it is when it is switched on. */
  whenOn: T;
  onChange(value: T | null): void;
  children(value: T): ReactNode;
}) {
  return (
    <div className="flex flex-col gap-3">
      <CheckField
        label={label}
        checked={value !== null}
        onChange={(event) => onChange(event.target.checked ? whenOn : null)}
      />
      {value !== null && <div className="ml-6 grid items-start gap-4 sm:grid-cols-2">{children(value)}</div>}
    </div>
  );
}
