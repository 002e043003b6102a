'use client';

import { useEffect, useState } from 'react';

/** What a token's colour is right now, as canvas understands it. */
export function resolveColour(token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** A number that changes with the theme, for what must be drawn anew. */
export function useThemeVersion(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const bump = () => setVersion((before) => before + 1);
    const machine = matchMedia('(prefers-color-scheme: dark)');
    machine.addEventListener('change', bump);
    window.addEventListener('touchstone-theme', bump);
    return () => {
      machine.removeEventListener('change', bump);
      window.removeEventListener('touchstone-theme', bump);
    };
  }, []);
  return version;
}

export type ModelKind = 'base' | 'sft' | 'reward' | 'ppo';

/** The model kind whose colour the curves of a stage carry. */
export const STAGE_KIND: Record<string, ModelKind> = {
  pretrain: 'base',
  sft: 'sft',
  reward: 'reward',
  ppo: 'ppo',
};
