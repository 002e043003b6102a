import type { ReactNode } from 'react';
import { AppBar } from '../components/shell/app-bar.tsx';
import { SavedProvider } from '../components/shell/saved.tsx';
import { UserProvider } from '../components/shell/user.tsx';
import { OfflineLine } from '../components/ui/states.tsx';
import { OutboxProvider } from '../components/work/outbox-provider.tsx';
import { ProjectProvider } from '../lib/project.tsx';
import { requireUser } from '../lib/session.ts';

// Everything behind the sign-in depends on who asks.
export const dynamic = 'force-dynamic';

export default async function SignedInLayout({ children }: { children: ReactNode }) {
  const { id, name, email, role } = await requireUser();
  return (
    <UserProvider user={{ id, name, email, role }}>
      <ProjectProvider>
        <OutboxProvider>
          <SavedProvider>
            <AppBar />
            <OfflineLine />
            {children}
          </SavedProvider>
        </OutboxProvider>
      </ProjectProvider>
    </UserProvider>
  );
}
