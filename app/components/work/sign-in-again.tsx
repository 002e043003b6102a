'use client';

import { type FormEvent, useState } from 'react';
import { signIn } from '../../lib/sign-in.ts';
import { useUser } from '../shell/user.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';

/** Signs the same person in again without leaving the page: what is typed on it stays as it is. */
export default function SignInAgain({ onClose, onSignedIn }: { onClose(): void; onSignedIn(): void }) {
  const { email } = useUser();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const password = new FormData(event.currentTarget).get('password');
    setBusy(true);
    setError(null);
    try {
      if (await signIn(email, String(password))) {
        onSignedIn();
        return;
      }
      setError('This is not the password of the account, or the account is paused.');
    } catch {
      setError('The server did not answer. Try again in a moment.');
    }
    setBusy(false);
  }

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Sign in again"
      description={`You are no longer signed in as ${email}. What you typed is kept in this browser, and is saved as soon as you are.`}
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <input type="hidden" name="email" autoComplete="username" value={email} readOnly />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          autoFocus
          error={error}
        />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Later</Button>
          <Button tone="primary" type="submit" busy={busy}>
            Sign in
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
