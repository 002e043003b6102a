'use client';

import { useEffect, useState } from 'react';
import { THEME_KEY } from './theme-key.ts';

export type Theme = 'light' | 'dark' | 'system';

/** The chosen theme, and a function that chooses. `system` follows the machine. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>('system');
  useEffect(() => {
    const chosen = document.documentElement.dataset.theme;
    if (chosen === 'light' || chosen === 'dark') setTheme(chosen);
  }, []);
  return [
    theme,
    (chosen) => {
      setTheme(chosen);
      if (chosen === 'system') {
        delete document.documentElement.dataset.theme;
        localStorage.removeItem(THEME_KEY);
      } else {
        document.documentElement.dataset.theme = chosen;
        localStorage.setItem(THEME_KEY, chosen);
      }
      window.dispatchEvent(new Event('touchstone-theme'));
    },
  ];
}
