import { redirect } from 'next/navigation';
import { cache } from 'react';
import { currentUser } from '@/server/auth.ts';
import { hasRole, type SessionUser } from '@/server/people/access.ts';

/** Who is signed in; asked once for each request. */
export const sessionUser = cache(currentUser);

/** The signed-in person, or the sign-in page. */
export async function requireUser(): Promise<SessionUser> {
  const user = await sessionUser();
  if (!user) redirect('/sign-in');
  return user;
}

/** The signed-in person with at least this role, or the home page. The procedures guard the data itself. */
export async function requireRole(role: SessionUser['role']): Promise<SessionUser> {
  const user = await requireUser();
  if (!hasRole(user.role, role)) redirect('/');
  return user;
}
