import type { ReactNode } from 'react';

export type ModelKind = 'base' | 'sft' | 'reward' | 'ppo';

/** What the kinds of model are called in running text. */
export const MODEL_NAMES: Record<ModelKind, string> = {
  base: 'base',
  sft: 'SFT',
  reward: 'reward',
  ppo: 'PPO',
};

const modelText: Record<ModelKind, string> = {
  base: 'text-model-base border-model-base',
  sft: 'text-model-sft border-model-sft',
  reward: 'text-model-reward border-model-reward',
  ppo: 'text-model-ppo border-model-ppo',
};

const shapes: Record<ModelKind, ReactNode> = {
  base: <rect x="1.5" y="1.5" width="7" height="7" />,
  sft: <circle cx="5" cy="5" r="4" />,
  reward: <path d="M5 .5 9.5 5 5 9.5.5 5z" />,
  ppo: <path d="M5 .8 9.6 9H.4z" />,
};

/** The kind of a model: its colour, its shape and its name, the same everywhere. */
export function ModelChip({ kind }: { kind: ModelKind }) {
  return (
    <span className={`inline-flex items-center gap-1.5 rounded-one border px-1.5 text-12 ${modelText[kind]}`}>
      <svg viewBox="0 0 10 10" className="size-2.5 fill-current" aria-hidden="true">
        {shapes[kind]}
      </svg>
      {MODEL_NAMES[kind]}
    </span>
  );
}

export type ChipTone = 'plain' | 'ink' | 'gold' | 'red' | 'green';

const tones: Record<ChipTone, string> = {
  plain: 'border-edge text-quiet',
  ink: 'border-edge text-ink',
  gold: 'border-gold text-gold-text',
  red: 'border-red text-red',
  green: 'border-green text-green',
};

/** A small fact about a thing: a state, a split, a kind. */
export function Chip({ tone = 'plain', children }: { tone?: ChipTone; children: ReactNode }) {
  return (
    <span
      className={`inline-flex items-center gap-1 whitespace-nowrap rounded-one border px-1.5 text-12 ${tones[tone]}`}
    >
      {children}
    </span>
  );
}

const statusTones: Record<string, { tone: ChipTone; mark: string }> = {
  queued: { tone: 'plain', mark: '○' },
  running: { tone: 'ink', mark: '◐' },
  active: { tone: 'ink', mark: '◐' },
  completed: { tone: 'green', mark: '✓' },
  submitted: { tone: 'green', mark: '✓' },
  done: { tone: 'green', mark: '✓' },
  failed: { tone: 'red', mark: '✕' },
  cancelled: { tone: 'plain', mark: '–' },
  paused: { tone: 'red', mark: '‖' },
};

/** How far a run, a round or a person's work is: a mark and a word, and a colour besides. */
export function StatusChip({ status }: { status: string }) {
  const { tone, mark } = statusTones[status] ?? { tone: 'plain' as const, mark: '·' };
  return (
    <Chip tone={tone}>
      <span aria-hidden="true">{mark}</span>
      {status}
    </Chip>
  );
}

interface ChoiceChipProps {
  pressed: boolean;
  onToggle(): void;
  children: ReactNode;
  label?: string;
  disabled?: boolean;
}

/** A chip that is on or off. */
export function ChoiceChip({ pressed, onToggle, children, label, disabled = false }: ChoiceChipProps) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      aria-label={label}
      disabled={disabled}
      onClick={onToggle}
      className={`inline-flex h-7 items-center gap-1 whitespace-nowrap rounded-one border px-2 text-12 transition-colors duration-150 ${
        pressed
          ? 'border-gold bg-gold-wash font-strong text-gold-text'
          : 'border-edge text-quiet hover:bg-sunken'
      }`}
    >
      {pressed && <span aria-hidden="true">✓</span>}
      {children}
    </button>
  );
}
