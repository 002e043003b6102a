'use client';

import { lazy, Suspense, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import type { Outcome } from './outbox.ts';

const SignInAgain = lazy(() => import('./sign-in-again.tsx'));

interface WaitingDialogProps {
  /** `ranking`. */
  name: string;
  why: Extract<Outcome, { state: 'waiting' }>['why'];
  onTryNow(): void;
  onTakeBack(): void;
}

const WHY = {
  unreachable: 'There is no connection to the server.',
  server: 'The server could not take it just now.',
  'signed-out': 'You are signed out.',
} as const;

/** Shown while work that was handed in waits for the server. It goes away by itself. */
export function WaitingDialog({ name, why, onTryNow, onTakeBack }: WaitingDialogProps) {
  const [signingIn, setSigningIn] = useState(false);
  if (signingIn) {
    return (
      <Suspense>
        <SignInAgain
          onClose={() => setSigningIn(false)}
          onSignedIn={() => {
            setSigningIn(false);
            onTryNow();
          }}
        />
      </Suspense>
    );
  }
  const signedOut = why === 'signed-out';
  return (
    <Dialog
      open
      onOpenChange={() => undefined}
      title={`Your ${name} is kept, and waits to be sent`}
      description={`${WHY[why]} The ${name} is kept in this browser and handed in ${
        signedOut ? 'when you sign in again' : 'by itself as soon as that changes'
      }, also when you close this page and come back.`}
      actions={
        <>
          <Button onClick={onTakeBack}>Change it</Button>
          <Button tone="primary" data-first-focus onClick={signedOut ? () => setSigningIn(true) : onTryNow}>
            {signedOut ? 'Sign in again' : 'Try now'}
          </Button>
        </>
      }
    />
  );
}
