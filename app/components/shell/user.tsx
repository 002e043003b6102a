'use client';

import { createContext, type ReactNode, useContext } from 'react';
import type { Role } from './pages.ts';

interface ShownUser {
  id: string;
  name: string;
  email: string;
  role: Role;
}

const Context = createContext<ShownUser | null>(null);

/** Tells the page's components who is signed in. What they may do is decided by the procedures, not here. */
export function UserProvider({ user, children }: { user: ShownUser; children: ReactNode }) {
  return <Context.Provider value={user}>{children}</Context.Provider>;
}

/** Who is signed in. */
export function useUser(): ShownUser {
  const user = useContext(Context);
  if (!user) throw new Error('useUser needs a UserProvider above it.');
  return user;
}
