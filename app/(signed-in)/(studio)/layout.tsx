import type { ReactNode } from 'react';
import { Rail } from '../../components/shell/rail.tsx';
import { requireRole } from '../../lib/session.ts';

export default async function StudioLayout({ children }: { children: ReactNode }) {
  const { role } = await requireRole('researcher');
  return (
    <div className="lg:flex">
      <Rail role={role} />
      <main id="main" className="min-w-0 flex-1">
        {children}
      </main>
    </div>
  );
}
