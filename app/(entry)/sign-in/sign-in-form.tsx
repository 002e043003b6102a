'use client';

import { useQuery } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { type FormEvent, useEffect, useState } from 'react';
import { Button } from '../../components/ui/button.tsx';
import { TextField } from '../../components/ui/field.tsx';
import { signIn } from '../../lib/sign-in.ts';
import { useTRPC } from '../../lib/trpc.ts';

export function SignInForm() {
  const trpc = useTRPC();
  const router = useRouter();
  const setup = useQuery(trpc.people.setupNeeded.queryOptions());
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    if (setup.data === true) router.replace('/setup');
  }, [setup.data, router]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      if (await signIn(String(form.get('email')), String(form.get('password')))) {
        window.location.assign('/');
        return;
      }
      setError(
        'E-mail address and password do not match, or the account is paused. Check both, or ask an admin.',
      );
    } catch {
      setError('The server did not answer. Try again in a moment.');
    }
    setBusy(false);
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <h1 className="text-28 font-strong">Sign in</h1>
      <TextField
        label="E-mail address"
        name="email"
        type="email"
        autoComplete="username"
        required
        autoFocus
      />
      <TextField
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
        error={error}
      />
      <Button tone="primary" type="submit" busy={busy}>
        Sign in
      </Button>
      <p className="text-12 text-quiet">
        No account yet? An admin of your team can send you an invitation link.
      </p>
    </form>
  );
}
