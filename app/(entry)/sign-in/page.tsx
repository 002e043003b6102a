import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { sessionUser } from '../../lib/session.ts';
import { SignInForm } from './sign-in-form.tsx';

export const metadata: Metadata = { title: 'Sign in' };
export const dynamic = 'force-dynamic';

export default async function SignInPage() {
  if (await sessionUser()) redirect('/');
  return <SignInForm />;
}
