'use client';

import { type FormEvent, type ReactNode, useState } from 'react';
import { Button } from '../components/ui/button.tsx';
import { TextField } from '../components/ui/field.tsx';
import { signIn } from '../lib/sign-in.ts';

interface AccountFormProps {
  title: string;
  lead: ReactNode;
  verb: string;
  /** Given when it is fixed by an invitation. */
  email?: string;
  /** Makes the account; the form then signs in. */
  create(account: { name: string; email: string; password: string }): Promise<unknown>;
}

/** Name, e-mail address and a new password; makes the account and signs in. */
export function AccountForm({ title, lead, verb, email, create }: AccountFormProps) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const account = {
      name: String(form.get('name')),
      email: email ?? String(form.get('email')),
      password: String(form.get('password')),
    };
    setBusy(true);
    setError(null);
    try {
      await create(account);
      window.location.assign((await signIn(account.email, account.password)) ? '/' : '/sign-in');
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : 'The server did not answer.');
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div>
        <h1 className="text-28 font-strong">{title}</h1>
        <p className="mt-1 text-14 text-quiet">{lead}</p>
      </div>
      <TextField label="Name" name="name" autoComplete="name" required autoFocus maxLength={200} />
      <TextField
        label="E-mail address"
        name="email"
        type="email"
        autoComplete="username"
        required
        {...(email === undefined ? {} : { value: email, readOnly: true })}
      />
      <TextField
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        hint="At least 10 characters."
        minLength={10}
        required
        error={error}
      />
      <Button tone="primary" type="submit" busy={busy}>
        {verb}
      </Button>
    </form>
  );
}
