import type { ReactNode } from 'react';

/** A key, as printed on it. Hidden from screen readers: the key list (`?`) reads them out. */
export function Kbd({ children, onGold = false }: { children: ReactNode; onGold?: boolean }) {
  return (
    <span
      aria-hidden="true"
      className={`figures rounded-one border px-1 text-12 leading-4 ${onGold ? 'border-on-gold text-on-gold' : 'border-edge text-quiet'}`}
    >
      {children}
    </span>
  );
}
