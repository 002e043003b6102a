import type { ReactNode } from 'react';
import { Mark } from '../components/shell/mark.tsx';

export default function EntryLayout({ children }: { children: ReactNode }) {
  return (
    <main
      id="main"
      className="mx-auto flex min-h-dvh w-full max-w-96 flex-col justify-center gap-8 px-6 py-12"
    >
      <div className="flex items-center gap-3">
        <Mark className="size-9" />
        <p className="text-21 font-strong">Touchstone</p>
      </div>
      {children}
    </main>
  );
}
