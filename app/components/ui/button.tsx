import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Kbd } from './kbd.tsx';

export type ButtonTone = 'primary' | 'plain' | 'quiet' | 'danger';

const tones: Record<ButtonTone, string> = {
  primary: 'bg-gold-strong text-on-gold border-gold hover:bg-gold font-strong',
  plain: 'bg-surface text-ink border-edge hover:bg-sunken',
  quiet: 'bg-transparent text-ink border-transparent hover:bg-sunken',
  danger: 'bg-surface text-red border-red hover:bg-red-wash',
};

/** The classes of a button, for links that look like one. */
export function buttonClass(tone: ButtonTone = 'plain', small = false): string {
  const size = small ? 'h-7 px-2 text-12' : 'h-9 px-3 text-14';
  return `inline-flex items-center justify-center gap-2 whitespace-nowrap rounded-one border transition-colors duration-150 disabled:cursor-not-allowed disabled:border-line disabled:bg-sunken disabled:text-quiet ${size} ${tones[tone]}`;
}

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `primary` is the one thing to do next: at most one on a page. */
  tone?: ButtonTone;
  small?: boolean;
  /** While true it is disabled and says so to screen readers; its label stays. */
  busy?: boolean;
  /** The key that does the same, shown beside the label. */
  shortcut?: string;
  children: ReactNode;
}

/** A button. Its label is a verb. */
export function Button({
  tone = 'plain',
  small = false,
  busy = false,
  shortcut,
  className = '',
  children,
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={`${buttonClass(tone, small)} ${className}`}
    >
      {children}
      {shortcut !== undefined && <Kbd onGold={tone === 'primary' && !disabled && !busy}>{shortcut}</Kbd>}
    </button>
  );
}
